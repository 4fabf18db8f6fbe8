// One person's camera, or one screen. Shows what it is given and asks by events whose detail is its id: 'tile-pin',
// 'tile-fullscreen', 'tile-menu', 'sound-blocked'. Knows no other tile.

import { keep, say, sayAttribute, t } from '../i18n.js';
import { h, icon, mark, setIcon, tip } from './dom.js';
import { AUDIBLE } from './floor.js';
import { initials, shade } from './names.js';

/** @import {Participant} from '../core/types.js' */

/**
 * @typedef {object} TileView
 * @property {Participant} person
 * @property {'camera' | 'screen'} kind
 * @property {boolean} pinned
 * @property {string | null} speaker device id for the sound
 * @property {boolean} host whether one may mute the person, and the like
 */

const AVATAR_SHADES = 8;
const HOLD_MS = 300;

export class VideoTile extends HTMLElement {
  /** @type {TileView | null} */
  #view = null;
  #spokeAt = -Infinity;
  #speaker = '';
  #video = h('video', { testid: 'tile-video', attrs: { playsinline: true, autoplay: true, tabindex: -1 } });
  #avatar = h('div', { class: 'avatar', testid: 'tile-avatar', attrs: { 'aria-hidden': 'true' } }, h('span'));
  #name = h('span', { class: 'tile-name', testid: 'tile-name' });
  #muted = h('span', { class: 'tile-muted', testid: 'tile-muted', attrs: { hidden: true } }, icon('mic-off'));
  #hand = h('span', { class: 'tile-hand', testid: 'tile-hand', attrs: { hidden: true } }, icon('hand'));
  #quality = h('span', { class: 'tile-quality', testid: 'tile-quality', attrs: { hidden: true, role: 'img' } }, icon('signal'));
  #veil = h('div', { class: 'veil', testid: 'tile-spinner', attrs: { hidden: true } }, h('span', { class: 'spinner' }), h('span'));
  #pin = h('button', { class: 'round', testid: 'tile-pin', attrs: { type: 'button', 'data-tip-below': '', 'data-tip-end': '' }, on: { click: () => this.#ask('tile-pin') } }, icon('pin'));
  #full = h('button', { class: 'round', testid: 'tile-fullscreen', attrs: { type: 'button', 'data-tip-below': '', 'data-tip-end': '' }, on: { click: () => this.#ask('tile-fullscreen') } }, icon('expand'));

  #menu = h('button', { class: 'round', testid: 'tile-menu', attrs: { type: 'button', 'aria-haspopup': 'menu', 'data-tip-below': '', 'data-tip-end': '', hidden: true }, on: { click: () => this.#ask('tile-menu') } }, icon('more'));

