// What outlives the page: who one was in a room, so that the same person is there again after a reload or a crash. A tab
// keeps all of it; a new tab of the browser finds who the last one was, and who was removed from where.

import { recall, remember } from './store.js';

/**
 * @typedef {object} Seat
 * @property {string} room
 * @property {string} name
 * @property {string} id the user's, which no other client knows
 * @property {string} token from `joined`: proves who one was
 * @property {string} me member id
 * @property {boolean} hand
 * @property {readonly import('./core/types.js').ChatMessage[]} messages
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} live the call goes on: it was not left
 * @property {number} at milliseconds since 1970
 */

const KEY = 'lectern.seat';
const REMOVED = 'lectern.removed';
const TABS = 4; // that were last in a room, of the browser's
const KEPT_MS = 15 * 60_000; // as long as the server remembers, by default
const LIVE_MS = 2 * 60_000; // after that a person wants to look before being seen

/** Whether this document replaced the one before in its tab; once. */
let again = performance.getEntriesByType?.('navigation').some((entry) => /** @type {PerformanceNavigationTiming} */ (entry).type === 'reload') ?? false;

/**
 * @param {string} room
 * @returns {Seat | null}
 */
export function lastSeat(room) {
  return kept(room, parse(recall(KEY, true)));
}

/**
 * The seat to go back to at once, because its page was loaded again.
 * @param {string} room
 */
export function liveSeat(room) {
  const reloaded = again;
  again = false;
  const seat = reloaded ? lastSeat(room) : null;
  return seat?.live && Date.now() - seat.at < LIVE_MS ? seat : null;
}

/**
 * Who to join as: who one was in this tab, or by this name in another one, or who was removed from the room.
 * @param {string} room
 * @param {string} name
 * @returns {import('./core/enter.js').Proven | undefined}
 */
export function provenAs(room, name) {
  const [from, id] = parse(recall(REMOVED)) ?? [];
  if (from === room && typeof id === 'string') return { id };
  const seat = lastSeat(room) ?? others().find((one) => one.name === name && kept(room, one));
  return seat ? { id: seat.id, token: seat.token, seat } : undefined;
}

/** @param {Seat} seat */
export function keepSeat(seat) {
  remember(KEY, JSON.stringify(seat), true);
  remember(KEY, JSON.stringify([{ ...seat, messages: [], live: false }, ...others().filter(({ id }) => id !== seat.id)].slice(0, TABS)));
  if (parse(recall(REMOVED))?.[0] === seat.room) remember(REMOVED, null);
}

/** This tab is another member from now on. */
export function dropSeat() {
  remember(KEY, null, true);
}

/**
 * @param {string} room
 * @param {string} id
 */
export function noteRemoved(room, id) {
  dropSeat();
  remember(REMOVED, JSON.stringify([room, id]));
}

/** @returns {Seat[]} */
function others() {
  const list = parse(recall(KEY));
  return Array.isArray(list) ? list : [];
}

/**
 * @param {string} room
 * @param {any} seat
 * @returns {Seat | null}
 */
function kept(room, seat) {
  return seat?.room === room && typeof seat.id === 'string' && Date.now() - seat.at < KEPT_MS ? seat : null;
}

/** @param {string | null} text */
function parse(text) {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
