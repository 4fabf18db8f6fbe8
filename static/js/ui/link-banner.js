// "Reconnecting…" with seconds while the server is out of reach. It comes after a moment, so that a hiccup is not told.

import { say, t } from '../i18n.js';
import { announce, h } from './dom.js';

/** @import {RoomState} from '../core/types.js' */

const PATIENCE_MS = 700;
const TICK_MS = 500;

export class LinkBanner extends HTMLElement {
  /** @type {number | null} */
  #since = null;
  #told = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #seconds = h('span', { class: 'soft-inline', testid: 'banner-seconds' });

  connectedCallback() {
    if (this.firstChild) return;
    this.className = 'banner';
    this.dataset.testid = 'banner';
    this.hidden = true;
    this.append(h('span', { class: 'spinner', attrs: { 'aria-hidden': 'true' } }), h('span', { t: 'banner.down' }), this.#seconds);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  /** @param {Pick<RoomState, 'link' | 'downSince' | 'phase'>} state */
  update({ link, downSince, phase }) {
    const since = link === 'down' && phase === 'joined' ? downSince ?? Date.now() : null;
    if (since !== null && this.#since !== null) return;
    if (since === this.#since) return;
    this.#since = since;
    clearInterval(this.#timer);
    if (since === null) {
      this.hidden = true;
      if (this.#told) announce(t('banner.back'));
      this.#told = false;
      return;
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  #tick() {
    const down = Date.now() - /** @type {number} */ (this.#since);
    if (down < PATIENCE_MS) return;
    const seconds = Math.floor(down / 1000);
    this.hidden = false;
    say(this.#seconds, 'banner.seconds', { n: seconds });
    if (!this.#told) announce(t('banner.down'), true);
    this.#told = true;
  }
}

customElements.define('link-banner', LinkBanner);
