// A call on the screen: puts its parts together, shows them the room's state, and turns what they ask for into the
// room's methods. The state itself changes in the core only.

import { sayAttribute, t } from '../i18n.js';
import { recall, remember } from '../store.js';
import { ControlBar, hasStage } from './control-bar.js';
import { announce, h, icon, mark } from './dom.js';
import { copyText, inviteCard, linkTo } from './invite.js';
import { LinkBanner } from './link-banner.js';
import { deviceProblem, lossSentence } from './problems.js';
import { commandOf } from './shortcuts.js';
import { StageActs } from './stage-acts.js';
import { TileGrid } from './tile-grid.js';
import { ToastList } from './toasts.js';

/** @import {Room} from '../core/room.js' */
/** @import {Devices} from '../core/devices.js' */
/** @import {ChatMessage, DeviceError, DeviceLoss, Notice, RoomState} from '../core/types.js' */
/** @import {ChatDrawer} from './chat-drawer.js' */
/** @import {Kind} from './device-picker.js' */

const REST_MS = 4000;
/** Errors with a sentence of their own. */
const TOLD = ['forbidden', 'too-large', 'rate', 'media', 'stage-full', 'mode', 'invalid', 'not-in-room'];
const VIEW = 'lectern.view';

/**
 * @typedef {object} RoomOptions
 * @property {Room} room joined
 * @property {Devices} devices
 * @property {() => Devices} check makes devices to look at oneself by, before the others do
 * @property {() => void} leave
 * @property {AbortSignal} signal ends the view
 */

class RoomView {
  #grid = new TileGrid();
  #bar = new ControlBar();
  /** Loads when it is needed. @type {ChatDrawer | null} */
  #chat = null;
  #banner = new LinkBanner();
  #toasts = new ToastList();
  #pill = h('div', { class: 'share-pill', testid: 'share-pill', attrs: { hidden: true } });
  #drop = h('div', { class: 'drop', testid: 'drop', t: 'room.dropFiles', attrs: { hidden: true } });
  #view = /** @type {'grid' | 'speaker'} */ (recall(VIEW) === 'speaker' ? 'speaker' : 'grid');
  #heard = true;
  /** @type {HTMLElement | null} */
  #invite = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

