// The chat: a drawer beside the tiles, a sheet above them on phones. Asks by events: 'chat-text' (detail: text),
// 'chat-files' (detail: File[]), 'chat-cancel' (detail: transfer id), 'chat-read', 'chat-close'.

import { keep, say, sayAttribute, size, t } from '../i18n.js';
import { chatMessage, showTransfer } from './chat-message.js';
import { announce, h, icon, styled } from './dom.js';

/** @import {ChatMessage, RoomState, Transfer} from '../core/types.js' */
/** @import {Params} from '../i18n.js' */

await styled('chat');

const NEAR_END = 80; // pixels: whoever is this near the end follows new messages
const TALLEST = 144; // pixels of the field
const MAX_TEXT = 10_000; // UTF-16 units of one message

export class ChatDrawer extends HTMLElement {
  /** Of a file, in bytes. */
  #limit = Infinity;
  #attach = h('button', { class: 'round', testid: 'chat-attach', attrs: { type: 'button', 'data-tip-start': '' }, on: { click: () => this.#files.click() } }, icon('attach'));
  /** @type {readonly ChatMessage[]} */
  #messages = [];
  /** @type {readonly Transfer[] | null} */
  #transfers = null;
  /** @type {Map<string, HTMLElement>} cards by transfer id */
  #cards = new Map();
  #missed = 0;
  #tooLong = false;
  #list = h('ol', { class: 'messages', testid: 'messages', label: 'chat.messages', attrs: { tabindex: 0 }, on: { scroll: () => { if (this.#atEnd()) this.#follow(); } } });
  #empty = h('div', { class: 'chat-empty' }, h('h3', { t: 'chat.empty' }), h('p', { class: 'soft', t: 'chat.emptyLead' }));
  #newer = h('button', { class: 'button primary newer', testid: 'chat-newer', attrs: { type: 'button', hidden: true }, on: { click: () => this.#follow() } });
  #field = h('textarea', { class: 'chat-field', testid: 'chat-input', label: 'chat.input', attrs: { rows: 1, enterkeyhint: 'send' } });
  #problem = h('p', { class: 'problem bad', testid: 'chat-problem', attrs: { hidden: true } }, icon('warn'), h('span'));
  #files = h('input', { testid: 'chat-file-input', attrs: { type: 'file', multiple: true, hidden: true } });
  #send = h('button', { class: 'round send', testid: 'chat-send', tip: 'chat.send', attrs: { type: 'submit', 'data-tip-end': '' } }, icon('send'));

