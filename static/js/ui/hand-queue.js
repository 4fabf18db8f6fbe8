// Raised hands, for the host: the longest raised first. Asks by events: 'hand-stage' and 'hand-lower' (detail: the hand),
// 'hands-close'.

import { clock, keep, say } from '../i18n.js';
import { h, icon, styled } from './dom.js';

/** @import {Hand, RoomState} from '../core/types.js' */

await styled('chat');

export class HandQueue extends HTMLElement {
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #list = h('ol', { class: 'hands', testid: 'hand-list' });
  #more = h('p', { class: 'soft small hands-more' });
  #none = h('p', { class: 'soft chat-empty', t: 'hands.none' });

  connectedCallback() {
    if (this.firstChild) return;
    this.className = 'chat';
    this.dataset.testid = 'hand-queue';
    this.setAttribute('role', 'complementary');
    this.setAttribute('aria-labelledby', 'hands-title');
    this.append(
      h('header', { class: 'chat-head' }, h('h2', { t: 'hands.title', attrs: { id: 'hands-title', tabindex: -1 } }),
        h('button', { class: 'round', testid: 'hands-close', tip: 'hands.close', attrs: { type: 'button', 'data-tip-below': '', 'data-tip-end': '' }, on: { click: () => this.#ask('hands-close') } }, icon('close'))),
      this.#none, this.#list, this.#more);
  }

  /** @param {Pick<RoomState, 'hands' | 'handCount'>} state */
  update({ hands, handCount }) {
    const before = this.#rows;
    this.#rows = new Map(hands.map((hand) => [hand.id, before.get(hand.id) ?? this.#row(hand)]));
    // Who stands where is only touched when it changed: the focus stays.
    [...this.#rows.values()].forEach((row, index) => { if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null); });
    for (const [id, row] of before) {
      if (this.#rows.get(id) === row) continue;
      const held = row.contains(document.activeElement);
      row.remove();
      if (held) /** @type {HTMLElement} */ (this.#list.querySelector('button') ?? this.querySelector('h2'))?.focus();
    }
    this.#none.hidden = hands.length > 0;
    this.#list.hidden = hands.length === 0;
    this.#more.hidden = handCount <= hands.length;
    say(this.#more, 'hands.more', { n: handCount - hands.length });
  }

  /** @param {Hand} hand */
  #row(hand) {
    const { name, role, since } = hand;
    const listens = role === 'audience';
    const time = h('time', { class: 'soft small', attrs: { datetime: new Date(since).toISOString() } });
    keep(time, 'text', () => { time.textContent = clock(since); });
    const button = (/** @type {string} */ act, /** @type {string} */ look) => h('button', {
      class: `button ${look}`, testid: `hand-${act}`, t: `hands.${act}`, attrs: { type: 'button' }, on: { click: () => this.#ask(`hand-${act}`, hand) },
    });
    return h('li', { testid: 'hand-row' },
      h('div', { class: 'hand-who' }, h('span', { class: 'message-name' }, name), !listens && h('span', { class: 'soft small', t: 'hands.onStage' }), time),
      h('div', { class: 'hand-acts' }, listens && button('stage', 'primary'), button('lower', '')));
  }

  /**
   * @param {string} type
   * @param {Hand} [detail]
   */
  #ask(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}

customElements.define('hand-queue', HandQueue);
