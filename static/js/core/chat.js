// Chat and files: in P2P mode over the data channels to the members; in SFU mode text by events, and files once, over the
// channel to the server. Keeps what is under way; what people see goes out by `show` as whole new lists.
//
// While a room changes its mode a line goes both ways, and one that did not arrive is said again by the new one. Who has
// heard it knows it by its sender and its id.

import { encodePiece, Incoming, pieceSize } from './files.js';
import { drained } from './pace.js';
import { chatFile, chatText, randomId, readChat, SERVER, SignalError, timeOfDay } from './protocol.js';

/** @import {ChatMessage, PeerMessage, Transfer} from './types.js' */
/** @import {Connector} from './connector.js' */

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

/** @typedef {{file: Incoming, from: string, touched: number}} Arrival */
/** @typedef {{id: string, text: string, at: Date}} Line */

const HIGH = 1 << 20; // bytes of a channel's buffer at which a file waits
const SILENT_MS = 60_000; // without a piece: that sender is
const TOLD_MS = 200; // between two progress reports
const MAX_WAITING = 100; // messages for one member whose channel is not open yet
const MAX_ARRIVING = 16; // files of one member at once
const MAX_SEEN = 2000;

export class Chat {
  /** @type {readonly ChatMessage[]} */
  #messages = [];
  /** @type {readonly Transfer[]} */
  #transfers = [];
  #seen = new Set();
  /** @type {Map<string, Arrival>} */
  #arriving = new Map();
  /** For members whose channel is not open yet. @type {Map<string, Line[]>} */
  #waiting = new Map();
  /** The server has not acknowledged these. @type {Map<string, Line>} */
  #posted = new Map();
  /** The channel to the server that has been told what waits. @type {Connector | null} */
  #uplink = null;
  /** @type {Map<string, {file: File, cancelled: boolean, to: Set<string>}>} */
  #leaving = new Map();
  #sending = Promise.resolve();
  #toldAt = 0;

  /** @param {ChatHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
  }

  /** @param {string} text */
  say(text) {
    const line = { id: randomId(), text, at: new Date() };
    this.#deliver(line);
    this.#add({ id: line.id, from: 'self', name: this.hooks.username(), self: true, at: Date.now(), kind: 'text', text });
  }

  /**
   * A line that the server hands on.
   * @param {any} data
   */
  heard(data) {
    const message = this.#told(data, Date.now());
    if (message) this.#add(message);
  }

  /** What was said before one came. @param {any} lines */
  remember(lines) {
    for (const line of Array.isArray(lines) ? lines : []) {
      const message = this.#told(line, Number(line?.at) || Date.now());
      if (message) this.#keep(message);
    }
    this.#show();
  }

