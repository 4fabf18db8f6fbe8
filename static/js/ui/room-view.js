// A call on the screen: puts its parts together, shows them the room's state, and turns what they ask for into the
// room's methods. The state itself changes in the core only.

import { MAX_FILE_BYTES } from '../core/files.js';
import { sayAttribute, t } from '../i18n.js';
import { ChatDrawer, spoken } from './chat-drawer.js';
import { ControlBar, hasStage } from './control-bar.js';
import { announce, h, icon, mark } from './dom.js';
import { copyText, inviteCard, linkTo } from './invite.js';
import { LinkBanner } from './link-banner.js';
import { deviceProblem } from './problems.js';
import { commandOf } from './shortcuts.js';
import { TileGrid } from './tile-grid.js';
import { ToastList } from './toasts.js';

/** @import {Room} from '../core/room.js' */
/** @import {Devices} from '../core/devices.js' */
/** @import {ChatMessage, DeviceError, Notice} from '../core/types.js' */
/** @import {Kind} from './device-picker.js' */

const REST_MS = 4000;
/** Errors with a sentence of their own. */
const TOLD = ['forbidden', 'too-large', 'rate', 'media'];

/**
 * @typedef {object} RoomOptions
 * @property {Room} room joined
 * @property {Devices} devices
 * @property {() => void} leave
 * @property {AbortSignal} signal ends the view
 */

class RoomView {
  #grid = new TileGrid();
  #bar = new ControlBar();
  #chat = new ChatDrawer().setup(MAX_FILE_BYTES);
  #banner = new LinkBanner();
  #toasts = new ToastList();
  #pill = h('div', { class: 'share-pill', testid: 'share-pill', attrs: { hidden: true } });
  #drop = h('div', { class: 'drop', testid: 'drop', t: 'room.dropFiles', attrs: { hidden: true } });
  #heard = true;
  /** @type {HTMLElement | null} */
  #invite = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

