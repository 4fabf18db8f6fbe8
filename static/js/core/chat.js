// Chat: in P2P mode over the data channels to the members, in SFU mode by events. Keeps what is under way; what people see
// goes out by `show` as whole new lists.
//
// While a room changes its mode a line goes both ways, and one that did not arrive is said again by the new one. Who has
// heard it knows it by its sender and its id.

import { chatText, randomId, readChat, SERVER, SignalError, timeOfDay } from './protocol.js';

/** @import {ChatMessage, PeerMessage, Transfer} from './types.js' */
/** @import {Connector} from './connector.js' */
/** @import {Transfers} from './transfers.js' */

/**
 * @typedef {object} ChatHooks
 * @property {() => string} username one's own
 * @property {() => string} me one's own member id
 * @property {() => boolean} sfu whether the server hands on what is said
 * @property {() => number} limit bytes of the largest file; 0: none
 * @property {(line: {id: string, text: string, HHmmss: string}) => Promise<unknown>} post says a line to the server
 * @property {() => readonly string[]} members ids of the others
 * @property {(memberId: string) => string | undefined} name of a member
 * @property {(memberId: string) => boolean} capable whether a member's client is one of ours
 * @property {(memberId: string) => Connector | null} to the open connector to a member
 * @property {(lists: {messages: readonly ChatMessage[], transfers: readonly Transfer[]}, fresh?: ChatMessage) => void} show
 */

/** @typedef {{id: string, text: string, at: Date}} Line */

const MAX_WAITING = 100; // messages for one member whose channel is not open yet
const MAX_SEEN = 2000;

export class Chat {
  /** @type {readonly ChatMessage[]} */
  #messages = [];
  #seen = new Set();
  /** @type {Transfers | null} */
  #files = null;
  /** @type {Promise<Transfers> | null} */
  #loading = null;
  #stopped = false;
  /** For members whose channel is not open yet. @type {Map<string, Line[]>} */
  #waiting = new Map();
  /** The server has not acknowledged these. @type {Map<string, Line>} */
  #posted = new Map();
  /** Ids of those that nothing will come of any more. */
  #lost = new Set();
  /** The channel to the server that has been told what waits. @type {Connector | null} */
  #uplink = null;

  /** @param {ChatHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
  }

  /** @param {string} text */
  say(text) {
    const line = { id: randomId(), text, at: new Date() };
    this.#deliver(line);
    this.add({ id: line.id, from: 'self', name: this.hooks.username(), self: true, at: Date.now(), kind: 'text', text });
  }

  /**
   * A line that the server hands on.
   * @param {any} data
   */
  heard(data) {
    const message = this.#told(data, Date.now());
    if (message) this.add(message);
  }

  /** What was said before one came. @param {any} lines */
  remember(lines) {
    for (const line of Array.isArray(lines) ? lines : []) {
      const message = this.#told(line, Number(line?.at) || Date.now());
      if (message) this.#keep(message);
    }
    this.show();
  }

  /**
   * What was said before the page was loaded again.
   * @param {string} me member id of then
   * @param {readonly ChatMessage[]} messages
   */
  restore(me, messages) {
    for (const message of messages) {
      const from = message.self ? me : message.from;
      if (this.knows(from, message.id)) continue;
      this.#keep(message);
      this.#seen.add(`${from} ${message.id}`);
    }
    this.show();
  }