  /** The room has another mode, or one is back in it: what has not got through is said again. */
  again() {
    const lines = new Set([...this.#posted.values()]);
    if (this.hooks.sfu()) {
      for (const waiting of this.#waiting.values()) for (const line of waiting) lines.add(line);
      this.#waiting.clear();
    }
    this.#posted.clear();
    for (const line of lines) this.#deliver(line);
  }

  /** @param {File} file one after the other */
  send(file) {
    const limit = this.hooks.limit();
    if (limit > 0 && file.size > limit) throw new SignalError('too-large');
    const id = randomId();
    const name = this.hooks.username();
    this.#leaving.set(id, { file, cancelled: false, to: new Set() });
    this.#transfers = [...this.#transfers, {
      id, direction: 'out', from: 'self', name, self: true, file: { name: file.name, size: file.size, type: file.type }, done: 0, state: 'queued',
    }];
    this.#add({ id, from: 'self', name, self: true, at: Date.now(), kind: 'file', transfer: id });
    this.#sending = this.#sending.then(() => this.#send(id)).catch(() => this.#update(id, { state: 'failed' })).then(() => void this.#leaving.delete(id));
  }

  /** @param {string} id of a transfer that is not over */
  cancel(id) {
    const out = this.#leaving.get(id);
    const from = this.#arriving.get(id)?.from;
    if (!out && from === undefined) return;
    if (out) out.cancelled = true;
    this.#arriving.delete(id);
    for (const memberId of out ? out.to : [/** @type {string} */ (from)]) this.#tellCancel(memberId, id);
    this.#update(id, { state: 'cancelled' });
  }

  /**
   * A message of a member.
   * @param {string} memberId
   * @param {PeerMessage} message
   */
  hear(memberId, { type, data }) {
    if (type === 'chat') this.#line(memberId, data);
    else if (type === 'file') this.#piece(memberId, data);
    else if (type === 'fileCancel') this.#cancelled(memberId, data?.id);
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
    for (const [id, { from }] of [...this.#arriving]) if (!here(from)) this.#fail(id);
  }

  /** Gives up files whose sender says nothing more. Call it now and then. */
  sweep() {
    for (const [id, { touched }] of [...this.#arriving]) if (Date.now() - touched > SILENT_MS) this.#fail(id);
  }

  /** Everything that is under way ends. */
  stop() {
    for (const id of [...this.#arriving.keys()]) this.#fail(id);
    for (const [id, out] of this.#leaving) {
      out.cancelled = true;
      this.#update(id, { state: 'failed' });
    }
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
      if (type === 'unreachable' || type === 'mode' || !this.#posted.delete(id)) return;
      this.#messages = this.#messages.map((one) => (one.id === id && one.self ? { ...one, failed: true } : one));
      this.#show();
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
    if (!read || read.file || this.#seen.has(key(from, read.id))) return null;
    return { id: read.id, from, name: read.username, self: false, at, kind: 'text', text: read.text };
  }

  /** @param {ChatMessage} message */
  #add(message) {
    this.#keep(message);
    this.#show(message);
  }

  /** @param {ChatMessage} message */
  #keep(message) {
    this.#seen.add(key(message.self ? this.hooks.me() : message.from, message.id));
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.values().next().value);
    this.#messages = [...this.#messages, message];
  }

  /** @param {ChatMessage} [fresh] */
  #show(fresh) {
    this.#toldAt = performance.now();
    this.hooks.show({ messages: this.#messages, transfers: this.#transfers }, fresh);
  }

  /**
   * @param {string} id
   * @param {Partial<Transfer>} change
   */
  #update(id, change) {
    const over = ['done', 'failed', 'cancelled'];
    this.#transfers = this.#transfers.map((one) => (one.id === id && !over.includes(one.state) ? { ...one, ...change } : one));
    // Progress is shown now and then; the last word at once.
    if (change.state || performance.now() - this.#toldAt > TOLD_MS) this.#show();
  }

  /** @param {string} id of a file that does not arrive whole */
  #fail(id) {
    this.#arriving.delete(id);
    this.#update(id, { state: 'failed' });
  }

  /**
   * @param {string} memberId
   * @param {any} data
   */
  #line(memberId, data) {
    const read = readChat(data);
    if (!read || this.#seen.has(key(memberId, read.id))) return;
    const { id, username, file } = read;
    // The name is the one the server knows: a message can say anything.
    const name = this.hooks.name(memberId) ?? username;
    const base = { id, from: memberId, name, self: false, at: Date.now() };
    if (!file) {
      this.#add({ ...base, kind: 'text', text: read.text });
      return;
    }
    if (this.#transfers.some((one) => one.id === id)) return; // nobody takes over another's
    const arriving = [...this.#arriving.values()].filter(({ from }) => from === memberId).length;
    const limit = this.hooks.limit() || Infinity;
    const taken = Incoming.takes(file, limit) && arriving < MAX_ARRIVING;
    this.#transfers = [...this.#transfers, {
      id, direction: 'in', from: memberId, name, self: false, file: { name: file.name, size: file.size, type: file.type }, done: 0, state: taken ? 'active' : 'failed',
    }];
    if (taken) this.#arriving.set(id, { file: new Incoming(file, limit), from: memberId, touched: Date.now() });
    this.#add({ ...base, kind: 'file', transfer: id });
    if (taken) this.#finish(id);
  }

  /**
   * @param {string} memberId
   * @param {any} data
   */
  #piece(memberId, data) {
    const arrival = this.#arriving.get(data?.id);
    if (!arrival || arrival.from !== memberId) return;
    arrival.touched = Date.now();
    if (!arrival.file.add(data.index, data.chunk)) this.#fail(data.id);
    else if (!this.#finish(data.id)) this.#update(data.id, { done: arrival.file.done });
  }

  /** @param {string} id */
  #finish(id) {
    const file = this.#arriving.get(id)?.file;
    if (!file?.complete) return false;
    this.#arriving.delete(id);
    this.#update(id, { state: 'done', done: file.done, blob: file.blob() });
    return true;
  }

  /**
   * The other side cancelled: its own file, or that it gets ours.
   * @param {string} memberId
   * @param {string} id
   */
  #cancelled(memberId, id) {
    if (this.#arriving.get(id)?.from === memberId) {
      this.#arriving.delete(id);
      this.#update(id, { state: 'cancelled' });
    }
    this.#leaving.get(id)?.to.delete(memberId);
  }

  /**
   * Existing clients would take the message for something else.
   * @param {string} memberId
   * @param {string} id
   */
  #tellCancel(memberId, id) {
    if (this.hooks.capable(memberId)) this.hooks.to(memberId)?.send(JSON.stringify({ type: 'fileCancel', data: { id } }));
  }

  /**
   * Sends a file to all who can be reached now. Each piece is read and packed once, and the slowest sets the pace: so
   * there is one piece in memory, and what waits in the channels.
   * @param {string} id
   */
  async #send(id) {
    const out = this.#leaving.get(id);
    if (!out || out.cancelled) return;
    const sfu = this.hooks.sfu();
    const targets = new Map((sfu ? [SERVER] : this.hooks.members()).flatMap((memberId) => {
      const connector = this.hooks.to(memberId);
      return connector ? [[memberId, connector]] : [];
    }));
    out.to = new Set(targets.keys());
    const { file, to } = out;
    const bytes = pieceSize(Math.min(...[...targets.values()].map(({ pc }) => pc.sctp?.maxMessageSize ?? 65_536)));
    const pieces = Math.ceil(file.size / bytes);
    this.#update(id, { state: 'active' });
    const give = (/** @type {PeerMessage} */ message) => {
      const packed = JSON.stringify(message);
      for (const memberId of to) if (!targets.get(memberId)?.send(packed)) to.delete(memberId);
    };
    give(chatFile({ id, username: this.hooks.username(), at: new Date(), name: file.name, size: file.size, mime: file.type, pieces }));
    for (let index = 0; index < pieces && to.size > 0 && !out.cancelled; index++) {
      const message = await encodePiece(id, index, file.slice(index * bytes, (index + 1) * bytes), file.type);
      await drained(targets, to, HIGH);
      if (out.cancelled) return;
      give(message);
      const held = Math.max(0, ...[...to].map((memberId) => targets.get(memberId)?.channel?.bufferedAmount ?? 0));
      this.#update(id, { done: Math.max(0, Math.min(file.size, (index + 1) * bytes) - Math.round(held * 0.75)) });
    }
    await drained(targets, to, 0);
    // With nobody there it has been sent to everybody.
    if (to.size > 0 || (targets.size === 0 && !sfu)) this.#update(id, { state: 'done', done: file.size, blob: file });
    else this.#update(id, { state: 'failed' });
  }
}

/**
 * Ids are made by clients: one may use another's.
 * @param {string} memberId
 * @param {string} id
 */
function key(memberId, id) {
  return `${memberId} ${id}`;
}
