// All tiles, and where they stand. Tiles never move in the document: a video that moves there blinks. So each has its
// place by position, which is computed only when people come and go or the area's size changes.

import { sayAttribute } from '../i18n.js';
import { announce, mark } from './dom.js';
import { arrange } from './layout.js';
import { VideoTile } from './video-tile.js';

/** @import {Participant, RoomState} from '../core/types.js' */
/** @import {Rect} from './layout.js' */

const MOVE_MS = 180;

export class TileGrid extends HTMLElement {
  /** @type {Map<string, VideoTile>} */
  #tiles = new Map();
  /** @type {RoomState | null} */
  #state = null;
  /** @type {string | null} */
  #pinned = null;
  /** Screens that one has put back among the others. @type {Set<string>} */
  #dismissed = new Set();
  /** @type {Map<string, Rect>} */
  #rects = new Map();
  #speaker = '';
  #size = { w: 0, h: 0 };
  #watch = new ResizeObserver(([entry]) => {
    this.#size = { w: Math.floor(entry.contentRect.width), h: Math.floor(entry.contentRect.height) };
    this.#place(false);
  });

  connectedCallback() {
    this.dataset.testid = 'grid';
    this.setAttribute('role', 'region');
    sayAttribute(this, 'aria-label', 'room.tiles');
    this.#watch.observe(this);
    this.addEventListener('tile-pin', (event) => this.#pin(/** @type {CustomEvent<string>} */ (event).detail));
    this.addEventListener('tile-fullscreen', (event) => this.#fullscreen(/** @type {CustomEvent<string>} */ (event).detail));
  }

  disconnectedCallback() {
    this.#watch.disconnect();
  }

  /**
   * @param {RoomState} state
   * @param {string | null} speaker device id for the sound
   */
  update(state, speaker) {
    this.#state = state;
    this.#speaker = speaker ?? '';
    const shown = new Set();
    for (const person of [...state.members, state.self]) {
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
    const key = `${[...this.#tiles.keys()].join()} ${this.#focus()}`;
    if (changed || this.dataset.key !== key) {
      this.dataset.key = key;
      this.#place(true);
    }
  }

  /** @param {Map<string, number>} levels by member id, one's own as 'self' */
  setLevels(levels) {
    if (!this.#state) return;
    for (const person of this.#state.members) this.#tiles.get(`${person.id}/camera`)?.setLevel(levels.get(person.id) ?? 0);
    const own = this.#state.self;
    this.#tiles.get(`${own.id}/camera`)?.setLevel(own.audio ? levels.get('self') ?? 0 : 0);
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
    tile.update({ person, kind, pinned: this.#focus() === id, speaker: this.#speaker });
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
    else if (person.self) this.append(tile);
    else this.insertBefore(tile, this.querySelector('[data-self="true"][data-kind="camera"]'));
  }

  /** What takes the stage: the pinned one, or the latest screen. */
  #focus() {
    if (this.#pinned && this.#tiles.has(this.#pinned)) return this.#pinned;
    const screens = [...this.#tiles.keys()].filter((id) => id.endsWith('/screen') && !this.#dismissed.has(id));
    return screens.at(-1) ?? null;
  }

  /** @param {string} id */
  #pin(id) {
    const was = this.#focus();
    if (was === id) {
      this.#pinned = null;
      if (id.endsWith('/screen')) this.#dismissed.add(id);
    } else {
      this.#pinned = id;
      this.#dismissed.delete(id);
    }
    if (this.#state) this.update(this.#state, this.#speaker);
    announce(this.#tiles.get(id)?.getAttribute('aria-label') ?? '');
  }

  /** @param {string} id */
  #fullscreen(id) {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.#tiles.get(id)?.requestFullscreen?.().catch(() => {}); // not on phones: the tile stays
  }

  /** @param {boolean} moving */
  #place(moving) {
    const { w, h } = this.#size;
    if (w === 0 || h === 0) return;
    const focus = this.#focus();
    const items = [...this.children].map((child) => {
      const tile = /** @type {VideoTile} */ (child);
      return { id: tile.key, kind: /** @type {'camera' | 'screen'} */ (tile.dataset.kind), self: tile.dataset.self === 'true' };
    });
    const { rects, floating } = arrange({ width: w, height: h, items, focus });
    for (const [id, tile] of this.#tiles) {
      const rect = rects.get(id);
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