  /** @param {RoomOptions} options */
  constructor({ room, devices, check, leave, signal }) {
    this.room = room;
    this.devices = devices;
    this.leave = leave;
    this.signal = signal;
    this.#pill.append(icon('share'), h('span', { t: 'room.sharing' }),
      h('button', { class: 'button', testid: 'share-stop', t: 'room.stopSharing', attrs: { type: 'button' }, on: { click: () => void this.#try(room.unshare()) } }));
    this.stage = h('div', { class: 'room-stage' }, this.#grid);
    this.element = h('main', { class: 'room', testid: 'room' }, h('div', { class: 'room-body' }, this.stage, this.#banner, this.#pill), this.#bar, this.#toasts, this.#drop);
    this.acts = new StageActs({
      room, check, toasts: this.#toasts, attempt: (result) => this.#try(result),
      show: (queue) => { this.stage.after(queue); queue.addEventListener('hands-close', () => void this.#openHands(false)); },
    });
    sayAttribute(this.element, 'aria-label', 'room.label', { room: room.state.room });
    this.#listen();
    this.#watchDrops();
    this.#watchRest();
    this.update();
  }

  update() {
    const { room } = this;
    const { state } = room;
    if (state.phase !== 'joined') return;
    this.#grid.update(state, { speaker: this.devices.state.output.deviceId, view: this.#view });
    this.acts.update(state);
    this.#bar.update(state, { chat: this.#chatOpen, hands: this.acts.open, view: this.#view });
    this.#chat?.update(state, fileLimit(state));
    this.#banner.update(state);
    this.#pill.hidden = state.self.screen === null;
    const alone = state.members.length === 0 && state.self.screen === null && state.audience === 0 && state.role !== 'audience';
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
    devices.addEventListener('lost', (event) => this.#lost(/** @type {CustomEvent<DeviceLoss>} */ (event).detail), on);
    room.addEventListener('levels', (event) => this.#grid.setLevels(/** @type {CustomEvent<Map<string, number>>} */ (event).detail), on);
    room.addEventListener('notice', (event) => this.#notice(/** @type {CustomEvent<Notice>} */ (event).detail), on);
    room.addEventListener('message', (event) => this.#message(/** @type {CustomEvent<ChatMessage>} */ (event).detail), on);
    this.#grid.addEventListener('hidden-tiles', (event) => room.setHidden(/** @type {CustomEvent} */ (event).detail));
    this.#grid.addEventListener('tile-menu', (event) => {
      const id = String(/** @type {CustomEvent} */ (event).detail);
      const button = /** @type {Element} */ (event.target).querySelector('[data-testid="tile-menu"]');
      if (button instanceof HTMLElement) void this.acts.openMenu(id.slice(0, id.lastIndexOf('/')), button);
    });
    this.element.addEventListener('command', (event) => this.#run(/** @type {CustomEvent<string>} */ (event).detail));
    this.element.addEventListener('sound-blocked', () => this.#silent());
    document.addEventListener('keydown', (event) => this.#key(event), on);
  }

  get #chatOpen() {
    return this.#chat !== null && !this.#chat.hidden;
  }

  /** @returns {Promise<ChatDrawer>} */
  async #needChat() {
    const { ChatDrawer } = await import('./chat-drawer.js');
    if (this.#chat) return this.#chat;
    const chat = this.#chat = new ChatDrawer().setup();
    this.#listenToChat(chat);
    this.stage.after(chat);
    this.update();
    return chat;
  }

  /** @param {ChatDrawer} chat */
  #listenToChat(chat) {
    const { room } = this;
    const detail = (/** @type {Event} */ event) => /** @type {CustomEvent} */ (event).detail;
    chat.addEventListener('chat-text', (event) => void this.#try(room.sendText(detail(event))));
    chat.addEventListener('chat-files', (event) => { for (const file of detail(event)) void this.#try(room.sendFile(file)); });
    chat.addEventListener('chat-cancel', (event) => void this.#try(room.cancelTransfer(detail(event))));
    chat.addEventListener('chat-read', () => { if (room.state.unread > 0) room.markRead(); });
    chat.addEventListener('chat-close', () => void this.#openChat(false));
  }

  /** @param {string} command */
  #run(command) {
    const { room } = this;
    const { self, role } = room.state;
    if (role === 'audience' && ['mic', 'camera', 'share'].includes(command)) return;
    switch (command) {
      case 'mic': return this.#flip(room.setAudio(!self.audio), self.audio ? 'notice.micOff' : 'notice.micOn');
      case 'camera': return this.#flip(room.setVideo(!self.video), self.video ? 'notice.cameraOff' : 'notice.cameraOn');
      case 'share': return void this.#try(self.screen ? room.unshare() : room.share());
      case 'hand': return this.#useHand();
      case 'layout': return this.#turnView();
      case 'lock': return void this.#try(room.setLocked(!room.state.locked));
      case 'removed': return void this.#try(import('./removed.js').then(({ openRemoved }) => openRemoved(room, (result) => this.#try(result))));
      case 'step-down': return void this.#try(room.stepDown());
      case 'page-left': case 'page-right':
        this.#grid.turn((command === 'page-left') === (document.dir === 'rtl') ? 1 : -1);
        return;
      case 'chat': return void this.#try(this.#openChat(!this.#chatOpen));
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
    else if (name === 'stats') (await import('./stats-panel.js')).openStats(() => room.stats(), room.state);
    else (await import('./shortcut-sheet.js')).openShortcuts(!hasStage(room.state) ? '' : room.state.role === 'host' ? 'hands' : 'h');
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
      const { kind, type } = /** @type {{kind?: string, type?: string}} */ (error ?? {});
      const text = kind && type ? t(deviceProblem(/** @type {DeviceError} */ (error))) : refusal(type);
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
  async #openChat(open) {
    const chat = await this.#needChat();
    const held = chat.contains(document.activeElement);
    if (open && this.acts.open) void this.acts.toggle(false);
    chat.show(open);
    this.update();
    if (!open && held) /** @type {HTMLElement | null} */ (this.#bar.querySelector('[data-testid="chat-toggle"]'))?.focus();
  }

  /** @param {boolean} open */
  async #openHands(open) {
    const held = this.acts.queue?.contains(document.activeElement);
    if (open) this.#chat?.show(false);
    await this.acts.toggle(open);
    this.update();
    if (!open && held) /** @type {HTMLElement | null} */ (this.#bar.querySelector('[data-testid="hand"]'))?.focus();
  }

  #useHand() {
    const { room } = this;
    const { self, role, handCount } = room.state;
    if (!hasStage(room.state) && handCount === 0) return;
    if (role === 'host') void this.#try(this.#openHands(!this.acts.open));
    else this.#flip(room.setHand(!self.hand), self.hand ? 'notice.handDown' : 'notice.handUp');
  }

  #turnView() {
    this.#view = this.#view === 'grid' ? 'speaker' : 'grid';
    remember(VIEW, this.#view);
    this.update();
    announce(t(`notice.view.${this.#view}`));
  }

  async #copyLink() {
    const link = linkTo(this.room.state.room);
    this.#toasts.add(await copyText(link) ? t('invite.copiedLong') : t('invite.copyFailed', { link }));
  }

  #fullscreen() {
    return (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {});
  }

  /** @param {Notice} notice */
  #notice(notice) {
    const { kind, name = '', type } = notice;
    if (this.acts.notice(notice)) return;
    if (kind === 'error') {
      // The server tells in the person's own language why the room stays as it is.
      this.#toasts.add(notice.message ?? refusal(type), { urgent: true });
      return;
    }
    // Before an audience, to come and go is a matter of the stage.
    const stage = (kind === 'joined' || kind === 'left') && (this.room.state.audience > 0 || this.room.state.role === 'audience');
    const text = t(stage ? `notice.stage.${kind}` : `notice.${kind}`, { name });
    // What is seen on a tile is only spoken.
    if (kind === 'away' || kind === 'back' || kind === 'share-stopped') announce(text);
    else this.#toasts.add(text);
  }

  /** @param {DeviceLoss} loss */
  #lost(loss) {
    const [key, { device }] = lossSentence(loss);
    this.#toasts.add(t(key, { device: device || t('device.default') }), { urgent: true, about: loss.kind });
  }

  /** @param {ChatMessage} message */
  #message(message) {
    if (message.self) return;
    const text = spoken(message, this.room.state);
    void this.#try(this.#needChat()); // an answer is near
    if (!this.#chatOpen) {
      const short = text.length > 120 ? `${text.slice(0, 119)}…` : text;
      this.#toasts.add(short, { action: { text: t('chat.title'), run: () => void this.#try(this.#openChat(true)) } });
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
      if (this.#bar.closeMenu()) return;
      if (this.#chat?.contains(document.activeElement)) void this.#openChat(false);
      else if (this.acts.queue?.contains(document.activeElement)) void this.#openHands(false);
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
      const files = [...event.dataTransfer?.files ?? []];
      void this.#try(this.#openChat(true).then(() => this.#chat?.offer(files)));
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
      document.querySelector('.member-menu')?.remove();
      for (const dialog of document.querySelectorAll('dialog[open]')) /** @type {HTMLDialogElement} */ (dialog).close();
    });
  }
}

/**
 * What a screen reader says of a message.
 * @param {ChatMessage} message
 * @param {RoomState} state
 */
function spoken(message, { transfers }) {
  if (message.kind === 'text') return t('chat.said', { name: message.name, text: message.text ?? '' });
  const file = transfers.find(({ id }) => id === message.transfer)?.file.name ?? '';
  return t('chat.sentFile', { name: message.name, file });
}

/**
 * What the server's refusal means to a person.
 * @param {string | undefined} type a word of PROTOCOL.md section 6
 */
function refusal(type) {
  return t(type && TOLD.includes(type) ? `notice.${type}` : 'notice.error');
}

/**
 * In bytes; 0 where one may send none.
 * @param {RoomState} state
 */
function fileLimit({ role, maxFileBytes }) {
  return role === 'audience' ? 0 : maxFileBytes || Infinity;
}

/** @param {RoomOptions} options */
export function roomView(options) {
  return new RoomView(options).element;
}
