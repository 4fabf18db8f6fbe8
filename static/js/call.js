// One visit to a room: before, in and after the call. Holds the devices, and a Room for each time one joins.

import { Devices } from './core/devices.js';
import { Room } from './core/room.js';
import { recall, remember } from './store.js';
import { endedView } from './ui/ended.js';
import { readyView } from './ui/ready.js';
import { roomView } from './ui/room-view.js';
import { inCall } from './ui/theme.js';
import { stayAwake } from './ui/wake.js';

/** @import {Role} from './core/types.js' */

const NAME = 'lectern.name';

export class Call {
  #devices = new Devices();
  #started = false;
  /** Set while one of the call's own views replaces another. */
  #moving = false;
  /** @type {Room | null} */
  #room = null;

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
    this.#show((signal) => readyView({
      room: this.name, name: recall(NAME) ?? '', devices: this.#devices, listen, signal, error, join: (name, quiet) => this.#join(name, quiet),
    }));
    inCall(false);
    if (this.#started || listen) return;
    this.#started = true;
    void this.#devices.start({ audio: true, video: true });
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
    await room.join({ room: this.name, name, ...this.wish });
    this.#room = room;
    this.#show((signal) => {
      room.addEventListener('change', () => {
        if (room.state.phase === 'ended') this.#over(room.state.ended ?? 'closed');
      }, { signal });
      stayAwake(signal);
      return roomView({ room, devices, check: () => new Devices(), signal, leave: () => void this.#leave() });
    });
    inCall(true);
  }

  async #leave() {
    const room = this.#room;
    this.#over('left');
    await room?.leave().catch(() => {}); // gone already
  }

  /** @param {string} why */
  #over(why) {
    if (!this.#room) return;
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
    this.#room = null;
    void room?.leave().catch(() => {});
  }
}
