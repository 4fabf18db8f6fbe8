// A dialog: the browser's own, which keeps the focus inside and gives it back.

import { h, icon } from './dom.js';

/**
 * Opens a dialog over the page. It is removed when it closes.
 * @param {{title: string, testid: string, wide?: boolean, onClose?: () => void}} options title: a key
 * @param {...Node} content
 * @returns {HTMLDialogElement}
 */
export function openDialog({ title, testid, wide = false, onClose }, ...content) {
  const id = `${testid}-title`;
  const dialog = h('dialog', { class: wide ? 'dialog wide' : 'dialog', testid, attrs: { 'aria-labelledby': id, autofocus: true, tabindex: -1 } },
    h('header', { class: 'dialog-head' },
      h('h2', { t: title, attrs: { id } }),
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
