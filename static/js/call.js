// One visit to a room: before, in and after the call. Holds the devices, and a Room for each time one joins.

import { Devices } from './core/devices.js';
import { Room } from './core/room.js';
import { dropSeat, keepSeat, liveSeat, noteRemoved, provenAs } from './seat.js';
import { recall, remember } from './store.js';
import { endedView } from './ui/ended.js';
import { readyView } from './ui/ready.js';
import { roomView } from './ui/room-view.js';
import { inCall } from './ui/theme.js';
import { stayAwake } from './ui/wake.js';

/** @import {Role} from './core/types.js' */

const NAME = 'lectern.name';
const KEEP_MS = 10_000; // between two times that who one is gets written down

export class Call {
  #devices = new Devices();
  #started = false;
  /** Set while one of the call's own views replaces another. */
  #moving = false;
  /** @type {Room | null} */
  #room = null;
  #keptAt = 0;

  /**
   * @param {object} options
   * @param {string} options.room
   * @param {Role} [options.role] wished for
   * @param {string} [options.token] that says which role one may have
   * @param {(make: (signal: AbortSignal) => HTMLElement) => void} options.show
   * @param {() => void} options.home goes to the front page
   */
  constructor({ room, role, token, show, home }) {
    this.name = room;
    this.wish = { role, token };
    this.home = home;
    this.showPage = show;
  }

  /** @param {string} [error] why one is back here */
  ready(error) {
    const listen = this.wish.role === 'audience';
    const live = liveSeat(this.name);
    this.#show((signal) => readyView({
      room: this.name, name: live?.name ?? recall(NAME) ?? '', devices: this.#devices, listen, signal, error, go: live !== null,
      join: (name, quiet) => this.#join(name, quiet),
    }));
    inCall(false);
    if (this.#started || listen) return;
    this.#started = true;
    void this.#devices.start({ audio: live?.audio ?? true, video: live?.video ?? true });
  }

  /**
   * @param {string} name
   * @param {boolean} quiet with everything off
   */
  async #join(name, quiet) {
    remember(NAME, name);
    const devices = this.#devices;
    if (quiet) await Promise.allSettled([devices.setAudio(false, true), devices.setVideo(false)]);
    const room = new Room({ url: `${location.origin.replace(/^http/, 'ws')}/ws`, devices });
    await room.join({ room: this.name, name, ...this.wish }, provenAs(this.name, name));
    this.#room = room;
    this.#keep(room, true);
    this.#show((signal) => {
      room.addEventListener('change', () => {
        if (room.state.phase === 'ended') this.#over(room.state.ended ?? 'closed');
        else if (Date.now() - this.#keptAt > KEEP_MS) this.#keep(room, true);
      }, { signal });
      addEventListener('pagehide', () => {
        this.#keep(room, true);
        this.#room = null; // the view that is left may be shown again
        room.part();
        this.#devices.stop();
        addEventListener('pageshow', () => location.reload(), { once: true });
      }, { signal });
      stayAwake(signal);
      return roomView({ room, devices, check: () => new Devices(), signal, leave: () => void this.#leave() });
    });
    inCall(true);
  }

  /**
   * @param {Room} room
   * @param {boolean} live
   */
  #keep(room, live) {
    const { audio, video } = this.#devices.state;
    this.#keptAt = Date.now();
    keepSeat({ ...room.seat, audio: audio.on, video: video.on, live, at: this.#keptAt });
  }

  async #leave() {
    const room = this.#room;
    if (room) this.#keep(room, false);
    this.#over('left');
    await room?.leave().catch(() => {}); // gone already
  }

  /** @param {string} why */
  #over(why) {
    if (!this.#room) return;
    if (why === 'removed') noteRemoved(this.name, this.#room.seat.id);
    else if (why !== 'left') dropSeat();
    this.#room = null;
    this.#devices.stop();
    this.#started = false;
    inCall(false);
    this.#show(() => endedView({ why, rejoin: () => this.ready(why === 'repeat' ? 'repeat' : undefined), home: this.home }));
  }

  /** @param {(signal: AbortSignal) => HTMLElement} make */
  #show(make) {
    this.#moving = true;
    this.showPage((signal) => {
      signal.addEventListener('abort', () => { if (!this.#moving) this.#gone(); });
      return make(signal);
    });
    this.#moving = false;
  }

  /** The person went to another page, by the browser's back button perhaps. */
  #gone() {
    inCall(false);
    this.#devices.stop();
    const room = this.#room;
    if (room) this.#keep(room, false);
    this.#room = null;
    void room?.leave().catch(() => {});
  }
}
