// What one may ask of the server in a room; each resolves when it is done, and rejects with a SignalError. And what one
// lets it know.

/** @import {Kind, Mode, Role} from './types.js' */
/** @import {Socket} from './socket.js' */

/** @typedef {{id: string, stream: 'user' | 'screen'}} StreamRef a picture of a member */

const VIEW_MS = 250;

export class Requests extends EventTarget {
  /** @type {readonly StreamRef[]} */
  #hidden = [];
  #shown = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #due;
  /** Of members. @type {ReadonlySet<string>} */
  hiddenCameras = new Set();
  /** @type {{[key: string]: boolean}} */
  #reported = {};

  /** @param {Socket} socket */
  constructor(socket) {
    super();
    this.socket = socket;
  }

  /**
   * Hosts only, as all up to `setMode`.
   * @param {string} id
   * @param {Role} role
   */
  setRole(id, role) { return this.socket.request('role', { memberId: id, role }); }

  /** @param {string} id */
  removeMember(id) { return this.socket.request('remove', { memberId: id }); }

  /** Lets one in again who was removed. @param {string} id */
  admitMember(id) { return this.socket.request('admit', { memberId: id }); }

  /**
   * Its person may turn it on again.
   * @param {string} id
   * @param {Kind} kind
   */
  muteMember(id, kind) { return this.socket.request('mute', { memberId: id, kind }); }

  /** @param {boolean} on nobody else gets in */
  setLocked(on) { return this.socket.request('lock', { locked: on }); }

  /** Resolves when the change has begun. @param {Mode} mode */
  setMode(mode) { return this.socket.request('mode', { mode }); }

  /** From the stage into the audience. */
  stepDown() { return this.socket.request('role', { role: 'audience' }); }

  /** How many listen; it comes into the state. */
  askAudience() { return this.socket.request('audience', {}); }

  /**
   * The pictures that are not shown: they are not sent then. Replaces what was said before.
   * @param {readonly StreamRef[]} refs
   */
  setHidden(refs) {
    this.#hidden = refs;
    this.hiddenCameras = new Set(refs.filter(({ stream }) => stream === 'user').map(({ id }) => id));
    this.#due ??= setTimeout(() => this.view(), VIEW_MS);
  }

  /** What only we see of our media. @param {{[key: string]: boolean}} seen */
  report(seen) {
    for (const [key, value] of Object.entries(seen)) {
      if ((this.#reported[key] ?? false) === value) continue;
      this.#reported[key] = value;
      this.socket.send('report', { [key]: value });
    }
  }

  /** One is in the room anew, or again. @param {boolean} resumed */
  renew(resumed) {
    if (!resumed) this.#reported = {};
    this.view();
  }

  /** Says again what is not shown, where anything is or was. */
  view() {
    clearTimeout(this.#due);
    this.#due = undefined;
    if (this.#shown && this.#hidden.length === 0) return;
    this.#shown = this.#hidden.length === 0;
    this.socket.send('view', { hidden: this.#hidden.map(({ id, stream }) => ({ memberId: id, streamType: stream === 'screen' ? 'display' : 'user' })) });
  }
}
