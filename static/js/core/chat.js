// Chat and files over the data channels. Keeps what is under way; what people see goes out by `show` as whole new lists.

import { encodePiece, Incoming, MAX_FILE_BYTES, pieceSize } from './files.js';
import { chatFile, chatText, readChat } from './protocol.js';
import { randomId } from './connector.js';

/** @import {ChatMessage, PeerMessage, Transfer} from './types.js' */
/** @import {Connector} from './connector.js' */

/**
 * @typedef {object} ChatHooks
 * @property {() => string} username one's own
 * @property {() => readonly string[]} members ids of the others
 * @property {(memberId: string) => string | undefined} name of a member
 * @property {(memberId: string) => boolean} capable whether a member's client is one of ours
 * @property {(memberId: string) => Connector | null} to the open connector to a member
 * @property {(lists: {messages: readonly ChatMessage[], transfers: readonly Transfer[]}, fresh?: ChatMessage) => void} show
 */

/** @typedef {{file: Incoming, from: string, touched: number}} Arrival */

const HIGH = 1 << 20; // bytes of a channel's buffer at which a file waits
const LOW = 1 << 18;
const STALLED_MS = 30_000; // without progress: that receiver is given up
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
  /** For members whose channel is not open yet. @type {Map<string, string[]>} */
  #waiting = new Map();
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
    const id = randomId();
    const packed = JSON.stringify(chatText({ id, username: this.hooks.username(), at: new Date(), text }));
    for (const memberId of this.hooks.members()) this.#give(memberId, packed);
    this.#add({ id, from: 'self', name: this.hooks.username(), self: true, at: Date.now(), kind: 'text', text });
  }

  /** @param {File} file one after the other */
  send(file) {
    if (file.size > MAX_FILE_BYTES) throw Object.assign(new Error('too large'), { type: 'too-large' });
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

  /** A channel to a member is open now. @param {string} memberId */
  flush(memberId) {
    const waiting = this.#waiting.get(memberId);
    if (!waiting) return;
    this.#waiting.delete(memberId);
    for (const packed of waiting) this.#give(memberId, packed);
  }

  /** Members who are gone send and get nothing more. @param {(memberId: string) => boolean} here */
  forget(here) {
    for (const memberId of [...this.#waiting.keys()]) if (!here(memberId)) this.#waiting.delete(memberId);
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

  /**
   * Over the member's channel, as soon as it is open.
   * @param {string} memberId
   * @param {string} packed
   */
  #give(memberId, packed) {
    if (this.hooks.to(memberId)?.send(packed)) return;
    const waiting = this.#waiting.get(memberId) ?? [];
    if (waiting.length < MAX_WAITING) waiting.push(packed);
    this.#waiting.set(memberId, waiting);
  }

  /** @param {ChatMessage} message */
  #add(message) {
    this.#seen.add(message.id);
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.values().next().value);
    this.#messages = [...this.#messages, message];
    this.#show(message);
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
    if (!read || this.#seen.has(read.id)) return;
    const { id, username, file } = read;
    // The name is the one the server knows: a message can say anything.
    const name = this.hooks.name(memberId) ?? username;
    const base = { id, from: memberId, name, self: false, at: Date.now() };
    if (!file) {
      this.#add({ ...base, kind: 'text', text: read.text });
      return;
    }
    const arriving = [...this.#arriving.values()].filter(({ from }) => from === memberId).length;
    const taken = Incoming.takes(file) && arriving < MAX_ARRIVING;
    this.#transfers = [...this.#transfers, {
      id, direction: 'in', from: memberId, name, self: false, file: { name: file.name, size: file.size, type: file.type }, done: 0, state: taken ? 'active' : 'failed',
    }];
    if (taken) this.#arriving.set(id, { file: new Incoming(file), from: memberId, touched: Date.now() });
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
    const targets = new Map(this.hooks.members().flatMap((memberId) => {
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
      await this.#drained(targets, to, HIGH);
      if (out.cancelled) return;
      give(message);
      const held = Math.max(0, ...[...to].map((memberId) => targets.get(memberId)?.channel?.bufferedAmount ?? 0));
      this.#update(id, { done: Math.max(0, Math.min(file.size, (index + 1) * bytes) - Math.round(held * 0.75)) });
    }
    await this.#drained(targets, to, 0);
    // With nobody there it has been sent to everybody.
    if (to.size > 0 || targets.size === 0) this.#update(id, { state: 'done', done: file.size, blob: file });
    else this.#update(id, { state: 'failed' });
  }

  /**
   * Waits until no channel holds more than so many bytes. Who does not get on is taken off the list.
   * @param {Map<string, Connector>} targets
   * @param {Set<string>} to
   * @param {number} most
   */
  async #drained(targets, to, most) {
    await Promise.all([...to].map(async (memberId) => {
      const connector = targets.get(memberId);
      let before = Infinity;
      let since = Date.now();
      while (connector?.open && to.has(memberId)) {
        const held = connector.channel?.bufferedAmount ?? 0;
        if (held <= most) return;
        if (held < before) [before, since] = [held, Date.now()];
        if (Date.now() - since > STALLED_MS) break;
        await lower(/** @type {RTCDataChannel} */ (connector.channel), Math.min(most, LOW));
      }
      to.delete(memberId);
    }));
  }
}

/**
 * Until a channel holds less, closes, or a second has gone by.
 * @param {RTCDataChannel} channel
 * @param {number} threshold
 */
function lower(channel, threshold) {
  return new Promise((resolve) => {
    const events = new AbortController();
    const done = () => {
      events.abort();
      clearTimeout(timer);
      resolve(undefined);
    };
    const timer = setTimeout(done, 1000);
    channel.bufferedAmountLowThreshold = threshold;
    channel.addEventListener('bufferedamountlow', done, { signal: events.signal });
    channel.addEventListener('close', done, { signal: events.signal });
  });
}
