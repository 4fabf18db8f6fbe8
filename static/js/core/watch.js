// Who speaks, whose picture stands still, and how well each member is received: measured again and again.

import { remoteLevel } from './levels.js';
import { SERVER } from './protocol.js';
import { Meter, quality, starves } from './stats.js';
import { carries } from './tracks.js';

/** @import {ConnectionStats, Mode, Participant, Quality} from './types.js' */
/** @import {Connector} from './connector.js' */
/** @import {Mesh} from './mesh.js' */

/** From this level on somebody is heard. */
export const AUDIBLE = 0.08;
const HOLD_MS = 600; // somebody is said to speak this long after the last sound
const STARVED = 3; // measurements in a row
/** So many looks in a row that find nothing new: about 2 s. They are counted, not timed, so that a page that is late itself blames no member. */
const STILL_LOOKS = 20;

/** Whether media that has begun goes on. */
class Pulse {
  /** @type {RTCRtpReceiver | null} */
  #receiver = null;
  /** Of the media that came last. @type {number | undefined} */
  #last;
  #idle = 0;

  /**
   * Looks at the first receiver whose sources the browser tells, and stays with it when they are forgotten, after 10 s.
   * @param {readonly (RTCRtpReceiver | null | false)[]} expected
   * @param {boolean} paused nothing need come now
   */
  look(expected, paused) {
    const told = expected.find((one) => one && (one === this.#receiver || one.getSynchronizationSources().length > 0));
    const receiver = told || null;
    if (receiver !== this.#receiver) {
      this.#receiver = receiver;
      this.#last = undefined;
    }
    const now = receiver?.getSynchronizationSources()[0]?.rtpTimestamp;
    const fresh = now !== undefined && now !== this.#last;
    if (fresh) this.#last = now;
    this.#idle = fresh || paused || this.#last === undefined ? 0 : this.#idle + 1;
  }

  get still() {
    return this.#idle >= STILL_LOOKS;
  }
}

export class Watch {
  /** @type {Map<string, {quality: Quality, spokeAt: number, pulse: Pulse}>} */
  #known = new Map();
  /** One for each purpose. @type {WeakMap<Connector, Map<string, Meter>>} */
  #meters = new WeakMap();
  #starved = 0;

  /** @param {Mesh} mesh */
  constructor(mesh) {
    this.mesh = mesh;
  }

  /** @param {string} id of a member */
  of(id) {
    const known = this.#known.get(id);
    return {
      quality: known?.quality ?? /** @type {Quality} */ ('good'), speaking: known !== undefined && performance.now() - known.spokeAt < HOLD_MS,
      still: known?.pulse.still ?? false,
    };
  }

  /** @param {string} id */
  forget(id) {
    this.#known.delete(id);
  }

  /** Most copies of one's picture get less of the line than they need, and have for some seconds. */
  get saturated() {
    return this.#starved >= STARVED;
  }

  /**
   * Levels by member, and whether a member began or ceased to speak, or to stand still.
   * @param {readonly Participant[]} members
   * @param {ReadonlySet<string>} hidden ids of those whose picture we do not want
   */
  listen(members, hidden) {
    /** @type {Map<string, number>} */
    const levels = new Map();
    let turned = false;
    for (const { id, speaking, audio, video } of members) {
      const ear = this.mesh.ear(id);
      const level = remoteLevel(ear);
      const entry = this.#entry(id);
      levels.set(id, level);
      if (level >= AUDIBLE) entry.spokeAt = performance.now();
      if (ear && speaking !== this.of(id).speaking) turned = true;
      const { still } = entry.pulse;
      // Where there is no picture, or the browser does not tell of pictures (Firefox), the sound does.
      entry.pulse.look([video === true && this.mesh.eye(id), audio === true && ear], hidden.has(id));
      if (still !== entry.pulse.still) turned = true;
    }
    return { levels, turned };
  }

  /** @param {readonly Participant[]} members */
  async measure(members) {
    const reports = await this.#reports();
    for (const { id } of members) {
      const connector = this.mesh.link(id);
      const report = connector && reports.get(connector);
      if (report) this.#entry(id).quality = quality(this.#read(connector, report, `tile ${id}`, id, 'user'));
    }
    const starving = this.mesh.copies().map(([connector, wanted]) => starves(reports.get(connector) ?? [], wanted));
    // A single copy would be no smaller on its way to a server.
    this.#starved = starving.length > 1 && starving.filter(Boolean).length * 2 > starving.length ? this.#starved + 1 : 0;
  }

  /**
   * @param {(id: string) => string} name
   * @param {Mode} mode
   * @returns {Promise<ConnectionStats[]>}
   */
  async stats(name, mode) {
    const rows = [...await this.#reports()].flatMap(([connector, report]) => {
      const { memberId, streamType, owners } = connector;
      const own = memberId === SERVER ? 'self' : memberId;
      const one = { memberId: own, streamType: streamType === 'user' ? 'user' : 'display' };
      const parts = streamType === 'downlink' ? new Map([...owners.values()].map((owner) => [`${owner.memberId} ${owner.streamType}`, owner])).values() : [one];
      return [...parts].map((part) => ({
        ...this.#read(connector, report, `panel ${part.memberId} ${part.streamType}`, part.memberId, part.streamType),
        memberId: part.memberId, name: name(part.memberId), via: memberId === SERVER ? /** @type {const} */ ('sfu') : mode,
        stream: /** @type {'user' | 'screen'} */ (part.streamType === 'user' ? 'user' : 'screen'),
      }));
    });
    return rows.sort((a, b) => Number(b.memberId === 'self') - Number(a.memberId === 'self') || a.name.localeCompare(b.name));
  }

  /** @returns {Promise<Map<Connector, Iterable<[string, any]>>>} */
  async #reports() {
    const all = [...this.mesh.connectors.values()];
    const reports = await Promise.all(all.map(async (connector) => [connector, await connector.pc.getStats().catch(() => [])]));
    return new Map(/** @type {[Connector, any][]} */ (reports));
  }

  /**
   * @param {Connector} connector
   * @param {Iterable<[string, any]>} report
   * @param {string} purpose
   * @param {string} memberId
   * @param {string} stream
   */
  #read(connector, report, purpose, memberId, stream) {
    let meters = this.#meters.get(connector);
    if (!meters) this.#meters.set(connector, meters = new Map());
    let meter = meters.get(purpose);
    if (!meter) meters.set(purpose, meter = new Meter());
    return meter.read(report, connector.pc.connectionState, performance.now(), (mid) => carries(connector, mid, memberId, stream));
  }

  /** @param {string} id */
  #entry(id) {
    let entry = this.#known.get(id);
    if (!entry) this.#known.set(id, entry = { quality: 'good', spokeAt: -Infinity, pulse: new Pulse() });
    return entry;
  }
}
