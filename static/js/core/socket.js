// The connection to the server: JSON over a WebSocket that is opened again whenever it is lost.
//
// Events: 'open' (a new connection, nobody yet); 'message' (detail: Frame); 'down'; 'closed' (detail: the reason; the
// server does not want us back). What is sent while the link is down waits until `release`.
//
// Everything has a number (PROTOCOL.md 5.5): a connection can be dead long before that shows. What the server has not
// confirmed is kept, and said again on the next connection; what it says twice is heard once.

import { decodeFrame, encodeFrame, SignalError } from './protocol.js';

const ALIVE_MS = 10_000; // between two looks whether the server is there, and how far it has come
const ANSWER_MS = 5000;
const CONNECT_MS = 8000;
const HURRIED_MS = 2000; // after the network changed
const ACK_MS = 15_000;
const STAY_AWAY = 4001;
const MAX_KEPT = 1000; // messages; after more we start afresh on the next connection
const SOON = 64; // so many messages either way are confirmed before the next look
/** These begin and end a stay, and have no number. */
const BARE = ['join', 'reconnect', 'leave', 'ping'];

/**
 * How long to wait before the next attempt, in milliseconds: soon at first, at most 5 s, and never all clients at once.
 * @param {number} attempt 0 for the first
 * @param {() => number} [random] 0 <= r < 1
 */
export function backoff(attempt, random = Math.random) {
  return Math.round(Math.min(5000, 250 * 2 ** Math.min(attempt, 10)) * (0.5 + random() / 2));
}

export class Socket extends EventTarget {
  /** @type {WebSocket | null} */
  #ws = null;
  #opened = false;
  #released = false;
  #ended = false;
  #attempt = 0;
  #nextId = 1;
  /** @type {Map<number, {bare: boolean, resolve: (data: any) => void, reject: (error: SignalError) => void, timer: ReturnType<typeof setTimeout>}>} */
  #asked = new Map();
  /** What the server has not confirmed, oldest first. @type {{seq: number, event: string, data: any, id?: number}[]} */
  #kept = [];
  #seq = 0;
  /** The number of the last message heard, and of the one that the server knows of. */
  #heard = 0;
  #told = 0;
  #overflowed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #look;
  #leaving = new AbortController();

