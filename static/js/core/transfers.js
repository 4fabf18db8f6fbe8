// Files of the chat: in P2P mode to each member, in SFU mode once, to the server. Loaded with the first one.

import { encodePiece, Incoming, pieceSize } from './files.js';
import { drained } from './pace.js';
import { chatFile, randomId, readChat, SERVER } from './protocol.js';

/** @import {PeerMessage, Transfer} from './types.js' */
/** @import {Chat, ChatHooks} from './chat.js' */

/** @typedef {{file: Incoming, from: string, touched: number}} Arrival */

const HIGH = 1 << 20; // bytes of a channel's buffer at which a file waits
const SILENT_MS = 60_000; // without a piece: that sender is given up
const TOLD_MS = 200; // between two progress reports
const MAX_ARRIVING = 16; // files of one member at once

export class Transfers {
  /** @type {readonly Transfer[]} */
  list = [];
  /** @type {Map<string, Arrival>} */
  #arriving = new Map();
  /** @type {Map<string, {file: File, cancelled: boolean, to: Set<string>}>} */
  #leaving = new Map();
  #sending = Promise.resolve();
  #toldAt = 0;

  /**
   * @param {ChatHooks} hooks
   * @param {Chat} chat that shows them
   */
  constructor(hooks, chat) {
    this.hooks = hooks;
    this.chat = chat;
  }

  /** @param {File} file one after the other */
  send(file) {
    const id = randomId();
    const name = this.hooks.username();
    this.#leaving.set(id, { file, cancelled: false, to: new Set() });
    this.list = [...this.list, {
      id, direction: 'out', from: 'self', name, self: true, file: { name: file.name, size: file.size, type: file.type }, done: 0, state: 'queued',
    }];
    this.chat.add({ id, from: 'self', name, self: true, at: Date.now(), kind: 'file', transfer: id });
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
    if (type === 'chat') this.#header(memberId, data);
    else if (type === 'file') this.#piece(memberId, data);
    else if (type === 'fileCancel') this.#cancelled(memberId, data?.id, data?.why === 'slow');
    else if (memberId === SERVER && Array.isArray(data?.memberIds)) this.#missed(data.id, data.memberIds);
  }

  /** Members who are gone send nothing more. @param {(memberId: string) => boolean} here */
  forget(here) {
    for (const [id, { from }] of [...this.#arriving]) if (!here(from)) this.#fail(id);
  }

  /** Gives up files whose sender says nothing more. */
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
   * @param {string} id
   * @param {Partial<Transfer>} change
   */
  #update(id, change) {
    const over = ['done', 'failed', 'cancelled', 'slow'];
    this.list = this.list.map((one) => (one.id === id && !over.includes(one.state) ? { ...one, ...change } : one));
    // Progress is shown now and then; the last word at once.
    if (change.state || performance.now() - this.#toldAt > TOLD_MS) {
      this.#toldAt = performance.now();
      this.chat.show();
    }
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
  #header(memberId, data) {
    const read = readChat(data);
    // Nobody takes over another's.
    if (!read?.file || this.chat.knows(memberId, read.id) || this.list.some((one) => one.id === read.id)) return;
    const { id, username, file } = read;
    const name = this.hooks.name(memberId) ?? username;
    const limit = this.hooks.limit() || Infinity;
    const arriving = [...this.#arriving.values()].filter(({ from }) => from === memberId).length;
    const taken = Incoming.takes(file, limit) && arriving < MAX_ARRIVING;
    this.list = [...this.list, {
      id, direction: 'in', from: memberId, name, self: false, file: { name: file.name, size: file.size, type: file.type }, done: 0, state: taken ? 'active' : 'failed',
    }];
    if (taken) this.#arriving.set(id, { file: new Incoming(file, limit), from: memberId, touched: Date.now() });
    this.chat.add({ id, from: memberId, name, self: false, at: Date.now(), kind: 'file', transfer: id });
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
   * @param {boolean} slow it did so because we take nothing
   */
  #cancelled(memberId, id, slow) {
    if (this.#arriving.get(id)?.from === memberId) {
      this.#arriving.delete(id);
      this.#update(id, { state: slow ? 'slow' : 'cancelled' });
    }
    this.#leaving.get(id)?.to.delete(memberId);
  }

  /**
   * These take nothing and do not get a file of ours, which may be over for us by now.
   * @param {string} id
   * @param {readonly string[]} memberIds
   */
  #missed(id, memberIds) {
    const names = memberIds.map((memberId) => this.hooks.name(memberId) ?? '?');
    this.list = this.list.map((one) => (one.id === id && one.self ? { ...one, missed: [...one.missed ?? [], ...names] } : one));
    this.chat.show();
  }

  /**
   * Existing clients would take the message for something else.
   * @param {string} memberId
   * @param {string} id
   * @param {'slow'} [why]
   */
  #tellCancel(memberId, id, why) {
    if (this.hooks.capable(memberId)) this.hooks.to(memberId)?.send(JSON.stringify({ type: 'fileCancel', data: { id, why } }));
  }

  /**
   * Sends a file to all who can be reached now. Each piece is read and packed once, and the slowest sets the pace: so
   * there is one piece in memory, and what waits in the channels. A receiver that takes nothing is dropped.
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
    const dropped = (/** @type {string} */ memberId) => {
      if (sfu) return; // then it is the server that takes nothing
      this.#tellCancel(memberId, id, 'slow');
      this.#missed(id, [memberId]);
    };
    give(chatFile({ id, username: this.hooks.username(), at: new Date(), name: file.name, size: file.size, mime: file.type, pieces }));
    for (let index = 0; index < pieces && to.size > 0 && !out.cancelled; index++) {
      const message = await encodePiece(id, index, file.slice(index * bytes, (index + 1) * bytes), file.type);
      await drained(targets, to, HIGH, dropped);
      if (out.cancelled) return;
      give(message);
      const held = Math.max(0, ...[...to].map((memberId) => targets.get(memberId)?.channel?.bufferedAmount ?? 0));
      this.#update(id, { done: Math.max(0, Math.min(file.size, (index + 1) * bytes) - Math.round(held * 0.75)) });
    }
    await drained(targets, to, 0, dropped);
    // With nobody there it has been sent to everybody.
    if (to.size > 0 || (targets.size === 0 && !sfu)) this.#update(id, { state: 'done', done: file.size, blob: file });
    else this.#update(id, { state: 'failed' });
  }
}
