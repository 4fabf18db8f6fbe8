// What is played of each member. A stream stays the same object while its tracks come and go; and while a room changes
// its ways, and a member's picture comes twice, the one that is seen goes on until the other has really begun.

import { KINDS } from './tracks.js';

/** @import {Receivers} from './tracks.js' */

/** @typedef {{camera: MediaStream, screen: MediaStream, ear: RTCRtpReceiver | null, eye: RTCRtpReceiver | null}} Played ear and eye: of the sound that is heard and of the camera that is seen */
/** @typedef {{who: string, done: boolean}} Start of a track, for a member */

const LOOK_MS = 50;
const LOOKS = 100; // then somebody has to ask again

export class Streams {
  /** By member. @type {Map<string, Played>} */
  #played = new Map();
  /** @type {WeakMap<MediaStreamTrack, Start>} */
  #starts = new WeakMap();

  /** @param {() => void} begun a track has begun that another one was played for */
  constructor(begun) {
    this.begun = begun;
  }

  /** @param {string} memberId */
  of(memberId) {
    let played = this.#played.get(memberId);
    if (!played) this.#played.set(memberId, played = { camera: new MediaStream(), screen: new MediaStream(), ear: null, eye: null });
    return played;
  }

  /** @param {string} memberId */
  forget(memberId) {
    this.#played.delete(memberId);
  }

  /**
   * Chooses what is played of a member.
   * @param {string} memberId
   * @param {'camera' | 'screen'} which
   * @param {readonly Receivers[]} ways by which it comes, the latest first
   */
  fill(memberId, which, ways) {
    const played = this.of(memberId);
    const stream = played[which];
    const now = stream.getTracks();
    const chosen = { audio: this.#choose(memberId, 'audio', now, ways), video: this.#choose(memberId, 'video', now, ways) };
    if (which === 'camera') Object.assign(played, { ear: chosen.audio, eye: chosen.video });
    const wanted = KINDS.flatMap((kind) => chosen[kind]?.track ?? []);
    for (const track of wanted) if (!now.includes(track)) stream.addTrack(track);
    for (const track of now) if (!wanted.includes(track)) stream.removeTrack(track);
    return { audio: chosen.audio?.track ?? null, video: chosen.video?.track ?? null };
  }

  /**
   * @param {string} memberId
   * @param {keyof Receivers} kind
   * @param {readonly MediaStreamTrack[]} now
   * @param {readonly Receivers[]} ways
   */
  #choose(memberId, kind, now, ways) {
    const choices = ways.flatMap((way) => way[kind] ?? []);
    const [latest = null] = choices;
    const playing = choices.find(({ track }) => now.includes(track));
    return latest && playing && playing !== latest && !this.#hasBegun(latest, memberId) ? playing : latest;
  }

  /**
   * @param {RTCRtpReceiver} receiver
   * @param {string} who
   */
  #hasBegun(receiver, who) {
    const known = this.#starts.get(receiver.track);
    if (known?.who === who) return known.done;
    const start = { who, done: false };
    this.#starts.set(receiver.track, start);
    // What a line has brought before was another member's.
    void this.#await(receiver, start, known ? NaN : 0);
    return false;
  }

  /**
   * @param {RTCRtpReceiver} receiver
   * @param {Start} start
   * @param {number} before what had come until then; NaN: that is still to be found out
   */
  async #await(receiver, start, before) {
    const { track } = receiver;
    for (let look = 0; look < LOOKS && track.readyState === 'live' && this.#starts.get(track) === start; look++) {
      const come = await arrived(receiver);
      if (come > before) {
        start.done = true;
        return this.begun();
      }
      if (Number.isNaN(before)) before = come;
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    }
    if (this.#starts.get(track) === start) this.#starts.delete(track);
  }
}

/** Pictures that were decoded, or packets of sound. @param {RTCRtpReceiver} receiver */
async function arrived(receiver) {
  let count = 0;
  const report = await receiver.getStats().catch(() => null);
  report?.forEach((/** @type {any} */ entry) => {
    if (entry.type === 'inbound-rtp') count += (entry.kind === 'video' ? entry.framesDecoded : entry.packetsReceived) ?? 0;
  });
  return count;
}