  /**
   * @param {string} url
   * @param {typeof WebSocket} [Implementation] for tests
   */
  constructor(url, Implementation = WebSocket) {
    super();
    this.url = url;
    this.Implementation = Implementation;
    if (typeof document === 'undefined') return;
    const { signal } = this.#leaving;
    addEventListener('online', () => this.hurry(), { signal });
    addEventListener('offline', () => this.hurry(), { signal });
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.hurry(); }, { signal });
  }

  /** Connects, and from then on keeps connected. */
  connect() {
    clearTimeout(this.#retry);
    if (this.#ended || this.#ws) return;
    const ws = new this.Implementation(this.url);
    this.#ws = ws;
    this.#opened = false;
    // A network that swallows everything would hold the attempt for minutes.
    this.#look = setTimeout(() => this.#giveUp(ws), CONNECT_MS);
    ws.addEventListener('open', () => {
      if (ws !== this.#ws) return;
      this.#opened = true;
      this.#lookAgain();
      this.dispatchEvent(new Event('open'));
    });
    ws.addEventListener('message', ({ data }) => { if (ws === this.#ws) this.#received(data); });
    ws.addEventListener('close', ({ code, reason }) => { if (ws === this.#ws) this.#lost(code, reason); });
  }

  /** Something about the network changed, or somebody looks again: find out at once. */
  hurry() {
    if (this.#ended) return;
    if (!this.#ws) {
      this.#attempt = 0;
      this.connect();
    } else if (this.#opened) void this.#isThere(HURRIED_MS);
  }

  /** The server knows who we are: sends what has waited, and then at once. */
  release() {
    this.#released = true;
    this.#attempt = 0;
    for (const one of this.#kept) this.#write(one);
  }

  /** The number of the last message heard; undefined when more was lost than is kept. */
  get seen() {
    return this.#overflowed ? undefined : this.#heard;
  }

  /**
   * The server has come so far. What it was asked and has not answered is asked again.
   * @param {number} seq
   */
  confirm(seq) {
    this.#kept = this.#kept.filter((one) => one.seq > seq || (one.id !== undefined && this.#asked.has(one.id)));
  }

  get up() {
    return this.#released;
  }

  /**
   * @param {string} event
   * @param {any} data
   */
  send(event, data) {
    this.#keep({ seq: ++this.#seq, event, data });
  }

  /**
   * Whether the server has not heard yet of a connector.
   * @param {string} connectorId
   */
  holds(connectorId) {
    return this.#kept.some(({ event, data }) => (event === 'offer' || event === 'answer') && data.connectorId === connectorId);
  }

  /** Begins anew: those with whom there was something to say are gone. */
  forget() {
    const kept = this.#kept.splice(0);
    this.#heard = this.#told = 0;
    this.#overflowed = false;
    for (const { id } of kept) if (id !== undefined) this.#settle(id, { error: { type: 'unreachable' } });
  }

  /**
   * Sends and waits for the ack, over a loss of the link too. Rejects with a SignalError, `unreachable` if that takes too
   * long, and for what begins and ends a stay if the link is lost.
   * @param {string} event
   * @param {any} [data]
   * @param {number} [timeout]
   * @returns {Promise<any>}
   */
  request(event, data, timeout = ACK_MS) {
    const bare = BARE.includes(event);
    if (bare && !this.#opened) return Promise.reject(new SignalError('unreachable'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, { error: { type: 'unreachable' } }), timeout);
      this.#asked.set(id, { bare, resolve, reject, timer });
      if (bare) this.#write({ event, data, id });
      else this.#keep({ seq: ++this.#seq, event, data, id });
    });
  }

  /** For good. */
  close() {
    this.#ended = true;
    this.#leaving.abort();
    const ws = this.#ws;
    this.#drop();
    ws?.close(1000);
  }

  /** @param {{seq: number, event: string, data: any, id?: number}} one */
  #keep(one) {
    if (this.#kept.length === MAX_KEPT) {
      this.forget();
      this.#overflowed = true;
    }
    this.#kept.push(one);
    if (this.#released) this.#write(one);
    if (this.#kept.length % SOON === 0) this.#lookNow();
  }

  /** @param {{seq?: number, event: string, data: any, id?: number}} one */
  #write(one) {
    if (this.#opened) this.#ws?.send(encodeFrame(one));
  }

  /** @param {unknown} text */
  #received(text) {
    const frame = decodeFrame(text);
    if (!frame) return;
    if (frame.event === 'ack') return this.#settle(Number(frame.id), frame.data);
    const { seq = 0 } = frame;
    if (seq > 0 && seq <= this.#heard) return;
    this.dispatchEvent(new CustomEvent('message', { detail: frame }));
    if (seq === 0) return;
    this.#heard = seq;
    if (seq - this.#told >= SOON) this.#lookNow();
  }

  /**
   * @param {number} id
   * @param {any} data
   */
  #settle(id, data) {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    this.#kept = this.#kept.filter((one) => one.id !== id);
    clearTimeout(asked.timer);
    if (data?.error) asked.reject(new SignalError(String(data.error.type), data.error.message, data.error.field));
    else asked.resolve(data);
  }

  #lookAgain() {
    clearTimeout(this.#look);
    this.#look = setTimeout(() => this.#lookNow(), ALIVE_MS);
  }

  #lookNow() {
    if (!this.#opened) return;
    this.#lookAgain();
    void this.#isThere(ANSWER_MS);
  }

  /**
   * A dead network says nothing: without this the loss would show only after minutes.
   * @param {number} timeout
   */
  async #isThere(timeout) {
    const ws = this.#ws;
    this.#told = this.#heard;
    try {
      const answer = await this.request('ping', { seen: this.seen }, timeout);
      if (ws === this.#ws) this.confirm(answer?.seen ?? 0);
    } catch {
      if (ws) this.#giveUp(ws);
    }
  }

  /** @param {WebSocket} ws */
  #giveUp(ws) {
    if (ws !== this.#ws) return;
    this.#lost(0, '');
    ws.close();
  }

  #drop() {
    clearTimeout(this.#look);
    clearTimeout(this.#retry);
    this.#ws = null;
    this.#opened = this.#released = false;
    for (const [id, { bare }] of [...this.#asked]) if (bare) this.#settle(id, { error: { type: 'unreachable' } });
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#drop();
    if (code === STAY_AWAY) {
      this.close();
      this.dispatchEvent(new CustomEvent('closed', { detail: reason }));
      return;
    }
    this.dispatchEvent(new Event('down'));
    if (!this.#ended) this.#retry = setTimeout(() => this.connect(), backoff(this.#attempt++));
  }
}