  /**
   * The room has another mode, or one is back in it: what has not got through is said again.
   * @param {boolean} [resumed] what is still under way goes on by itself
   */
  again(resumed) {
    const lines = new Set([...this.#posted.values()].filter(({ id }) => !resumed || this.#lost.has(id)));
    if (this.hooks.sfu()) {
      for (const waiting of this.#waiting.values()) for (const line of waiting) lines.add(line);
      this.#waiting.clear();
    }
    this.#lost.clear();
    for (const line of lines) {
      this.#posted.delete(line.id);
      this.#deliver(line);
    }
  }

  /** @param {File} file one after the other */
  send(file) {
    const limit = this.hooks.limit();
    if (limit > 0 && file.size > limit) throw new SignalError('too-large');
    this.#withFiles((files) => files.send(file));
  }

  /** @param {string} id of a transfer that is not over */
  cancel(id) {
    this.#files?.cancel(id);
  }

  /**
   * A message of a member.
   * @param {string} memberId
   * @param {PeerMessage} message
   */
  hear(memberId, message) {
    const { type, data } = message;
    // The name is the one the server knows: a message can say anything.
    if (type === 'chat' && data?.type === 'text') this.heard({ ...data, memberId, username: this.hooks.name(memberId) ?? data.username });
    else if (['chat', 'file', 'fileCancel', 'fileMissed'].includes(type)) this.#withFiles((files) => files.hear(memberId, message));
  }

  /** Says what has waited for channels that are open now. */
  flush() {
    for (const [memberId, lines] of [...this.#waiting]) {
      if (!this.hooks.to(memberId)) continue;
      this.#waiting.delete(memberId);
      for (const line of lines) this.#give(memberId, line);
    }
    const uplink = this.hooks.to(SERVER);
    if (uplink === this.#uplink) return;
    this.#uplink = uplink;
    // Newcomers may have no channel but the server's, which knows what it has heard before.
    if (uplink && !this.hooks.sfu()) for (const line of new Set([...this.#waiting.values()].flat())) this.#give(SERVER, line);
  }

  /** Members who are gone send and get nothing more. @param {(memberId: string) => boolean} here */
  forget(here) {
    for (const memberId of [...this.#waiting.keys()]) if (!here(memberId) && memberId !== SERVER) this.#waiting.delete(memberId);
    this.#files?.forget(here);
  }

  /** Gives up files whose sender says nothing more. Call it now and then. */
  sweep() {
    this.#files?.sweep();
  }

  /** Everything that is under way ends. */
  stop() {
    this.#stopped = true;
    this.#files?.stop();
  }

  /**
   * What files need is loaded with the first one; what comes meanwhile is done in order.
   * @param {(files: Transfers) => void} work
   */
  #withFiles(work) {
    if (this.#files) return work(this.#files);
    this.#loading ??= import('./transfers.js').then((module) => this.#files ??= new module.Transfers(this.hooks, this));
    this.#loading.then((files) => { if (!this.#stopped) work(files); }, () => { this.#loading = null; });
  }

  /** @param {Line} line */
  #deliver(line) {
    if (this.hooks.sfu()) return this.#post(line);
    const server = this.hooks.to(SERVER) ? [SERVER] : [];
    for (const memberId of [...this.hooks.members(), ...server]) this.#give(memberId, line);
  }

  /** @param {Line} line */
  #post(line) {
    const { id, text, at } = line;
    this.#posted.set(id, line);
    this.hooks.post({ id, text, HHmmss: timeOfDay(at) }).then(() => void this.#posted.delete(id), ({ type }) => {
      // Some it will say again: when it is back, or when the change of mode comes that this crossed.
      if (type === 'unreachable' || type === 'mode') return void this.#lost.add(id);
      if (!this.#posted.delete(id)) return;
      this.#messages = this.#messages.map((one) => (one.id === id && one.self ? { ...one, failed: true } : one));
      this.show();
    });
  }

  /**
   * Over the member's channel, as soon as it is open.
   * @param {string} memberId
   * @param {Line} line
   */
  #give(memberId, line) {
    if (this.hooks.to(memberId)?.send(JSON.stringify(chatText({ ...line, username: this.hooks.username() })))) return;
    const waiting = this.#waiting.get(memberId) ?? [];
    if (waiting.length < MAX_WAITING) waiting.push(line);
    this.#waiting.set(memberId, waiting);
  }

  /**
   * A line of text by the server's word, unless it is known.
   * @param {any} data
   * @param {number} at
   * @returns {ChatMessage | null}
   */
  #told(data, at) {
    const read = readChat({ ...data, type: 'text' });
    const from = String(data?.memberId);
    if (!read || read.file || this.knows(from, read.id)) return null;
    const self = from === this.hooks.me(); // said before the page was loaded again
    return { id: read.id, from: self ? 'self' : from, name: read.username, self, at, kind: 'text', text: read.text };
  }

  /**
   * Ids are made by clients: one may use another's.
   * @param {string} from
   * @param {string} id
   */
  knows(from, id) {
    return this.#seen.has(`${from} ${id}`);
  }

  /** @param {ChatMessage} message */
  add(message) {
    this.#keep(message);
    this.show(message);
  }

  /** @param {ChatMessage} message */
  #keep(message) {
    this.#seen.add(`${message.self ? this.hooks.me() : message.from} ${message.id}`);
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.values().next().value);
    this.#messages = [...this.#messages, message];
  }

  /** @param {ChatMessage} [fresh] */
  show(fresh) {
    this.hooks.show({ messages: this.#messages, transfers: this.#files?.list ?? [] }, fresh);
  }
}
