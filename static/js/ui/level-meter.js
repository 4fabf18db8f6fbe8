// Five bars that move with one's voice.

import { h } from './dom.js';

const BARS = [0.55, 0.85, 1, 0.85, 0.55];
const LEAST = 0.18; // of a bar's height, in silence

export class LevelMeter extends HTMLElement {
  #frame = 0;
  /** @type {HTMLElement[]} */
  #bars = [];
  #shown = -1;
  /** @type {() => number} */
  #read = () => 0;

  /** @param {() => number} read level, 0 to 1 */
  setup(read) {
    this.#read = read;
    this.className = 'level';
    this.dataset.testid = 'level-meter';
    this.setAttribute('role', 'meter');
    this.setAttribute('aria-valuemin', '0');
    this.setAttribute('aria-valuemax', '100');
    this.#bars = BARS.map(() => h('i'));
    this.append(...this.#bars);
    return this;
  }

  connectedCallback() {
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  disconnectedCallback() {
    cancelAnimationFrame(this.#frame);
  }

  /** Only transforms change: nothing is laid out or painted anew. */
  #draw() {
    this.#frame = requestAnimationFrame(() => this.#draw());
    const level = Math.round(Math.min(1, Math.max(0, this.#read())) * 50) / 50;
    if (level === this.#shown) return;
    this.#shown = level;
    this.#bars.forEach((bar, index) => bar.style.setProperty('transform', `scaleY(${Math.max(LEAST, level * BARS[index])})`));
    this.dataset.level = String(level);
    this.setAttribute('aria-valuenow', String(Math.round(level * 100)));
  }
}

customElements.define('level-meter', LevelMeter);
