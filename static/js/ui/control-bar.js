// The controls of a call. Shows the state and asks by one event, 'command', whose detail names what is wanted:
// mic, camera, share, chat, hand, leave, invite, settings, stats, shortcuts, fullscreen.

import { sayAttribute, say } from '../i18n.js';
import { h, icon, mark, setIcon, tip } from './dom.js';

/** @import {RoomState} from '../core/types.js' */

/** Phones cannot share a screen. */
const canShare = () => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

/** Commands of the menu, with their symbols. */
const MENU = [['invite', 'link'], ['fullscreen', 'expand'], ['settings', 'settings'], ['stats', 'stats'], ['shortcuts', 'keyboard']];

export class ControlBar extends HTMLElement {
  #mic = this.#button('mic', 'mic');
  #camera = this.#button('camera', 'camera');
  #share = this.#button('share', 'share');
  #hand = this.#button('hand', 'hand');
  #chat = this.#button('chat', 'chat', 'chat-toggle');
  #unread = h('span', { class: 'unread', testid: 'unread', attrs: { hidden: true, 'aria-hidden': 'true' } });
  #more = this.#button('menu', 'more', 'more');
  #menu = h('div', { class: 'menu', testid: 'menu', label: 'bar.more', attrs: { role: 'menu', hidden: true } });
  #room = h('span', { class: 'room-name', testid: 'room-name' });
  #people = h('span', { class: 'people', testid: 'people', attrs: { role: 'img' } }, icon('people'), h('span'));
  #leaving = new AbortController();

  connectedCallback() {
    if (this.firstChild) return;
    this.dataset.testid = 'bar';
    this.setAttribute('role', 'toolbar');
    sayAttribute(this, 'aria-label', 'bar.label');
    this.#chat.append(this.#unread);
    this.#more.setAttribute('aria-haspopup', 'menu');
    this.#more.setAttribute('aria-expanded', 'false');
    tip(this.#more, 'bar.more');
    this.#share.hidden = !canShare();
    const invite = this.#button('invite', 'link', 'invite-button');
    tip(invite, 'bar.invite');
    invite.classList.remove('control');
    const leave = this.#button('leave', 'leave');
    tip(leave, 'bar.leave');
    leave.classList.add('leave');
    this.#fillMenu();
    this.append(
      h('div', { class: 'bar-start' }, this.#room, invite, this.#people),
      h('div', { class: 'bar-main' }, this.#mic, this.#camera, this.#share, this.#hand, this.#chat,
        h('div', { class: 'menu-box' }, this.#more, this.#menu), leave),
      h('div', { class: 'bar-end' }));
    const { signal } = this.#leaving;
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !this.#menu.parentElement?.contains(event.target)) this.#open(false);
    }, { signal });
    document.addEventListener('fullscreenchange', () => this.#nameFullscreen(), { signal });
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  /**
   * @param {RoomState} state
   * @param {boolean} chatOpen
   */
  update(state, chatOpen) {
    const { self, members, unread } = state;
    this.#show(this.#mic, 'mic', self.audio === true, 'bar.mute', 'bar.unmute');
    this.#show(this.#camera, 'camera', self.video === true, 'bar.cameraOff', 'bar.cameraOn');
    const sharing = self.screen !== null;
    mark(this.#share, 'active', sharing);
    setIcon(/** @type {Element} */ (this.#share.firstElementChild), sharing ? 'share-stop' : 'share');
    tip(this.#share, sharing ? 'bar.unshare' : 'bar.share');
    this.#share.setAttribute('aria-pressed', String(sharing));
    this.#hand.hidden = !hasStage(state);
    mark(this.#hand, 'active', self.hand);
    this.#hand.setAttribute('aria-pressed', String(self.hand));
    tip(this.#hand, self.hand ? 'bar.handDown' : 'bar.hand');
    mark(this.#chat, 'active', chatOpen);
    this.#chat.setAttribute('aria-expanded', String(chatOpen));
    tip(this.#chat, unread ? 'bar.chatUnread' : 'bar.chat', { n: unread });
    this.#unread.hidden = unread === 0;
    this.#unread.textContent = unread > 99 ? '99+' : String(unread);
    if (this.#room.textContent !== state.room) this.#room.textContent = state.room;
    const count = /** @type {HTMLElement} */ (this.#people.lastElementChild);
    count.textContent = String(members.length + 1);
    sayAttribute(this.#people, 'aria-label', 'room.people', { n: members.length + 1 });
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

  #fillMenu() {
    this.#menu.append(...MENU.map(([command, symbol]) => h('button', {
      class: 'menu-item', testid: `menu-${command}`, attrs: { type: 'button', role: 'menuitem', tabindex: -1 },
      on: { click: () => { this.#open(false); this.#ask(command); } },
    }, icon(symbol), h('span', { t: `menu.${command}` }))));
    this.#menu.addEventListener('keydown', (event) => this.#walk(event));
    this.#menu.addEventListener('focusout', (event) => {
      if (event.relatedTarget instanceof Node && !this.#menu.contains(event.relatedTarget) && event.relatedTarget !== this.#more) this.#open(false, false);
    });
    const full = this.#menu.querySelector('[data-testid="menu-fullscreen"]');
    if (full instanceof HTMLElement) full.hidden = !document.fullscreenEnabled;
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const items = /** @type {HTMLElement[]} */ ([...this.#menu.children].filter((item) => !(/** @type {HTMLElement} */ (item)).hidden));
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === 'Escape') this.#open(false);
    if (to === undefined) return;
    event.preventDefault();
    items[(to + items.length) % items.length].focus();
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

  #nameFullscreen() {
    const text = this.#menu.querySelector('[data-testid="menu-fullscreen"] > span');
    if (text) say(text, document.fullscreenElement ? 'menu.fullscreenEnd' : 'menu.fullscreen');
  }

  /** @param {string} command */
  #ask(command) {
    this.dispatchEvent(new CustomEvent('command', { bubbles: true, detail: command }));
  }
}

/**
 * Hands are raised where some speak and others listen.
 * @param {RoomState} state
 */
export function hasStage({ role, members }) {
  return role === 'audience' || (role === 'host' && members.some((member) => member.role === 'audience'));
}

customElements.define('control-bar', ControlBar);
