// The connection to the server: JSON over a WebSocket that is opened again whenever it is lost.
//
// Events: 'open' (a new connection, nobody yet); 'message' (detail: Frame); 'down'; 'closed' (detail: the reason; the
// server does not want us back). What is sent while the link is down waits until `release`.

import { decodeFrame, encodeFrame, SignalError } from './protocol.js';

const ALIVE_MS = 10_000; // between two looks whether the server is there
const ANSWER_MS = 5000;
const CONNECT_MS = 8000;
const HURRIED_MS = 2000; // after the network changed
const ACK_MS = 15_000;
const STAY_AWAY = 4001;
const MAX_QUEUE = 500;

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
  /** @type {Map<number, {resolve: (data: any) => void, reject: (error: SignalError) => void, timer: ReturnType<typeof setTimeout>}>} */
  #asked = new Map();
  /** @type {{event: string, data: any}[]} */
  #queue = [];
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
    for (const { event, data } of this.#queue.splice(0)) this.#write(event, data);
  }

  get up() {
    return this.#released;
  }

  /**
   * @param {string} event
   * @param {any} data
   */
  send(event, data) {
    if (this.#released) this.#write(event, data);
    else if (this.#queue.length < MAX_QUEUE) this.#queue.push({ event, data });
  }

  /**
   * Whether a description for a connector waits to be sent.
   * @param {string} connectorId
   */
  holds(connectorId) {
    return this.#queue.some(({ event, data }) => (event === 'offer' || event === 'answer') && data.connectorId === connectorId);
  }

  /** Forgets what waits to be sent: those it was for are gone. */
  forget() {
    this.#queue.length = 0;
  }

  /**
   * Sends, released or not, and waits for the ack. Rejects with a SignalError, `unreachable` if the link is lost.
   * @param {string} event
   * @param {any} [data]
   * @param {number} [timeout]
   * @returns {Promise<any>}
   */
  request(event, data, timeout = ACK_MS) {
    if (!this.#opened) return Promise.reject(new SignalError('unreachable'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, { error: { type: 'unreachable' } }), timeout);
      this.#asked.set(id, { resolve, reject, timer });
      this.#write(event, data, id);
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

  /**
   * @param {string} event
   * @param {any} data
   * @param {number} [id]
   */
  #write(event, data, id) {
    if (this.#opened) this.#ws?.send(encodeFrame(event, data, id));
  }

  /** @param {unknown} text */
  #received(text) {
    this.#lookAgain();
    const frame = decodeFrame(text);
    if (!frame) return;
    if (frame.event === 'ack') this.#settle(Number(frame.id), frame.data);
    else this.dispatchEvent(new CustomEvent('message', { detail: frame }));
  }

  /**
   * @param {number} id
   * @param {any} data
   */
  #settle(id, data) {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    if (data?.error) asked.reject(new SignalError(String(data.error.type), data.error.message, data.error.field));
    else asked.resolve(data);
  }

  #lookAgain() {
    clearTimeout(this.#look);
    this.#look = setTimeout(() => void this.#isThere(ANSWER_MS), ALIVE_MS);
  }

  /**
   * A dead network says nothing: without this the loss would show only after minutes.
   * @param {number} timeout
   */
  async #isThere(timeout) {
    const ws = this.#ws;
    try {
      await this.request('ping', {}, timeout);
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
    for (const id of [...this.#asked.keys()]) this.#settle(id, { error: { type: 'unreachable' } });
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
