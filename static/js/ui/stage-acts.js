// What a stage and an audience bring to a call: being brought there and back, raised hands, a host's rights. Most of it
// loads when it is needed.

import { t } from '../i18n.js';
import { announce } from './dom.js';

/** @import {Room} from '../core/room.js' */
/** @import {Devices} from '../core/devices.js' */
/** @import {Hand, Notice, RoomState} from '../core/types.js' */
/** @import {HandQueue} from './hand-queue.js' */
/** @import {ToastList} from './toasts.js' */

/** Hands that go up faster than this are counted, not told one by one. */
const APART_MS = 4000;

export class StageActs {
  /** @type {HandQueue | null} */
  queue = null;
  /** @type {Set<string>} */
  #hands = new Set();
  #toldAt = -Infinity;
  /** Takes away what was told of a hand, by member id. @type {Map<string, () => void>} */
  #offers = new Map();
  #listens = false;
  /** @type {HTMLDialogElement | null} */
  #dialog = null;

  /**
   * @param {object} options
   * @param {Room} options.room
   * @param {() => Devices} options.check makes devices to look at oneself by
   * @param {ToastList} options.toasts
   * @param {(result: unknown) => Promise<boolean>} options.attempt says what goes wrong
   * @param {(queue: HandQueue) => void} options.show places the list of hands
   */
  constructor({ room, check, toasts, attempt, show }) {
    this.room = room;
    this.check = check;
    this.toasts = toasts;
    this.attempt = attempt;
    this.show = show;
  }

  /** Whether the list of hands is open. */
  get open() {
    return this.queue !== null && !this.queue.hidden;
  }

  /** @param {RoomState} state */
  update(state) {
    const listens = state.role === 'audience';
    const sat = listens && !this.#listens;
    this.#listens = listens;
    // Who listens shows and says nothing, whatever was on before.
    if (sat) this.#silence();
    if (state.role !== 'host' && this.open) this.toggle(false);
    this.queue?.update(state);
    this.#tellHands(state.hands);
  }

  /**
   * True for what has been told here.
   * @param {Notice} notice
   */
  notice({ kind, name, by = '', media }) {
    if (kind === 'stage') void this.attempt(this.#onStage(by));
    else if (kind === 'audience' || kind === 'host') this.toasts.add(t(by ? `notice.${kind}By` : `notice.${kind}`, { name: by }));
    else if (kind === 'unhosted') this.toasts.add(t(by ? 'notice.unhostedBy' : 'notice.unhosted', { name: by }), { urgent: true });
    else if (kind === 'muted') this.toasts.add(t(`notice.muted.${media ?? 'audio'}`, { name: by || t('room.host') }), { urgent: true });
    else if (kind === 'locked' || kind === 'unlocked') this.toasts.add(t(`notice.${kind}`));
    else if (kind === 'hand') return !this.room.state.members.some((member) => member.name === name); // see #tellHands
    else return kind === 'mode'; // nobody is to notice
    return true;
  }

  /**
   * @param {string} id of a member
   * @param {HTMLElement} button
   */
  async openMenu(id, button) {
    const { openMemberMenu } = await import('./member-menu.js');
    const person = this.room.state.members.find((member) => member.id === id);
    if (person) openMemberMenu({ room: this.room, person, button, attempt: this.attempt });
  }

  /** @param {boolean} open */
  async toggle(open) {
    if (!this.queue) {
      if (!open) return;
      await import('./hand-queue.js');
      this.queue ??= this.#makeQueue();
    }
    this.queue.hidden = !open;
    if (open) this.#withdraw(() => true); // it says the same
    this.queue.update(this.room.state);
    if (open) /** @type {HTMLElement | null} */ (this.queue.querySelector('li button') ?? this.queue.querySelector('h2'))?.focus();
  }

  #makeQueue() {
    const queue = /** @type {HandQueue} */ (document.createElement('hand-queue'));
    const hand = (/** @type {Event} */ event) => /** @type {CustomEvent<Hand>} */ (event).detail;
    queue.addEventListener('hand-stage', (event) => void this.attempt(this.room.setRole(hand(event).id, 'presenter')));
    // A role given anew takes the hand down.
    queue.addEventListener('hand-lower', (event) => void this.attempt(this.room.setRole(hand(event).id, hand(event).role)));
    this.show(queue);
    return queue;
  }

  /** @param {string} by */
  async #onStage(by) {
    announce(t('stage.title'), true);
    const { openStageDialog } = await import('./stage-dialog.js');
    if (this.room.state.phase !== 'joined' || this.#listens) return;
    this.#dialog?.close();
    this.#dialog = openStageDialog({ room: this.room, trial: this.check(), by, attempt: this.attempt });
  }

  #silence() {
    const { devices } = this.room;
    this.#dialog?.close();
    this.#dialog = null;
    this.room.unshare();
    void Promise.allSettled([devices.setAudio(false, true), devices.setVideo(false)]);
  }

  /**
   * New ones of those who listen. The others' are told as notices.
   * @param {readonly Hand[]} hands
   */
  #tellHands(hands) {
    const fresh = hands.filter(({ id, role }) => role === 'audience' && !this.#hands.has(id));
    this.#hands = new Set(hands.map(({ id }) => id));
    this.#withdraw((id) => !this.#hands.has(id));
    if (fresh.length === 0) return;
    const now = performance.now();
    const often = now - this.#toldAt < APART_MS;
    this.#toldAt = now;
    if (fresh.length > 1 || often || this.open) {
      announce(t('bar.hands', { n: hands.length }));
      return;
    }
    const [{ id, name }] = fresh;
    this.#offers.set(id, this.toasts.add(t('notice.hand', { name }), { action: { text: t('hands.stage'), run: () => void this.attempt(this.room.setRole(id, 'presenter')) } }));
  }

  /** @param {(id: string) => boolean} which offers to bring somebody on stage */
  #withdraw(which) {
    for (const [id, take] of this.#offers) {
      if (!which(id)) continue;
      take();
      this.#offers.delete(id);
    }
  }
}
