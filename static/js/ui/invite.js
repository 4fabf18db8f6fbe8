// Bringing others in: the card of an empty room, and copying the link.

import { say, sayAttribute, t } from '../i18n.js';
import { announce, h, icon } from './dom.js';

/** @param {string} room */
export function linkTo(room) {
  return `${location.origin}/r/${encodeURIComponent(room)}`;
}

/**
 * True if the link is on the clipboard.
 * @param {string} link
 */
export async function copyText(link) {
  try {
    await navigator.clipboard.writeText(link);
    return true;
  } catch {
    return copyOldWay(link);
  }
}

/**
 * On insecure origins there is no clipboard interface, only this.
 * @param {string} text
 */
function copyOldWay(text) {
  const field = h('textarea', { class: 'unseen', attrs: { readonly: true } });
  field.value = text;
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const host = before?.closest('dialog') ?? document.body;
  host.append(field);
  field.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    field.remove();
    before?.focus();
  }
}

/** @param {string} room */
export function inviteCard(room) {
  const link = linkTo(room);
  const field = h('input', { class: 'input', testid: 'invite-link', label: 'invite.link', attrs: { readonly: true, value: link }, on: { focus: () => field.select() } });
  const word = h('span', { t: 'invite.copy' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const copy = h('button', {
    class: 'button primary', testid: 'invite-copy', attrs: { type: 'button' },
    on: {
      click: async () => {
        const done = await copyText(link);
        if (!done) field.select();
        say(word, done ? 'invite.copied' : 'invite.copy');
        announce(done ? t('invite.copiedLong') : t('invite.copyFailed', { link }));
        clearTimeout(timer);
        timer = setTimeout(() => say(word, 'invite.copy'), 2500);
      },
    },
  }, icon('copy'), word);
  const code = h('img', { class: 'qr', testid: 'invite-qr', attrs: { src: `/api/qr?text=${encodeURIComponent(link)}`, width: 168, height: 168 } });
  sayAttribute(code, 'alt', 'invite.qr');
  return h('section', { class: 'invite', testid: 'invite' },
    h('h2', { t: 'invite.title' }), h('p', { class: 'soft', t: 'invite.lead' }), field, copy, code);
}