  setup() {
    this.className = 'chat';
    this.dataset.testid = 'chat';
    this.hidden = true;
    this.setAttribute('role', 'complementary');
    say(this.#newer, 'chat.newer', { n: 0 });
    const title = h('h2', { t: 'chat.title', attrs: { id: 'chat-title' } });
    this.setAttribute('aria-labelledby', 'chat-title');
    this.append(
      h('header', { class: 'chat-head' }, title,
        h('button', { class: 'round', testid: 'chat-close', tip: 'chat.close', attrs: { type: 'button', 'data-tip-below': '', 'data-tip-end': '' }, on: { click: () => this.#ask('chat-close') } }, icon('close'))),
      h('div', { class: 'chat-body' }, this.#empty, this.#list, this.#newer), this.#problem,
      h('form', { class: 'composer', on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); this.#submit(); } } }, this.#attach, this.#files, this.#field, this.#send));
    sayAttribute(this.#field, 'placeholder', 'chat.input');
    this.#field.addEventListener('keydown', (event) => this.#typed(event));
    this.#field.addEventListener('input', () => { this.#grow(); this.#weigh(); });
    this.#field.addEventListener('paste', (event) => this.#pasted(event));
    this.#files.addEventListener('change', () => { this.offer([...this.#files.files ?? []]); this.#files.value = ''; });
    return this;
  }

  /**
   * @param {RoomState} state
   * @param {number} limit of a file, in bytes; 0: none may be sent
   */
  update({ messages, transfers }, limit) {
    if (this.#limit !== limit) {
      this.#limit = limit;
      this.#attach.hidden = limit === 0;
      keep(this.#attach, 'tip', () => { for (const name of ['aria-label', 'data-tip']) this.#attach.setAttribute(name, t('chat.attach', { size: size(limit) })); });
    }
    if (messages === this.#messages && transfers === this.#transfers) return;
    this.#transfers = transfers;
    const following = this.#atEnd();
    const fresh = messages.slice(this.#messages.length);
    for (const [index, message] of fresh.entries()) {
      const before = messages[this.#messages.length + index - 1];
      const transfer = transfers.find(({ id }) => id === message.transfer);
      const item = chatMessage(message, before, transfer, (id) => this.#ask('chat-cancel', id));
      const card = item.querySelector('.file');
      if (transfer && card instanceof HTMLElement) this.#cards.set(transfer.id, card);
      this.#list.append(item);
    }
    this.#messages = messages;
    for (const transfer of transfers) {
      const card = this.#cards.get(transfer.id);
      if (card) showTransfer(card, transfer);
    }
    this.#empty.hidden = messages.length > 0;
    this.#list.hidden = messages.length === 0;
    if (fresh.length === 0) {
      if (following) this.#scroll();
      return;
    }
    if (following || fresh.some((message) => message.self)) this.#follow();
    else this.#miss(fresh.length);
    if (!this.hidden) this.#ask('chat-read');
  }

  /** @param {boolean} open */
  show(open) {
    this.hidden = !open;
    if (!open) return;
    this.#follow();
    this.#ask('chat-read');
    this.#field.focus();
  }

  /**
   * Sends files, but says of those that are too large that they are.
   * @param {File[]} files
   */
  offer(files) {
    if (this.#limit === 0) {
      this.#complain('chat.noFiles', {});
      return;
    }
    const large = files.find((file) => file.size > this.#limit);
    this.#problem.hidden = true;
    if (large) this.#complain('chat.tooLarge', { name: large.name, size: size(large.size), max: size(this.#limit) });
    const fit = files.filter((file) => file.size <= this.#limit);
    if (fit.length > 0) this.#ask('chat-files', fit);
  }

  /**
   * @param {string} key
   * @param {Params} params
   */
  #complain(key, params) {
    announce(this.#tell(key, params), true);
  }

  /**
   * @param {string} key
   * @param {Params} params
   */
  #tell(key, params) {
    const text = /** @type {HTMLElement} */ (this.#problem.lastElementChild);
    this.#problem.hidden = false;
    say(text, key, params);
    return text.textContent ?? '';
  }

  #submit() {
    const text = this.#field.value.trim();
    this.#weigh(true);
    if (!text || this.#tooLong) return;
    this.#problem.hidden = true;
    this.#ask('chat-text', text);
    this.#field.value = '';
    this.#grow();
    this.#field.focus();
  }

  /**
   * Whatever is pasted stays whole: what is too long for one message is said, and not sent.
   * @param {boolean} [again] says so although it was said
   */
  #weigh(again = false) {
    const { length } = this.#field.value.trim();
    const was = this.#tooLong;
    this.#tooLong = length > MAX_TEXT;
    this.#field.setAttribute('aria-invalid', String(this.#tooLong));
    if (this.#tooLong) {
      const text = this.#tell('chat.tooLong', { n: length, max: MAX_TEXT });
      if (!was || again) announce(text, true);
    } else if (was) this.#problem.hidden = true;
  }

  /** @param {KeyboardEvent} event */
  #typed(event) {
    // While a Chinese word is composed, Enter chooses it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const files = [...event.clipboardData?.files ?? []];
    if (files.length === 0) return;
    event.preventDefault();
    this.offer(files);
  }

  #grow() {
    this.#field.style.setProperty('height', 'auto');
    this.#field.style.setProperty('height', `${Math.min(TALLEST, this.#field.scrollHeight)}px`);
  }

  #atEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  #follow() {
    this.#missed = 0;
    this.#newer.hidden = true;
    this.#scroll();
  }

  #scroll() {
    const last = this.#list.scrollHeight - this.#list.clientHeight;
    if (Math.abs(this.#list.scrollTop - last) > 1) this.#list.scrollTop = last;
  }

  /** @param {number} count */
  #miss(count) {
    this.#missed += count;
    this.#newer.hidden = false;
    say(this.#newer, 'chat.newer', { n: this.#missed });
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   */
  #ask(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}

customElements.define('chat-drawer', ChatDrawer);
