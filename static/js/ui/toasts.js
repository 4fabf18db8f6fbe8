// Short sentences that go by themselves, at most three at a time, the newest below. Screen readers hear them.

import { announce, h, icon } from './dom.js';
import { t } from '../i18n.js';

const SHOWN_MS = 5000;
const ACTION_MS = 20_000;
const MOST = 3;

export class ToastList extends HTMLElement {
  connectedCallback() {
    this.className = 'toasts';
  }

  /**
   * Gives what takes it away before its time.
   * @param {string} text
   * @param {{urgent?: boolean, about?: string, action?: {text: string, run: () => void}}} [options] of what is said `about`
   *   the same thing only the newest stays
   */
  add(text, { urgent = false, about = '', action } = {}) {
    announce(text, urgent);
    for (const older of [...this.children]) if (about && older instanceof HTMLElement && older.dataset.about === about) older.remove();
    const toast = h('div', { class: urgent ? 'toast urgent' : 'toast', testid: 'toast', attrs: { 'data-about': about || null } }, urgent && icon('warn'), h('span', {}, text));
    const close = () => { clearTimeout(timer); toast.remove(); };
    if (action) {
      toast.append(h('button', { class: 'button plain', testid: 'toast-action', attrs: { type: 'button' }, on: { click: () => { close(); action.run(); } } }, action.text));
    }
    if (urgent) {
      toast.append(h('button', { class: 'round', testid: 'toast-close', attrs: { type: 'button', 'aria-label': t('dialog.close') }, on: { click: close } }, icon('close')));
    }
    // Whoever reads slowly, or with the pointer on it, keeps it.
    const wait = urgent || action ? ACTION_MS : SHOWN_MS;
    let timer = setTimeout(close, wait);
    toast.addEventListener('pointerenter', () => clearTimeout(timer));
    toast.addEventListener('pointerleave', () => { timer = setTimeout(close, SHOWN_MS); });
    this.append(toast);
    while (this.children.length > MOST) this.firstElementChild?.remove();
    return close;
  }
}

customElements.define('toast-list', ToastList);
