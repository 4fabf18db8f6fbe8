// What the connections carry, measured every second while it is looked at.

import { number, t } from '../i18n.js';
import { openDialog } from './dialog.js';
import { announce, h, icon } from './dom.js';
import { copyText } from './invite.js';
import { drawLine, ring } from './sparkline.js';

/** @import {ConnectionStats, RoomState} from '../core/types.js' */

const EVERY_MS = 1000;
const MINUTE = 60;
const COLUMNS = ['who', 'way', 'state', 'picture', 'codec', 'in', 'out', 'loss', 'rtt', 'jitter', 'minute'];

export class StatsPanel extends HTMLElement {
  /** @type {() => Promise<ConnectionStats[]>} */
  #measure = async () => [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {ConnectionStats[]} */
  #last = [];
  /** @type {Map<string, {row: HTMLTableRowElement, cells: HTMLTableCellElement[], canvas: HTMLCanvasElement, line: ReturnType<typeof ring>}>} */
  #rows = new Map();
  #body = h('tbody');
  #none = h('p', { class: 'soft', t: 'stats.none', attrs: { hidden: true } });
  #table = h('div', { class: 'table-box', attrs: { tabindex: 0, role: 'region', 'aria-labelledby': 'stats-title' } },
    h('table', {}, h('thead', {}, h('tr', {}, ...COLUMNS.map((name) => h('th', { t: `stats.${name}`, attrs: { scope: 'col' } })))), this.#body));

  /**
   * @param {() => Promise<ConnectionStats[]>} measure
   * @param {RoomState} state
   */
  setup(measure, { mode }) {
    this.#measure = measure;
    this.className = 'stats';
    const word = h('span', { t: 'stats.copy' });
    const copy = h('button', {
      class: 'button', testid: 'stats-copy', attrs: { type: 'button' },
      on: { click: async () => { if (await copyText(this.text())) announce(t('invite.copied')); } },
    }, icon('copy'), word);
    this.append(h('div', { class: 'stats-top' }, h('p', { class: 'way', testid: 'stats-mode' }, h('span', { class: 'mode' }, mode.toUpperCase()), h('span', {}, h('b', { t: `mode.${mode}` }), ' ', h('span', { class: 'soft', t: `mode.${mode}Why` }))), copy), this.#none, this.#table);
    return this;
  }

  connectedCallback() {
    this.#timer = setInterval(() => void this.#poll(), EVERY_MS);
    void this.#poll();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  /** The last measurement, for a report of a fault. No ids and no addresses. */
  text() {
    const lines = this.#last.map((stats) => this.#texts(stats).join('\t'));
    return [`Lectern, ${new Date().toISOString()}`, navigator.userAgent, COLUMNS.slice(0, -1).map((name) => t(`stats.${name}`)).join('\t'), ...lines].join('\n');
  }

  async #poll() {
    const all = await this.#measure().catch(() => null);
    if (!all || !this.isConnected) return;
    this.#last = all;
    const seen = new Set(all.map((stats) => this.#show(stats)));
    for (const [id, { row }] of this.#rows) {
      if (seen.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    this.#none.hidden = all.length > 0;
    this.#table.hidden = all.length === 0;
  }

  /** @param {ConnectionStats} stats */
  #show(stats) {
    const id = `${stats.memberId}/${stats.stream}`;
    let entry = this.#rows.get(id);
    if (!entry) {
      const cells = COLUMNS.slice(0, -1).map((_, index) => (index === 0 ? h('th', { attrs: { scope: 'row' } }) : h('td')));
      const canvas = h('canvas', { class: 'line', attrs: { 'aria-hidden': 'true' } });
      const row = h('tr', { testid: 'stats-row' }, ...cells, h('td', {}, canvas));
      entry = { row, cells, canvas, line: ring(MINUTE) };
      this.#rows.set(id, entry);
      this.#body.append(row);
    }
    const { cells, canvas, line } = entry;
    this.#texts(stats).forEach((text, index) => { if (cells[index].textContent !== text) cells[index].textContent = text; });
    line.add((stats.bitrateIn ?? 0) + (stats.bitrateOut ?? 0));
    drawLine(canvas, line.values, MINUTE, getComputedStyle(canvas).color);
    return id;
  }

  /** @param {ConnectionStats} stats */
  #texts(stats) {
    const name = stats.memberId === 'self' ? t('room.you') : stats.name;
    const way = stats.via.toUpperCase();
    const codecs = [...new Set([stats.codecIn, stats.codecOut].filter(Boolean))].join(' / ');
    return [
      stats.stream === 'screen' ? t('stats.screen', { name }) : name,
      stats.relay ? t('stats.relay', { way }) : way,
      stats.state,
      stats.width && stats.height ? `${stats.width} × ${stats.height}, ${Math.round(stats.fps ?? 0)} fps` : '–',
      codecs || '–',
      bits(stats.bitrateIn), bits(stats.bitrateOut),
      share(stats.loss), milliseconds(stats.rtt), milliseconds(stats.jitter),
    ];
  }
}

/** @param {number | null | undefined} rate in bit/s */
function bits(rate) {
  if (rate === null || rate === undefined) return '–';
  return rate < 1e6 ? `${number(Math.round(rate / 1e3))} kbit/s` : `${number(rate / 1e6, { maximumFractionDigits: 1, minimumFractionDigits: 1 })} Mbit/s`;
}

/** @param {number | null | undefined} part 0 to 1 */
function share(part) {
  return part === null || part === undefined ? '–' : number(part, { style: 'percent', maximumFractionDigits: 1 });
}

/** @param {number | null | undefined} value */
function milliseconds(value) {
  return value === null || value === undefined ? '–' : `${number(Math.round(value))} ms`;
}

customElements.define('stats-panel', StatsPanel);

/**
 * @param {() => Promise<ConnectionStats[]>} measure
 * @param {RoomState} state
 */
export function openStats(measure, state) {
  return openDialog({ title: 'stats.title', testid: 'stats', wide: true }, new StatsPanel().setup(measure, state));
}
