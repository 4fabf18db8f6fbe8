// Oneself in a room: what the devices and a shared screen give goes out, is shown, and is told to the others.

import { captureScreen } from './devices.js';
import { AUDIBLE } from './watch.js';

/** @import {Participant} from './types.js' */
/** @import {Devices} from './devices.js' */
/** @import {Mesh} from './mesh.js' */

/**
 * @typedef {object} OwnHooks
 * @property {() => Participant} self as it is shown now
 * @property {() => boolean} here whether one is in the room
 * @property {() => boolean} up whether the server can be told
 * @property {(change: Partial<Participant>) => void} show
 * @property {(state: {[key: string]: boolean}) => void} tell
 */

const HOLD_MS = 300; // one is said to speak this long after the last sound
const TURN_MS = 250; // and it is told four times a second at most

export class Own {
  /** What the server knows. @type {{[key: string]: boolean}} */
  #told = {};
  #camera = new MediaStream();
  #spokeAt = 0;
  #turnedAt = 0;

  /**
   * @param {Devices} devices
   * @param {Mesh} mesh
   * @param {OwnHooks} hooks
   */
  constructor(devices, mesh, hooks) {
    this.devices = devices;
    this.mesh = mesh;
    this.hooks = hooks;
  }

  get #listens() {
    return this.hooks.self().role === 'audience';
  }

  /**
   * @param {Partial<Participant>} change
   * @param {boolean} [all] tells all there is
   */
  is(change, all) {
    this.hooks.show(change);
    this.tell(all);
  }

  /** Whoever listens sends nothing, and nothing is taken from its devices. */
  silence() {
    void this.devices.setAudio(false, true);
    void this.devices.setVideo(false);
    this.unshare();
  }

  /**
   * Turns something off that others see or hear. True if it was on.
   * @param {unknown} kind
   */
  mute(kind) {
    if (kind !== 'audio' && kind !== 'video') return false;
    const was = this.hooks.self()[kind] === true;
    void (kind === 'audio' ? this.devices.setAudio(false) : this.devices.setVideo(false));
    return was;
  }

  /** What the devices do. @param {boolean} [all] */
  sync(all) {
    const { audioTrack: audio, videoTrack: video } = this.#listens ? { audioTrack: null, videoTrack: null } : this.devices;
    this.mesh.setTracks({ audio, video });
    const [shown] = this.#camera.getVideoTracks();
    if (shown && shown !== video) this.#camera.removeTrack(shown);
    if (video && shown !== video) this.#camera.addTrack(video);
    this.is({ audio: audio !== null, video: video !== null, camera: video ? this.#camera : null }, all);
  }

  /** Shares a screen that the person chooses. Rejects with a DeviceError. */
  async share() {
    if (this.hooks.self().screen || this.#listens) return;
    const stream = await captureScreen();
    // While the link is down it waits: it goes out when one is back.
    if (!this.hooks.here() || this.hooks.self().screen || this.#listens) return stop(stream);
    // The browser has a stop button of its own.
    stream.getVideoTracks()[0]?.addEventListener('ended', () => this.unshare());
    this.is({ screen: stream });
    this.mesh.share(stream);
  }

  unshare() {
    const { screen } = this.hooks.self();
    if (!screen) return;
    stop(screen);
    this.mesh.unshare();
    this.is({ screen: null });
  }

  /** What changed, or all of it. @param {boolean} [all] */
  tell(all = false) {
    if (all) this.#told = {};
    if (!this.hooks.here() || !this.hooks.up()) return;
    const { audio, video, screen, hand, speaking } = this.hooks.self();
    /** @type {{[key: string]: boolean}} Of a listener only the hand counts. */
    const now = this.#listens ? { hand } : { audio: audio === true, video: video === true, screen: screen !== null, hand, speaking };
    const changed = Object.entries(now).filter(([key, value]) => this.#told[key] !== value);
    if (changed.length === 0) return;
    this.#told = now;
    this.hooks.tell(Object.fromEntries(changed));
  }

  /** How loud one is. */
  listen() {
    const level = this.devices.level();
    const now = Date.now();
    if (level >= AUDIBLE) this.#spokeAt = now;
    const speaking = now - this.#spokeAt < HOLD_MS;
    if (speaking !== this.hooks.self().speaking && now - this.#turnedAt >= TURN_MS) {
      this.#turnedAt = now;
      this.is({ speaking });
    }
    return level;
  }
}

/** @param {MediaStream} stream */
export function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
