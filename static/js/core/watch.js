// Who speaks, and how well each member is received: measured again and again.

import { remoteLevel } from './levels.js';
import { Meter, quality } from './stats.js';

/** @import {ConnectionStats, Mode, Participant, Quality} from './types.js' */
/** @import {Connector} from './connector.js' */
/** @import {Mesh} from './mesh.js' */

const AUDIBLE = 0.08;
const HOLD_MS = 600; // somebody is said to speak this long after the last sound

export class Watch {
  /** @type {Map<string, {quality: Quality, spokeAt: number}>} */
  #known = new Map();
  /** @type {WeakMap<Connector, {tile: Meter, panel: Meter}>} */
  #meters = new WeakMap();

  /** @param {Mesh} mesh */
  constructor(mesh) {
    this.mesh = mesh;
  }

  /** @param {string} id of a member */
  of(id) {
    const known = this.#known.get(id);
    return { quality: known?.quality ?? /** @type {Quality} */ ('good'), speaking: known !== undefined && performance.now() - known.spokeAt < HOLD_MS };
  }

  /** @param {string} id */
  forget(id) {
    this.#known.delete(id);
  }

  /**
   * Levels by member, and whether somebody began or ceased to speak.
   * @param {readonly Participant[]} members
   */
  listen(members) {
    /** @type {Map<string, number>} */
    const levels = new Map();
    let turned = false;
    for (const { id, speaking } of members) {
      const connector = this.mesh.to(id);
      const level = connector ? remoteLevel(connector) : 0;
      levels.set(id, level);
      if (level >= AUDIBLE) this.#entry(id).spokeAt = performance.now();
      if (speaking !== this.of(id).speaking) turned = true;
    }
    return { levels, turned };
  }

  /** @param {readonly Participant[]} members */
  async measure(members) {
    await Promise.all(members.map(async ({ id }) => {
      const connector = this.mesh.to(id);
      const measured = connector && await this.#metersOf(connector).tile.measure(connector.pc).catch(() => null);
      if (measured) this.#entry(id).quality = quality(measured);
    }));
  }

  /**
   * @param {(id: string) => string} name
   * @param {Mode} via
   * @returns {Promise<ConnectionStats[]>}
   */
  async stats(name, via) {
    const rows = await Promise.all([...this.mesh.connectors.values()].map(async (connector) => ({
      ...await this.#metersOf(connector).panel.measure(connector.pc),
      memberId: connector.memberId, name: name(connector.memberId), via,
      stream: /** @type {'user' | 'screen'} */ (connector.streamType === 'user' ? 'user' : 'screen'),
    })));
    return rows.sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @param {string} id */
  #entry(id) {
    let entry = this.#known.get(id);
    if (!entry) this.#known.set(id, entry = { quality: 'good', spokeAt: -Infinity });
    return entry;
  }

  /** @param {Connector} connector */
  #metersOf(connector) {
    let meters = this.#meters.get(connector);
    if (!meters) this.#meters.set(connector, meters = { tile: new Meter(), panel: new Meter() });
    return meters;
  }
}
