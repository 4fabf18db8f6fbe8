// One message of the chat. Text goes in as text, never as markup.

import { clock, keep, say, sayAttribute, size, t } from '../i18n.js';
import { h, icon } from './dom.js';
import { linkPieces } from './links.js';

/** @import {ChatMessage, Transfer} from '../core/types.js' */

/** Types that browsers draw and that cannot carry a script into the page when shown by <img>. */
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'];
const BROKEN = ['failed', 'cancelled', 'slow'];
/** Messages of one person within this time stand together. */
const TOGETHER_MS = 3 * 60_000;

/**
 * @param {ChatMessage} message
 * @param {ChatMessage | undefined} before
 * @param {Transfer | undefined} transfer of a file
 * @param {(id: string) => void} cancel a transfer
 */
export function chatMessage(message, before, transfer, cancel) {
  const follows = before !== undefined && before.from === message.from && message.at - before.at < TOGETHER_MS;
  const item = h('li', { class: follows ? 'message follows' : 'message', testid: 'message', attrs: { 'data-self': message.self, 'data-kind': message.kind } });
  if (!follows) {
    const name = h('span', { class: 'message-name', testid: 'message-name' });
    if (message.self) say(name, 'room.you');
    else name.textContent = message.name;
    const time = h('time', { class: 'message-time', attrs: { datetime: new Date(message.at).toISOString() } });
    keep(time, 'text', () => { time.textContent = clock(message.at); });
    item.append(h('div', { class: 'message-head' }, name, time));
  }
  item.append(message.kind === 'file' ? fileCard(transfer, cancel) : h('div', { class: 'bubble', testid: 'message-text' }, ...body(message.text ?? '')));
  return item;
}

/** @param {string} text */
function body(text) {
  return linkPieces(text).map(({ text: words, href }) => (href
    ? h('a', { attrs: { href, target: '_blank', rel: 'noopener noreferrer nofollow' } }, words)
    : words));
}

/**
 * @param {Transfer | undefined} transfer
 * @param {(id: string) => void} cancel
 */
function fileCard(transfer, cancel) {
  const card = h('div', { class: 'bubble file', testid: 'message-file' });
  if (!transfer) return card;
  const stop = h('button', { class: 'round', testid: 'file-cancel', attrs: { type: 'button' }, on: { click: () => cancel(transfer.id) } }, icon('close'));
  sayAttribute(stop, 'aria-label', 'file.cancel', { file: transfer.file.name });
  card.append(
    h('div', { class: 'file-row' }, icon('file'),
      h('div', { class: 'file-words' }, h('span', { class: 'file-name' }, transfer.file.name), h('span', { class: 'file-state', testid: 'file-state' })), stop),
    h('progress', { class: 'file-progress', testid: 'file-progress', attrs: { max: 1, 'aria-hidden': 'true' } }));
  showTransfer(card, transfer);
  return card;
}

/**
 * Brings a file's card up to date.
 * @param {Element} card
 * @param {Transfer} transfer
 */
export function showTransfer(card, transfer) {
  const { file, state, done, self } = transfer;
  const moving = state === 'active' || state === 'queued';
  const words = /** @type {HTMLElement} */ (card.querySelector('.file-state'));
  keep(words, 'text', () => { words.textContent = stateText(transfer); });
  const progress = /** @type {HTMLProgressElement} */ (card.querySelector('progress'));
  progress.hidden = !moving;
  if (file.size) progress.value = Math.min(1, done / file.size);
  else progress.removeAttribute('value');
  /** @type {HTMLElement} */ (card.querySelector('[data-testid="file-cancel"]')).hidden = !moving;
  card.classList.toggle('broken', BROKEN.includes(state));
  if (state === 'done' && !card.querySelector('.file-download')) offer(card, transfer, self);
}

/** @param {Transfer} transfer */
function stateText(transfer) {
  const words = progressText(transfer);
  return transfer.missed ? `${words} · ${t('file.missed', { names: transfer.missed.join(', ') })}` : words;
}

/** @param {Transfer} transfer */
function progressText({ file, state, done, direction }) {
  const whole = file.size === null ? null : size(file.size);
  if (state === 'queued') return t('file.queued');
  if (state === 'cancelled' || state === 'failed' || state === 'slow') return t(`file.${state}`);
  if (state === 'done') return whole ?? size(done);
  if (direction === 'out') return t('file.sending', { done: size(done), size: whole ?? '' });
  return whole === null ? t('file.receivingUnknown', { done: size(done) }) : t('file.receiving', { done: size(done), size: whole });
}

/**
 * What has arrived can be saved, and seen if it is a picture.
 * @param {Element} card
 * @param {Transfer} transfer
 * @param {boolean} own
 */
function offer(card, { file, url, blob }, own) {
  const source = url ?? (blob && URL.createObjectURL(blob));
  if (!source) return;
  if (PICTURES.includes(file.type)) {
    const picture = h('img', { class: 'file-picture', testid: 'file-picture', attrs: { src: source } });
    sayAttribute(picture, 'alt', 'file.picture', { file: file.name });
    card.prepend(picture);
  }
  if (own) return;
  const link = h('a', { class: 'round file-download', testid: 'file-download', attrs: { href: source, download: file.name } }, icon('download'));
  sayAttribute(link, 'aria-label', 'file.download', { file: file.name });
  card.querySelector('.file-row')?.append(link);
}
