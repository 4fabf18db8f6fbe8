// A dialog: the browser's own, which keeps the focus inside and gives it back.

import { h, icon, styled } from './dom.js';

/** @import {Params} from '../i18n.js' */

await styled('dialog');

/**
 * Opens a dialog over the page. It is removed when it closes.
 * @param {{title: string, testid: string, params?: Params, wide?: boolean, onClose?: () => void}} options title: a key
 * @param {...Node} content
 * @returns {HTMLDialogElement}
 */
export function openDialog({ title, params, testid, wide = false, onClose }, ...content) {
  const id = `${testid}-title`;
  const dialog = h('dialog', { class: wide ? 'dialog wide' : 'dialog', testid, attrs: { 'aria-labelledby': id, autofocus: true, tabindex: -1 } },
    h('header', { class: 'dialog-head' },
      h('h2', { t: title, params, attrs: { id } }),
      h('button', { class: 'round', testid: 'dialog-close', label: 'dialog.close', attrs: { type: 'button' }, on: { click: () => dialog.close() } }, icon('close'))),
    h('div', { class: 'dialog-body' }, ...content));
  // A click beside it closes it, as everywhere.
  dialog.addEventListener('pointerdown', (event) => { if (event.target === dialog) dialog.close(); });
  const before = document.activeElement;
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
    onClose?.();
  });
  // In full screen only what is inside the shown element is seen, but dialogs are above everything.
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks before something that cannot be taken back. True for yes.
 * @param {{title: string, text: string, yes: string, params: Params}} words keys
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, params }) {
  return new Promise((resolve) => {
    let sure = false;
    const choice = (/** @type {string} */ testid, /** @type {string} */ key, /** @type {string} */ look, /** @type {boolean} */ answer) => h('button', {
      class: `button ${look}`, testid, t: key, attrs: { type: 'button' }, on: { click: () => { sure = answer; dialog.close(); } },
    });
    const dialog = openDialog({ title, params, testid: 'confirm', onClose: () => resolve(sure) },
      h('p', { t: text, params }),
      h('div', { class: 'choices end' }, choice('confirm-no', 'dialog.cancel', '', false), choice('confirm-yes', yes, 'danger', true)));
    /** @type {HTMLElement | null} */ (dialog.querySelector('[data-testid="confirm-no"]'))?.focus();
  });
}
