// Coming into a room, as who one was before where that is known.

import { SignalError } from './protocol.js';

/** @import {ChatMessage, Role} from './types.js' */
/** @import {Seat} from '../seat.js' */
/** @import {Socket} from './socket.js' */

/** @typedef {{id: string, token?: string, seat?: Seat}} Proven who one was, and what proves it */

const KEPT_LINES = 100;
const KEPT_CHARS = 200_000;
const BUSY_MS = 1500; // at least, until one asks again at a room that too many enter at once
const TRIES = 20;

/**
 * Joins. A tab that was copied remembers what it was copied from, which is still there: then this tab is a new member.
 * @param {Socket} socket
 * @param {{id: string, [key: string]: unknown}} identity its id becomes the one that is joined as
 * @param {Role | undefined} role
 * @param {Proven} was gets empty where this tab is a new member
 */
export async function enter(socket, identity, role, was) {
  const { id } = identity;
  identity.id = was.id || id;
  try {
    await knock(socket, 'join', { ...identity, role, resumeToken: was.token });
  } catch (error) {
    if (!was.token || !(error instanceof SignalError) || error.type !== 'repeat') throw error;
    was.seat = undefined;
    identity.id = id;
    await knock(socket, 'join', { ...identity, role });
  }
}

/**
 * Asks, and again while too many come at once.
 * @param {Socket} socket
 * @param {string} event
 * @param {any} data
 */
export async function knock(socket, event, data) {
  for (let left = TRIES; ; left--) {
    try {
      return await socket.request(event, data);
    } catch (error) {
      if (left === 0 || !(error instanceof SignalError) || error.type !== 'rate') throw error;
      await new Promise((resolve) => { setTimeout(resolve, BUSY_MS * (1 + Math.random())); });
    }
  }
}

/**
 * The last lines of text, as many as a browser keeps without trouble.
 * @param {readonly ChatMessage[]} messages
 */
export function lastLines(messages) {
  let chars = KEPT_CHARS;
  const lines = messages.filter(({ kind }) => kind === 'text').slice(-KEPT_LINES).reverse();
  return lines.filter(({ text = '' }) => (chars -= text.length) > 0).reverse();
}