  connectedCallback() {
    if (this.firstChild) return;
    this.dataset.testid = 'tile';
    this.tabIndex = 0;
    this.setAttribute('role', 'group');
    this.append(
      this.#video, this.#avatar, this.#veil, h('div', { class: 'ring' }),
      h('div', { class: 'tile-foot' }, this.#hand, this.#quality, h('div', { class: 'tile-label' }, this.#muted, this.#name)),
      h('div', { class: 'tile-tools' }, this.#full, this.#pin, this.#menu),
    );
    this.addEventListener('click', (event) => this.#clicked(event));
    this.addEventListener('dblclick', (event) => { if (!inTools(event)) this.#ask('tile-fullscreen'); });
    this.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.target === this) this.#ask('tile-pin');
    });
  }

  disconnectedCallback() {
    this.#video.srcObject = null;
  }

  /** Who is shown, an id of the tile-grid. */
  get key() {
    return this.dataset.id ?? '';
  }

  /** @param {TileView} view */
  update(view) {
    this.#view = view;
    const { person, kind } = view;
    const screen = kind === 'screen';
    this.dataset.kind = kind;
    this.dataset.self = String(person.self);
    const stream = screen ? person.screen : person.camera;
    const seen = screen ? stream !== null : hasPicture(person);
    mark(this, 'mirrored', person.self && !screen);
    mark(this, 'no-picture', !seen);
    this.#play(stream, person.self, view.speaker);
    this.#showAvatar(person.name);
    keep(this.#name, 'text', () => {
      const text = title(person, kind);
      if (this.#name.textContent !== text) this.#name.textContent = text;
    });
    this.#muted.hidden = screen || !isMuted(person);
    this.#hand.hidden = screen || !person.hand;
    this.#showTrouble(person, screen);
    mark(this, 'pinned', view.pinned);
    setIcon(/** @type {Element} */ (this.#pin.firstElementChild), view.pinned ? 'unpin' : 'pin');
    tip(this.#pin, view.pinned ? 'tile.unpin' : 'tile.pin', { name: title(person, kind) });
    tip(this.#full, 'tile.fullscreen', { name: title(person, kind) });
    this.#menu.hidden = !view.host;
    tip(this.#menu, 'tile.menu', { name: person.name });
    if (screen || isMuted(person)) this.setLevel(0);
    keep(this, 'aria-label', () => {
      const text = describe(person, kind, seen);
      if (this.getAttribute('aria-label') !== text) this.setAttribute('aria-label', text);
    });
  }

  /**
   * How loud the person is; at 10 Hz.
   * @param {number} level 0 to 1
   */
  setLevel(level) {
    const now = performance.now();
    if (level >= AUDIBLE) this.#spokeAt = now;
    const speaking = now - this.#spokeAt < HOLD_MS;
    mark(this, 'speaking', speaking);
    if (speaking) this.style.setProperty('--level', String(Math.max(0.45, Math.min(1, Math.round(level * 15) / 10))));
  }

  /** Plays after the browser held sound back. Call it in a click. */
  resume() {
    void this.#video.play().catch(() => {});
  }

  /**
   * @param {MediaStream | null} stream
   * @param {boolean} own
   * @param {string | null} speaker
   */
  #play(stream, own, speaker) {
    const video = this.#video;
    video.muted = own; // nobody wants to hear oneself
    if (video.srcObject !== stream) {
      video.srcObject = stream;
      if (stream) {
        void video.play().catch((error) => {
          if (error instanceof DOMException && error.name === 'NotAllowedError') this.#ask('sound-blocked');
        });
      }
    }
    if (!own && (speaker ?? '') !== this.#speaker && 'setSinkId' in video) {
      this.#speaker = speaker ?? '';
      void video.setSinkId(this.#speaker).catch(() => {}); // unplugged meanwhile: the default one plays
    }
  }

  /** @param {string} name */
  #showAvatar(name) {
    const letters = /** @type {HTMLElement} */ (this.#avatar.firstElementChild);
    if (letters.textContent !== initials(name)) letters.textContent = initials(name);
    this.dataset.shade = String(shade(name, AVATAR_SHADES));
  }

  /**
   * @param {Participant} person
   * @param {boolean} screen
   */
  #showTrouble(person, screen) {
    const trouble = person.self ? '' : person.away ? 'awayLong' : person.connection === 'connected' ? '' : person.connection;
    const quiet = trouble === 'connecting' && screen;
    this.#veil.hidden = !trouble || quiet;
    mark(this.#veil, 'light', trouble === 'connecting');
    mark(this.#veil, 'still', trouble === 'failed');
    if (trouble) say(/** @type {HTMLElement} */ (this.#veil.lastElementChild), `tile.${trouble}`);
    const weak = !person.self && !trouble && person.quality !== 'good';
    this.#quality.hidden = !weak;
    if (!weak) return;
    this.#quality.dataset.quality = person.quality;
    sayAttribute(this.#quality, 'aria-label', `tile.${person.quality}`);
    sayAttribute(this.#quality, 'title', `tile.${person.quality}`);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    // The second click of a double click is not a choice of its own.
    if (inTools(event) || event.detail > 1 || this.#view?.pinned) return;
    this.#ask('tile-pin');
  }

  /** @param {string} type */
  #ask(type) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: this.key }));
  }
}

/** @param {Event} event */
function inTools(event) {
  return event.target instanceof Element && event.target.closest('button') !== null;
}

/** @param {Participant} person */
function hasPicture(person) {
  if (person.video === false || !person.camera) return false;
  return person.camera.getVideoTracks().some((track) => track.readyState === 'live');
}

/**
 * Old clients do not say whether they are muted: the core then tells by their tracks.
 * @param {Participant} person
 */
function isMuted(person) {
  if (person.audio !== null) return !person.audio;
  return person.camera !== null && person.camera.getAudioTracks().length === 0;
}

/**
 * @param {Participant} person
 * @param {'camera' | 'screen'} kind
 */
function title(person, kind) {
  if (kind === 'screen') return person.self ? t('room.yourScreen') : t('room.screenOf', { name: person.name });
  return person.self ? t('room.youNamed', { name: person.name }) : person.name;
}

/**
 * Such as "Ann, camera off, speaking".
 * @param {Participant} person
 * @param {'camera' | 'screen'} kind
 * @param {boolean} seen
 */
function describe(person, kind, seen) {
  const parts = [title(person, kind)];
  if (kind === 'camera') {
    if (person.away) parts.push(t('tile.away'));
    if (!seen) parts.push(t('tile.cameraOff'));
    if (isMuted(person)) parts.push(t('tile.muted'));
    else if (person.speaking) parts.push(t('tile.speaking'));
    if (person.hand) parts.push(t('tile.hand'));
  }
  return parts.join(', ');
}

customElements.define('video-tile', VideoTile);
