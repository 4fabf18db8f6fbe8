// Files as existing clients cut and join them: a header, then pieces of at most 180 KiB as data: URLs in base64. Pure.

import { MAX_FILE_BYTES } from './protocol.js';

/** @import {FileHeader, PeerMessage} from './types.js' */

/** Bytes of a file in one message, which then has about 246 KB. */
export const PIECE_BYTES = 180 * 1024;

const OVERHEAD = 400; // of a message around the base64, in bytes
const SMALLEST = 1024; // a piece's bytes, whatever a receiver says
const MAX_PIECES = 1 << 17;

/** Types that a browser may show from our origin. Anything that could carry a script is only to be saved. */
const SHOWN = /^(image\/(png|jpeg|gif|webp|avif|bmp)|(audio|video)\/[\w.+-]+|application\/pdf|text\/plain)$/;

/**
 * The bytes of a piece that fits into a message.
 * @param {number} maxMessage what the receiver takes, in bytes
 */
export function pieceSize(maxMessage) {
  const fits = Math.floor(((maxMessage - OVERHEAD) * 3) / 4 / 3) * 3;
  return Math.max(SMALLEST, Math.min(PIECE_BYTES, fits));
}

/**
 * One piece as it is sent.
 * @param {string} id
 * @param {number} index
 * @param {Blob} slice
 * @param {string} type of the file
 * @returns {Promise<PeerMessage>}
 */
export async function encodePiece(id, index, slice, type) {
  return { type: 'file', data: { id, index, chunk: `data:${type};base64,${base64(new Uint8Array(await slice.arrayBuffer()))}` } };
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = '';
  // An argument list has a limit of its own.
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/**
 * @param {unknown} chunk
 * @returns {Uint8Array<ArrayBuffer> | null}
 */
export function decodePiece(chunk) {
  if (typeof chunk !== 'string' || !chunk.startsWith('data:')) return null;
  const comma = chunk.indexOf(',');
  if (comma < 0) return null;
  try {
    return Uint8Array.from(atob(chunk.slice(comma + 1)), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

/** One file that arrives. Pieces may come in any order, each once. */
export class Incoming {
  /** Blobs, which a browser may keep on disk. @type {(Blob | undefined)[]} */
  #pieces = [];
  #count = 0;
  done = 0;

  /**
   * @param {FileHeader} header
   * @param {number} [limit] bytes
   */
  constructor(header, limit = MAX_FILE_BYTES) {
    this.header = header;
    this.limit = limit;
  }

  /**
   * @param {FileHeader} header
   * @param {number} [limit] bytes
   */
  static takes({ size, pieces }, limit = MAX_FILE_BYTES) {
    return pieces <= MAX_PIECES && (size === null || size <= limit);
  }

  get complete() {
    return this.#count === this.header.pieces;
  }

  /**
   * False if the piece is none of this file, or makes it too large.
   * @param {unknown} index
   * @param {unknown} chunk
   */
  add(index, chunk) {
    if (!Number.isInteger(index) || Number(index) < 0 || Number(index) >= this.header.pieces) return false;
    if (this.#pieces[Number(index)]) return true; // twice, over two connectors
    const bytes = decodePiece(chunk);
    if (!bytes || this.done + bytes.length > this.limit) return false;
    this.#pieces[Number(index)] = new Blob([bytes]);
    this.#count++;
    this.done += bytes.length;
    return true;
  }

  /** The whole file, when it is complete. */
  blob() {
    const { type } = this.header;
    return new Blob(/** @type {Blob[]} */ (this.#pieces), { type: SHOWN.test(type) ? type : 'application/octet-stream' });
  }
}
