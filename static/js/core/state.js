// What a room shows before anything has happened in it, and which refusals are worth telling. Pure.

/** @import {Notice, Participant, RoomState} from './types.js' */

/** @type {Omit<Participant, 'id' | 'name'>} */
const BLANK = Object.freeze({
  self: false, role: 'presenter', audio: null, video: null, hand: false, away: false, speaking: false,
  camera: null, screen: null, connection: 'connecting', quality: 'good',
});

/** @returns {RoomState} */
export function nothing() {
  return {
    phase: 'idle', ended: null, link: 'down', downSince: null, room: '', mode: 'p2p', role: 'presenter', maxMembers: 0,
    stage: 0, audience: 0, locked: false, hands: [], handCount: 0, removed: [], maxFileBytes: 0,
    self: { ...BLANK, id: 'self', name: '', self: true, connection: 'connected' }, members: [], messages: [], transfers: [], unread: 0,
  };
}

const TELL = ['forbidden', 'too-large', 'rate', 'media', 'internal'];
/** What was asked for with an ack is told where it was asked for. */
const ASKED = ['join', 'reconnect', 'role', 'remove', 'admit', 'mute', 'lock', 'mode', 'audience'];

/**
 * @param {any} data of an error
 * @returns {Notice | null}
 */
export function toldOf({ type, event, message }) {
  if (type === 'mode' && !event) return { kind: 'error', type, message: String(message) };
  return TELL.includes(type) && !ASKED.includes(event) ? { kind: 'error', type } : null;
}