  /** @param {RoomOptions} options */
  constructor({ room, devices, leave, signal }) {
    this.room = room;
    this.devices = devices;
    this.leave = leave;
    this.signal = signal;
    this.#pill.append(icon('share'), h('span', { t: 'room.sharing' }),
      h('button', { class: 'button', testid: 'share-stop', t: 'room.stopSharing', attrs: { type: 'button' }, on: { click: () => void this.#try(room.unshare()) } }));
    this.stage = h('div', { class: 'room-stage' }, this.#grid);
    this.element = h('main', { class: 'room', testid: 'room' },
      h('div', { class: 'room-body' }, this.stage, this.#chat, this.#banner, this.#pill), this.#bar, this.#toasts, this.#drop);
    sayAttribute(this.element, 'aria-label', 'room.label', { room: room.state.room });
    this.#listen();
    this.#listenToChat();
    this.#watchDrops();
    this.#watchRest();
    this.update();
  }

  update() {
    const { room } = this;
    const { state } = room;
    this.#grid.update(state, this.devices.state.output.deviceId);
    this.#bar.update(state, !this.#chat.hidden);
    this.#chat.update(state);
    this.#banner.update(state);
    this.#pill.hidden = state.self.screen === null;
    const alone = state.members.length === 0 && state.self.screen === null;
    if (alone && !this.#invite) this.stage.append(this.#invite = inviteCard(state.room));
    if (!alone && this.#invite) {
      this.#invite.remove();
      this.#invite = null;
    }
  }

  #listen() {
    const { room, devices, signal } = this;
    const on = { signal };
    room.addEventListener('change', () => this.update(), on);
    devices.addEventListener('change', () => this.update(), on);
    room.addEventListener('levels', (event) => this.#grid.setLevels(/** @type {CustomEvent<Map<string, number>>} */ (event).detail), on);
    room.addEventListener('notice', (event) => this.#notice(/** @type {CustomEvent<Notice>} */ (event).detail), on);
    room.addEventListener('message', (event) => this.#message(/** @type {CustomEvent<ChatMessage>} */ (event).detail), on);
    this.element.addEventListener('command', (event) => this.#run(/** @type {CustomEvent<string>} */ (event).detail));
    this.element.addEventListener('sound-blocked', () => this.#silent());
    document.addEventListener('keydown', (event) => this.#key(event), on);
  }

  #listenToChat() {
    const { room } = this;
    const chat = this.#chat;
    const detail = (/** @type {Event} */ event) => /** @type {CustomEvent} */ (event).detail;
    chat.addEventListener('chat-text', (event) => void this.#try(room.sendText(detail(event))));
    chat.addEventListener('chat-files', (event) => { for (const file of detail(event)) void this.#try(room.sendFile(file)); });
    chat.addEventListener('chat-cancel', (event) => void this.#try(room.cancelTransfer(detail(event))));
    chat.addEventListener('chat-read', () => { if (room.state.unread > 0) room.markRead(); });
    chat.addEventListener('chat-close', () => this.#openChat(false));
  }

  /** @param {string} command */
  #run(command) {
    const { room } = this;
    const { self } = room.state;
    switch (command) {
      case 'mic': return this.#flip(room.setAudio(!self.audio), self.audio ? 'notice.micOff' : 'notice.micOn');
      case 'camera': return this.#flip(room.setVideo(!self.video), self.video ? 'notice.cameraOff' : 'notice.cameraOn');
      case 'share': return void this.#try(self.screen ? room.unshare() : room.share());
      case 'hand': return hasStage(room.state) ? void this.#try(room.setHand(!self.hand)) : undefined;
      case 'chat': return this.#openChat(this.#chat.hidden);
      case 'invite': return void this.#copyLink();
      case 'settings': case 'stats': case 'shortcuts': return void this.#try(this.#openSheet(command));
      case 'fullscreen': return void this.#fullscreen();
      case 'tile-fullscreen': return this.#grid.toggleFullscreen();
      case 'leave': return this.leave();
      default:
    }
  }

  /**
   * These load when they are asked for.
   * @param {'settings' | 'stats' | 'shortcuts'} name
   */
  async #openSheet(name) {
    const { room, devices } = this;
    if (name === 'settings') (await import('./settings.js')).openSettings(devices, (kind, id) => this.#choose(kind, id));
    else if (name === 'stats') (await import('./stats-panel.js')).openStats(() => room.stats());
    else (await import('./shortcut-sheet.js')).openShortcuts(hasStage(room.state));
  }

  /**
   * @param {unknown} done
   * @param {string} key announced then
   */
  #flip(done, key) {
    void this.#try(done).then((ok) => { if (ok) announce(t(key)); });
  }

  /**
   * Waits for something that may fail, and says what to do about it. True if it did not.
   * @param {unknown} result
   */
  async #try(result) {
    try {
      await result;
      return true;
    } catch (error) {
      const { kind, type } = /** @type {Partial<DeviceError>} */ (error ?? {});
      const text = kind && type ? t(deviceProblem(/** @type {DeviceError} */ (error))) : t('notice.error');
      this.#toasts.add(text, { urgent: true });
      return false;
    }
  }

  /**
   * @param {Kind} kind
   * @param {string} id
   */
  async #choose(kind, id) {
    await this.#try(kind === 'audiooutput' ? this.devices.use(kind, id) : this.room.useDevice(kind, id));
  }

  /** @param {boolean} open */
  #openChat(open) {
    const held = this.#chat.contains(document.activeElement);
    this.#chat.show(open);
    this.update();
    if (!open && held) /** @type {HTMLElement | null} */ (this.#bar.querySelector('[data-testid="chat-toggle"]'))?.focus();
  }

  async #copyLink() {
    const link = linkTo(this.room.state.room);
    this.#toasts.add(await copyText(link) ? t('invite.copiedLong') : t('invite.copyFailed', { link }));
  }

  #fullscreen() {
    return (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {});
  }

  /** @param {Notice} notice */
  #notice({ kind, name = '', type }) {
    if (kind === 'error') {
      this.#toasts.add(t(type && TOLD.includes(type) ? `notice.${type}` : 'notice.error'), { urgent: true });
      return;
    }
    // What is seen on a tile is only spoken.
    const text = t(`notice.${kind}`, { name });
    if (kind === 'away' || kind === 'back' || kind === 'share-stopped') announce(text);
    else this.#toasts.add(text);
  }

  /** @param {ChatMessage} message */
  #message(message) {
    if (message.self) return;
    const text = spoken(message, this.room.state);
    if (this.#chat.hidden) {
      const short = text.length > 120 ? `${text.slice(0, 119)}…` : text;
      this.#toasts.add(short, { action: { text: t('chat.title'), run: () => this.#openChat(true) } });
    } else announce(text);
  }

  #silent() {
    if (!this.#heard) return;
    this.#heard = false;
    this.#toasts.add(t('room.hear'), { urgent: true, action: { text: t('room.hearGo'), run: () => { this.#heard = true; this.#grid.resume(); } } });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'Escape' && !document.querySelector('dialog[open]')) {
      if (!this.#bar.closeMenu() && this.#chat.contains(document.activeElement)) this.#openChat(false);
      return;
    }
    const command = commandOf(event);
    if (!command) return;
    event.preventDefault();
    this.#run(command);
  }

  #watchDrops() {
    const { element, signal } = this;
    const brings = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
    element.addEventListener('dragover', (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      this.#drop.hidden = false;
    }, { signal });
    element.addEventListener('dragleave', (event) => { if (!event.relatedTarget) this.#drop.hidden = true; }, { signal });
    element.addEventListener('drop', (event) => {
      this.#drop.hidden = true;
      if (!brings(event)) return;
      event.preventDefault();
      this.#openChat(true);
      this.#chat.offer([...event.dataTransfer?.files ?? []]);
    }, { signal });
  }

  /** In full screen the controls go when nothing has moved for a while. */
  #watchRest() {
    const { element, signal } = this;
    const wake = () => {
      mark(element, 'resting', false);
      clearTimeout(this.#rest);
      if (document.fullscreenElement) this.#rest = setTimeout(() => mark(element, 'resting', document.fullscreenElement !== null), REST_MS);
    };
    for (const type of ['pointermove', 'pointerdown', 'keydown', 'fullscreenchange']) {
      document.addEventListener(type, wake, { signal, passive: true });
    }
    signal.addEventListener('abort', () => {
      clearTimeout(this.#rest);
      if (document.fullscreenElement) void document.exitFullscreen().catch(() => {});
      for (const dialog of document.querySelectorAll('dialog[open]')) /** @type {HTMLDialogElement} */ (dialog).close();
    });
  }
}

/** @param {RoomOptions} options */
export function roomView(options) {
  return new RoomView(options).element;
}
