// All tiles, and where they stand. Tiles never move in the document: a video that moves there blinks. So each has its
// place by position, which is computed only when people come and go, somebody else has the floor in speaker view, the
// page is turned or the area's size changes. Tells by 'hidden-tiles' which are not seen.

import { say, sayAttribute } from '../i18n.js';
import { announce, h, icon, mark } from './dom.js';
import { Floor } from './floor.js';
import { arrange, paginate } from './layout.js';
import { VideoTile } from './video-tile.js';

/** @import {Participant, RoomState} from '../core/types.js' */
/** @import {Item, Rect} from './layout.js' */

/** @typedef {{speaker: string | null, view: 'grid' | 'speaker'}} Look speaker: device id for the sound */

const MOVE_MS = 180;
/** Height of the row that turns pages, in pixels. */
const PAGER = 52;
/** So far, in pixels, a finger moves to turn the page. */
const SWIPE = 60;

export class TileGrid extends HTMLElement {
  /** @type {Map<string, VideoTile>} */
  #tiles = new Map();
  /** @type {RoomState | null} */
  #state = null;
  /** @type {Look} */
  #look = { speaker: null, view: 'grid' };
  /** @type {string | null} */
  #pinned = null;
  /** Screens that one has put back among the others. @type {Set<string>} */
  #dismissed = new Set();
  /** @type {Map<string, Rect>} */
  #rects = new Map();
  #floor = new Floor();
  #page = 0;
  #pages = 1;
  #told = '';
  #size = { w: 0, h: 0 };
  #leaving = new AbortController();
  #prev = this.#arrow('prev', -1);
  #next = this.#arrow('next', 1);
  #count = h('span', { testid: 'page-count' });
  #pager = h('div', { class: 'pager', attrs: { hidden: true } }, this.#prev, this.#count, this.#next);
  #empty = h('p', { class: 'stage-empty', testid: 'stage-empty', t: 'room.stageEmpty', attrs: { hidden: true } });
  #watch = new ResizeObserver(([entry]) => {
    this.#size = { w: Math.floor(entry.contentRect.width), h: Math.floor(entry.contentRect.height) };
    this.#place(false);
  });

  constructor() {
    super();
    this.append(this.#pager, this.#empty);
  }

  connectedCallback() {
    this.dataset.testid = 'grid';
    this.setAttribute('role', 'region');
    sayAttribute(this, 'aria-label', 'room.tiles');
    this.#watch.observe(this);
    this.addEventListener('tile-pin', (event) => this.#pin(/** @type {CustomEvent<string>} */ (event).detail));
    this.addEventListener('tile-fullscreen', (event) => this.#fullscreen(/** @type {CustomEvent<string>} */ (event).detail));
    this.#watchSwipes();
    const { signal } = this.#leaving;
    for (const type of ['visibilitychange', 'fullscreenchange']) document.addEventListener(type, () => this.#tellHidden(), { signal });
  }

  disconnectedCallback() {
    this.#watch.disconnect();
    this.#leaving.abort();
  }

  /**
   * @param {RoomState} state
   * @param {Look} look
   */
  update(state, look) {
    this.#state = state;
    this.#look = look;
    const shown = new Set();
    // Nobody sees who listens, not even they themselves.
    for (const person of state.role === 'audience' ? state.members : [...state.members, state.self]) {
      if (person.screen) shown.add(this.#show(person, 'screen'));
      shown.add(this.#show(person, 'camera'));
    }
    let changed = false;
    for (const [id, tile] of this.#tiles) {
      if (shown.has(id)) continue;
      tile.remove();
      this.#tiles.delete(id);
      this.#dismissed.delete(id);
      if (this.#pinned === id) this.#pinned = null;
      changed = true;
    }
    this.#empty.hidden = this.#tiles.size > 0;
    const key = `${[...this.#tiles.keys()].join()} ${this.#focus()} ${this.#lead()}`;
    if (changed || this.dataset.key !== key) {
      this.dataset.key = key;
      this.#place(true);
    }
  }

  /** @param {Map<string, number>} levels by member id, one's own as 'self' */
  setLevels(levels) {
    if (!this.#state) return;
    const others = new Map();
    for (const person of this.#state.members) {
      const level = levels.get(person.id) ?? 0;
      others.set(person.id, level);
      this.#tiles.get(`${person.id}/camera`)?.setLevel(level);
    }
    const own = this.#state.self;
    this.#tiles.get(`${own.id}/camera`)?.setLevel(own.audio ? levels.get('self') ?? 0 : 0);
    if (this.#floor.hear(others, performance.now())) this.#again();
  }

  /** The largest tile in full screen, or back. */
  toggleFullscreen() {
    const area = (/** @type {string} */ id) => { const rect = this.#rects.get(id); return rect ? rect.w * rect.h : 0; };
    const ids = [...this.#tiles.keys()].sort((a, b) => area(b) - area(a));
    if (ids[0]) this.#fullscreen(this.#focus() ?? ids[0]);
  }

  /** Plays all sound after the browser held it back. */
  resume() {
    for (const tile of this.#tiles.values()) tile.resume();
  }

  /**
   * Turns the page. False where there is none.
   * @param {number} by 1: on, -1: back
   */
  turn(by) {
    const page = Math.max(0, Math.min(this.#pages - 1, this.#page + by));
    if (page === this.#page) return false;
    this.#page = page;
    this.#place(false);
    announce(this.#count.textContent ?? '');
    return true;
  }

  /**
   * @param {string} name
   * @param {number} by
   */
  #arrow(name, by) {
    return h('button', { class: 'round', testid: `page-${name}`, label: `room.${name}`, attrs: { type: 'button' }, on: { click: () => this.turn(by) } }, icon(name));
  }

  /**
   * @param {Participant} person
   * @param {'camera' | 'screen'} kind
   * @returns {string} the tile's id
   */
  #show(person, kind) {
    const id = `${person.id}/${kind}`;
    let tile = this.#tiles.get(id);
    if (!tile) {
      tile = new VideoTile();
      tile.dataset.id = id;
      this.#tiles.set(id, tile);
      this.#insert(tile, person, kind);
    }
    tile.update({
      person, kind, pinned: this.#chosen() === id, speaker: this.#look.speaker,
      host: this.#state?.role === 'host' && !person.self && kind === 'camera',
    });
    return id;
  }

  /**
   * In the order of the eye, without moving another: screens first, oneself last.
   * @param {VideoTile} tile
   * @param {Participant} person
   * @param {'camera' | 'screen'} kind
   */
  #insert(tile, person, kind) {
    if (kind === 'screen') this.prepend(tile);
    else this.insertBefore(tile, (!person.self && this.querySelector('[data-self="true"][data-kind="camera"]')) || this.#pager);
  }

  /** What a person put on the stage: the pinned one, or the latest screen. */
  #chosen() {
    if (this.#pinned && this.#tiles.has(this.#pinned)) return this.#pinned;
    const screens = [...this.#tiles.keys()].filter((id) => id.endsWith('/screen') && !this.#dismissed.has(id));
    return screens.at(-1) ?? null;
  }

  /** Id of the tile that takes the stage, or null. */
  #focus() {
    return this.#chosen() ?? (this.#look.view === 'speaker' && this.#tiles.size > 1 ? this.#speaking() : null);
  }

  /** Who has the floor, and until somebody has, the first one. */
  #speaking() {
    const ids = [`${this.#floor.holder}/camera`, ...this.#tiles.keys()];
    return ids.find((id) => id.endsWith('/camera') && this.#tiles.has(id)) ?? null;
  }

  /** Who stands large beside a screen: in a lecture, or in speaker view. */
  #lead() {
    const state = this.#state;
    const screen = this.#chosen()?.endsWith('/screen');
    return screen && (this.#look.view === 'speaker' || state?.role === 'audience' || (state?.audience ?? 0) > 0) ? this.#speaking() : null;
  }

  /** @param {string} id */
  #pin(id) {
    const was = this.#chosen();
    if (was === id) {
      this.#pinned = null;
      if (id.endsWith('/screen')) this.#dismissed.add(id);
    } else {
      this.#pinned = id;
      this.#dismissed.delete(id);
    }
    this.#again();
    announce(this.#tiles.get(id)?.getAttribute('aria-label') ?? '');
  }

  #again() {
    if (this.#state) this.update(this.#state, this.#look);
  }

  /** @param {string} id */
  #fullscreen(id) {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.#tiles.get(id)?.requestFullscreen?.().catch(() => {}); // not on phones: the tile stays
  }

  #watchSwipes() {
    /** @type {{x: number, y: number} | null} */
    let from = null;
    this.addEventListener('pointerdown', ({ pointerType, isPrimary, x, y }) => { from = pointerType === 'touch' && isPrimary ? { x, y } : null; });
    this.addEventListener('pointerup', ({ x, y }) => {
      if (!from) return;
      const [dx, dy] = [x - from.x, y - from.y];
      if (Math.abs(dx) >= SWIPE && Math.abs(dx) > 2 * Math.abs(dy)) this.turn(dx < 0 === (getComputedStyle(this).direction === 'ltr') ? 1 : -1);
      from = null;
    });
  }

  /** @param {boolean} moving */
  #place(moving) {
    const { w: width, h: height } = this.#size;
    if (width === 0 || height === 0) return;
    const [focus, lead] = [this.#focus(), this.#lead()];
    const all = [...this.querySelectorAll('video-tile')].map((child) => {
      const tile = /** @type {VideoTile} */ (child);
      return { id: tile.key, kind: /** @type {Item['kind']} */ (tile.dataset.kind), self: tile.dataset.self === 'true' };
    });
    const { items, page, pages } = paginate({ width, height, items: all, focus, lead, page: this.#page });
    this.#showPage(page, pages);
    const { rects, floating } = arrange({ width, height: pages > 1 ? Math.max(0, height - PAGER) : height, items, focus, lead });
    for (const [id, tile] of this.#tiles) {
      const rect = rects.get(id);
      tile.hidden = !rect;
      if (!rect) continue;
      mark(tile, 'floating', id === floating);
      mark(tile, 'staged', id === focus);
      mark(tile, 'small', rect.w < 200);
      for (const [name, value] of [['--x', rect.x], ['--y', rect.y], ['--w', rect.w], ['--h', rect.h]]) {
        tile.style.setProperty(String(name), `${value}px`);
      }
      const before = this.#rects.get(id);
      if (moving && before) glide(tile, before, rect);
    }
    this.#rects = rects;
    this.#tellHidden();
  }

  /**
   * @param {number} page
   * @param {number} pages
   */
  #showPage(page, pages) {
    this.#page = page;
    this.#pages = pages;
    this.#pager.hidden = pages === 1;
    this.#prev.disabled = page === 0;
    this.#next.disabled = page >= pages - 1;
    say(this.#count, 'room.page', { n: page + 1, of: pages });
  }

  /** Whatever is on no page, or behind a tile in full screen, or in a tab that nobody looks at. */
  #tellHidden() {
    const full = document.fullscreenElement;
    const hidden = [...this.#tiles].filter(([id, tile]) => !id.startsWith('self/')
      && (document.hidden || tile.hidden || (full instanceof VideoTile && full !== tile))).map(([id]) => id);
    if (this.#told === hidden.join()) return;
    this.#told = hidden.join();
    const detail = hidden.map((id) => {
      const cut = id.lastIndexOf('/');
      return { id: id.slice(0, cut), stream: id.slice(cut) === '/screen' ? 'screen' : 'user' };
    });
    this.dispatchEvent(new CustomEvent('hidden-tiles', { detail }));
  }
}

/**
 * Lets a tile glide to its new place, by transforms alone.
 * @param {HTMLElement} tile
 * @param {Rect} from
 * @param {Rect} to
 */
function glide(tile, from, to) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  if (from.x === to.x && from.y === to.y && from.w === to.w && from.h === to.h) return;
  const side = getComputedStyle(tile).direction === 'rtl' ? -1 : 1;
  const dx = side * (from.x + from.w / 2 - to.x - to.w / 2);
  const dy = from.y + from.h / 2 - to.y - to.h / 2;
  tile.animate([
    { transform: `translate(${dx}px, ${dy}px) scale(${from.w / to.w}, ${from.h / to.h})` }, { transform: 'none' },
  ], { duration: MOVE_MS, easing: 'cubic-bezier(0.2, 0, 0, 1)' });
}

customElements.define('tile-grid', TileGrid);
