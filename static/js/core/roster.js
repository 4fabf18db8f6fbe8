// Who else is on stage, as the server tells it, what the views are shown of each, and what is worth telling.

/** @import {Hand, Notice, Participant, RosterEntry} from './types.js' */
/** @import {Mesh} from './mesh.js' */
/** @import {Watch} from './watch.js' */

export class Roster {
  /** @type {Map<string, RosterEntry>} */
  #entries = new Map();
  /** @type {readonly Participant[]} */
  #shown = [];
  /** @type {readonly Hand[]} */
  #hands = [];

  /**
   * @param {Mesh} mesh
   * @param {Watch} watch
   * @param {(notice: Notice) => void} notice
   */
  constructor(mesh, watch, notice) {
    this.mesh = mesh;
    this.watch = watch;
    this.notice = notice;
  }

  /** @param {readonly RosterEntry[]} entries */
  set(entries) {
    this.#entries = new Map(entries.map((entry) => [entry.memberId, entry]));
  }

  ids() {
    return [...this.#entries.keys()];
  }

  /** @param {string} id */
  has(id) {
    return this.#entries.has(id);
  }

  /** @param {string} id */
  name(id) {
    return this.#entries.get(id)?.username;
  }

  /** Name of the host, if that is another member. */
  host() {
    return [...this.#entries.values()].find(({ role }) => role === 'host')?.username;
  }

  /** Whether a member's client is one of ours. @param {string} id */
  capable(id) {
    return typeof this.#entries.get(id)?.audio === 'boolean';
  }

  /** A member came or changed. @param {RosterEntry} entry */
  take(entry) {
    const { username: name, hand, away } = entry;
    const before = this.#entries.get(entry.memberId);
    this.#entries.set(entry.memberId, entry);
    if (!before) return this.notice({ kind: 'joined', name });
    if (hand && !before.hand) this.notice({ kind: 'hand', name });
    if (away !== before.away) this.notice({ kind: away ? 'away' : 'back', name });
  }

  /** @param {string} id */
  drop(id) {
    const name = this.name(id);
    if (name === undefined) return;
    this.#entries.delete(id);
    this.watch.forget(id);
    this.mesh.closeMember(id);
    this.notice({ kind: 'left', name });
  }

  /** @param {any} list as a host is told */
  hands(list) {
    const before = new Set(this.#hands.map(({ id }) => id));
    this.#hands = (Array.isArray(list) ? list : []).map(({ memberId: id, username: name, role, since }) => ({ id, name, role, since }));
    // Of those on stage it was told already.
    for (const { id, name, role } of this.#hands) if (role === 'audience' && !before.has(id)) this.notice({ kind: 'hand', name });
    return this.#hands;
  }

  /** @param {any} list as a host is told */
  removed(list) {
    return (Array.isArray(list) ? list : []).map(({ memberId, username }) => ({ id: String(memberId), name: String(username) }));
  }

  /** @param {boolean} quiet */
  participants(quiet) {
    const before = new Map(this.#shown.map((member) => [member.id, member]));
    this.#shown = [...this.#entries.values()].map((entry) => this.#participant(entry));
    for (const { id, name, screen } of this.#shown) {
      const was = before.get(id);
      if (was && !was.screen !== !screen && !quiet) this.notice({ kind: screen ? 'share-started' : 'share-stopped', name });
    }
    return this.#shown;
  }

  /**
   * @param {RosterEntry} entry
   * @returns {Participant}
   */
  #participant({ memberId: id, username: name, role, audio, video, hand, away, speaking = false }) {
    const { camera, tracks, screen, connection } = this.mesh.media(id);
    const { speaking: heard, quality, still } = this.watch.of(id);
    const known = connection === 'connected';
    return {
      id, name, self: false, role, hand, away, screen, quality,
      // In SFU mode the connection to the server may be well when that of the member is not.
      connection: known && still ? 'interrupted' : connection,
      // Existing clients do not say what they send; their tracks do.
      audio: audio ?? (known ? tracks.audio !== null : null),
      video: video ?? (known ? tracks.video !== null : null),
      camera: tracks.audio || tracks.video ? camera : null,
      speaking: tracks.audio ? heard : speaking,
    };
  }
}
