// The two codecs of signaling/PROTOCOL.md: events over /ws, and messages on the data channel of a connector (section 7).
// Pure. What cannot be understood decodes to null: it is the other side's fault, and nothing here ends because of it.

/** @import {FileHeader, PeerMessage} from './types.js' */

/** @typedef {{event: string, data: any, id?: number, seq?: number}} Frame */

/** The server as a member: the other end of the connectors that everything goes over in SFU mode. */
export const SERVER = 'sfu';

/** The largest file that is sent or taken in P2P mode. */
export const MAX_FILE_BYTES = 100 * 1024 * 1024;

/** A UUID where the page's origin is secure, and as good as one where it is not. */
export function randomId() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An error word of section 6 as an exception. */
export class SignalError extends Error {
  /**
   * @param {string} type
   * @param {string} [message]
   * @param {string} [field] at fault
   */
  constructor(type, message = type, field = '') {
    super(message);
    this.type = type;
    this.field = field;
  }
}

/** @param {{event: string, data?: unknown, id?: number, seq?: number}} frame an id asks for an ack */
export function encodeFrame({ event, data, id, seq }) {
  return JSON.stringify({ event, data, id, seq });
}

/**
 * @param {unknown} text
 * @returns {Frame | null}
 */
export function decodeFrame(text) {
  const frame = parse(text);
  return typeof frame?.event === 'string' ? { event: frame.event, data: frame.data ?? {}, id: frame.id, seq: Number(frame.seq) || 0 } : null;
}

/**
 * @param {unknown} text
 * @returns {PeerMessage | null}
 */
export function decodePeer(text) {
  const message = parse(text);
  return typeof message?.type === 'string' ? message : null;
}

/** @param {unknown} text */
function parse(text) {
  if (typeof text !== 'string') return null;
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/**
 * A line of chat as existing clients read it.
 * @param {{id: string, username: string, at: Date, text: string}} line
 * @returns {PeerMessage}
 */
export function chatText({ text, ...rest }) {
  return { type: 'chat', data: { ...envelope(rest), type: 'text', text } };
}

/**
 * What goes ahead of a file's pieces. `bytes` is ours: existing clients say the size only as a text to show.
 * @param {{id: string, username: string, at: Date, name: string, size: number, mime: string, pieces: number}} file
 * @returns {PeerMessage}
 */
export function chatFile({ name, size, mime, pieces, ...rest }) {
  const shown = `${(size / 1e6).toFixed(2)}MB`;
  return { type: 'chat', data: { ...envelope(rest), type: 'file', fileInfo: { name, size: shown, type: mime, url: '', FQ: pieces, bytes: size } } };
}

/** @param {{id: string, username: string, at: Date}} message */
function envelope({ id, username, at }) {
  // isSelf is what existing clients send, to the others too.
  return { id, isSelf: true, username, HHmmss: timeOfDay(at) };
}

/** @param {Date} at */
export function timeOfDay(at) {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

const LONGEST_TEXT = 20_000;
const LONGEST_NAME = 255;

/**
 * Reads the data of a `chat` message.
 * @param {any} data
 * @returns {{id: string, username: string, text: string, file?: undefined} | {id: string, username: string, file: FileHeader} | null}
 */
export function readChat(data) {
  const { id, username, type, text, fileInfo } = data ?? {};
  if (typeof id !== 'string' || id === '' || id.length > 128) return null;
  const from = { id, username: typeof username === 'string' ? username : '' };
  if (type === 'text') return typeof text === 'string' ? { ...from, text: text.slice(0, LONGEST_TEXT) } : null;
  if (type !== 'file' || !fileInfo || !Number.isInteger(fileInfo.FQ) || fileInfo.FQ < 0) return null;
  // A name goes into a folder of the person's: no path, nothing invisible.
  const name = String(fileInfo.name ?? '').replace(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '').replace(/.*[\\/]/, '');
  const size = Number.isInteger(fileInfo.bytes) && fileInfo.bytes >= 0 ? fileInfo.bytes : null;
  return { ...from, file: { name: name.slice(-LONGEST_NAME) || 'file', type: String(fileInfo.type ?? ''), size, pieces: fileInfo.FQ } };
}
