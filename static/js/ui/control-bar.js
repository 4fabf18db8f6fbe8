// The controls of a call. Shows the state and asks by one event, 'command', whose detail names what is wanted:
// mic, camera, share, chat, hand (a host's: the list of hands), leave, invite, layout, lock, removed, step-down, settings, stats,
// shortcuts, fullscreen.

import { keep, number, say, sayAttribute } from '../i18n.js';
import { h, icon, mark, setIcon, tip } from './dom.js';
import { menuItem, walk } from './menu.js';

/** @import {RoomState} from '../core/types.js' */

/** Phones cannot share a screen. */
const canShare = () => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

/** Commands of the menu, with their symbols. */
const MENU = [['invite', 'link'], ['layout', 'spotlight', 'menu.speaker'], ['fullscreen', 'expand'], ['lock', 'lock'], ['removed', 'remove'], ['step-down', 'listen'], ['settings', 'settings'],
  ['stats', 'stats'], ['shortcuts', 'keyboard']];

/** @typedef {{chat: boolean, hands: boolean, view: 'grid' | 'speaker'}} Open what is open, and how tiles stand */

export class ControlBar extends HTMLElement {
  #mic = this.#button('mic', 'mic');
  #camera = this.#button('camera', 'camera');
  #share = this.#button('share', 'share');
  #hand = this.#button('hand', 'hand');
  #handWord = h('span', { class: 'hand-word' });
  #raised = badge('hands-count');
  #chat = this.#button('chat', 'chat', 'chat-toggle');
  #unread = badge('unread');
  #more = this.#button('menu', 'more', 'more');
  #menu = h('div', { class: 'menu', testid: 'menu', label: 'bar.more', attrs: { role: 'menu', hidden: true } },
    ...MENU.map(([command, symbol, key]) => menuItem(command, symbol, () => { this.#open(false); this.#ask(command); }, key)));
  #room = h('span', { class: 'room-name', testid: 'room-name' });
  #people = counter('people', 'people');
  #audience = counter('audience-count', 'listen');
  #locked = h('span', { class: 'people', testid: 'locked', label: 'room.locked', attrs: { role: 'img', 'data-tip': '' } }, icon('lock'));
  #mode = h('button', { class: 'mode', testid: 'mode', attrs: { type: 'button', 'data-tip-end': '' }, on: { click: () => this.#ask('stats') } });
  #listening = h('span', { class: 'listening', testid: 'listening', t: 'bar.listening' });
  #leaving = new AbortController();

  connectedCallback() {
    if (this.firstChild) return;
    this.dataset.testid = 'bar';
    this.setAttribute('role', 'toolbar');
    sayAttribute(this, 'aria-label', 'bar.label');
    this.#chat.append(this.#unread);
    this.#hand.append(this.#handWord, this.#raised);
    this.#more.setAttribute('aria-haspopup', 'menu');
    this.#more.setAttribute('aria-expanded', 'false');
    tip(this.#more, 'bar.more');
    sayAttribute(this.#locked, 'data-tip', 'room.locked');
    const invite = this.#button('invite', 'link', 'invite-button');
    tip(invite, 'bar.invite');
    invite.classList.remove('control');
    const leave = this.#button('leave', 'leave');
    tip(leave, 'bar.leave');
    leave.classList.add('leave');
    this.#watchMenu();
    this.append(
      h('div', { class: 'bar-start' }, this.#room, invite, this.#people),
      h('div', { class: 'bar-main' }, this.#mic, this.#camera, this.#share, this.#hand, this.#chat,
        h('div', { class: 'menu-box' }, this.#more, this.#menu), leave),
      h('div', { class: 'bar-end' }, this.#listening, this.#audience, this.#locked, this.#mode));
    const { signal } = this.#leaving;
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !this.#menu.parentElement?.contains(event.target)) this.#open(false);
    }, { signal });
    document.addEventListener('fullscreenchange', () => this.#nameItem('fullscreen', document.fullscreenElement ? 'menu.fullscreenEnd' : 'menu.fullscreen'), { signal });
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  /**
   * @param {RoomState} state
   * @param {Open} open
   */
  update(state, open) {
    const { self, unread, role } = state;
    this.#show(this.#mic, 'mic', self.audio === true, 'bar.mute', 'bar.unmute');
    this.#show(this.#camera, 'camera', self.video === true, 'bar.cameraOff', 'bar.cameraOn');
    const sharing = self.screen !== null;
    mark(this.#share, 'active', sharing);
    setIcon(/** @type {Element} */ (this.#share.firstElementChild), sharing ? 'share-stop' : 'share');
    tip(this.#share, sharing ? 'bar.unshare' : 'bar.share');
    this.#share.setAttribute('aria-pressed', String(sharing));
    mark(this.#chat, 'active', open.chat);
    this.#chat.setAttribute('aria-expanded', String(open.chat));
    tip(this.#chat, unread ? 'bar.chatUnread' : 'bar.chat', { n: unread });
    fillBadge(this.#unread, unread);
    const listens = role === 'audience';
    this.#listening.hidden = !listens;
    this.#mic.hidden = this.#camera.hidden = listens;
    this.#share.hidden = listens || !canShare();
    this.#showHand(state, open.hands);
    this.#showRoom(state);
    this.#showMenu(state, open.view);
  }

  /**
   * One's own hand, or to a host all others.
   * @param {RoomState} state
   * @param {boolean} open whether the list of hands is
   */
  #showHand(state, open) {
    const { self: { hand: up }, role, handCount } = state;
    const host = role === 'host';
    const on = host ? open : up;
    this.#hand.hidden = !hasStage(state) && handCount === 0;
    mark(this.#hand, 'active', on);
    mark(this.#hand, 'worded', role === 'audience');
    this.#hand.setAttribute(host ? 'aria-expanded' : 'aria-pressed', String(on));
    this.#hand.removeAttribute(host ? 'aria-pressed' : 'aria-expanded');
    if (host) tip(this.#hand, 'bar.hands', { n: handCount });
    else tip(this.#hand, up ? 'bar.handDown' : 'bar.hand');
    say(this.#handWord, up ? 'bar.handDownWord' : 'bar.handWord');
    fillBadge(this.#raised, host ? handCount : 0);
  }

  /** @param {RoomState} state */
  #showRoom({ room, members, role, audience, locked, mode }) {
    if (this.#room.textContent !== room) this.#room.textContent = room;
    fillCounter(this.#people, 'room.people', members.length + (role === 'audience' ? 0 : 1));
    this.#audience.hidden = audience === 0;
    fillCounter(this.#audience, 'room.listening', audience);
    this.#locked.hidden = !locked;
    this.#mode.textContent = mode.toUpperCase();
    tip(this.#mode, `mode.${mode}`);
  }

  /**
   * @param {RoomState} state
   * @param {Open['view']} view
   */
  #showMenu(state, view) {
    const host = state.role === 'host';
    this.#item('lock').hidden = !host;
    this.#item('removed').hidden = !host || state.removed.length === 0;
    this.#item('step-down').hidden = state.role === 'audience' || !hasStage(state);
    this.#nameItem('lock', state.locked ? 'menu.unlock' : 'menu.lock', state.locked ? 'unlock' : 'lock');
    this.#nameItem('layout', view === 'grid' ? 'menu.speaker' : 'menu.grid', view === 'grid' ? 'spotlight' : 'grid');
  }

  /** Closes the menu; true if it was open. */
  closeMenu() {
    const open = !this.#menu.hidden;
    this.#open(false);
    return open;
  }

  /**
   * @param {HTMLElement} button
   * @param {string} symbol
   * @param {boolean} on
   * @param {string} offer what a click does while it is on
   * @param {string} otherwise
   */
  #show(button, symbol, on, offer, otherwise) {
    mark(button, 'off', !on);
    button.setAttribute('aria-pressed', String(!on));
    setIcon(/** @type {Element} */ (button.firstElementChild), on ? symbol : `${symbol}-off`);
    tip(button, on ? offer : otherwise);
  }

  /**
   * @param {string} command
   * @param {string} symbol
   * @param {string} [testid]
   */
  #button(command, symbol, testid = command) {
    return h('button', {
      class: 'round control', testid, attrs: { type: 'button' },
      on: { click: () => (command === 'menu' ? this.#open(this.#menu.hidden) : this.#ask(command)) },
    }, icon(symbol));
  }

  #watchMenu() {
    this.#menu.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#open(false);
      else walk(this.#menu, event);
    });
    this.#menu.addEventListener('focusout', (event) => {
      if (event.relatedTarget instanceof Node && !this.#menu.contains(event.relatedTarget) && event.relatedTarget !== this.#more) this.#open(false, false);
    });
    this.#item('fullscreen').hidden = !document.fullscreenEnabled;
  }

  /** @param {string} command */
  #item(command) {
    return /** @type {HTMLElement} */ (this.#menu.querySelector(`[data-testid="menu-${command}"]`));
  }

  /**
   * @param {string} command
   * @param {string} key
   * @param {string} [symbol]
   */
  #nameItem(command, key, symbol) {
    const [svg, words] = this.#item(command).children;
    say(words, key);
    if (symbol) setIcon(svg, symbol);
  }

  /**
   * @param {boolean} open
   * @param {boolean} [refocus] gives the focus back to the button
   */
  #open(open, refocus = true) {
    if (this.#menu.hidden === !open) return;
    const held = this.#menu.contains(document.activeElement);
    this.#menu.hidden = !open;
    this.#more.setAttribute('aria-expanded', String(open));
    mark(this.#more, 'active', open);
    if (open) /** @type {HTMLElement} */ (this.#menu.firstElementChild).focus();
    else if (held && refocus) this.#more.focus();
  }

  /** @param {string} command */
  #ask(command) {
    this.dispatchEvent(new CustomEvent('command', { bubbles: true, detail: command }));
  }
}

/**
 * Hands are raised, and one steps down, where some speak and others listen.
 * @param {RoomState} state
 */
export function hasStage({ role, audience, mode }) {
  return role === 'audience' || audience > 0 || mode === 'sfu';
}

/** @param {string} testid */
function badge(testid) {
  return h('span', { class: 'unread', testid, attrs: { hidden: true, 'aria-hidden': 'true' } });
}

/**
 * @param {HTMLElement} element
 * @param {number} count
 */
function fillBadge(element, count) {
  element.hidden = count === 0;
  element.textContent = count > 99 ? '99+' : String(count);
}

/**
 * @param {string} testid
 * @param {string} symbol
 */
function counter(testid, symbol) {
  return h('span', { class: 'people', testid, attrs: { role: 'img' } }, icon(symbol), h('span'));
}

/**
 * @param {HTMLElement} element
 * @param {string} key
 * @param {number} n
 */
function fillCounter(element, key, n) {
  keep(/** @type {Element} */ (element.lastElementChild), 'text', () => { /** @type {Element} */ (element.lastElementChild).textContent = number(n); });
  sayAttribute(element, 'aria-label', key, { n });
}

customElements.define('control-bar', ControlBar);
