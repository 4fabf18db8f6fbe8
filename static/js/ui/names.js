// Names: a readable room nobody else is in, initials and a colour for a person. Pure.

const MOODS = ['calm', 'bright', 'quiet', 'brave', 'clear', 'early', 'gentle', 'golden', 'happy', 'kind', 'light', 'lucky', 'mellow', 'merry', 'mild', 'neat', 'nimble', 'open', 'proud', 'rapid', 'silver', 'smooth', 'soft', 'still', 'sunny', 'swift', 'warm', 'wide', 'wise', 'young'];
const THINGS = ['river', 'harbor', 'forest', 'meadow', 'island', 'valley', 'garden', 'bridge', 'canyon', 'cloud', 'comet', 'coral', 'desert', 'falcon', 'field', 'glacier', 'grove', 'lagoon', 'lantern', 'maple', 'marble', 'moon', 'ocean', 'orchid', 'otter', 'pebble', 'pine', 'prairie', 'robin', 'willow'];

/** The longest room name that the server takes, in characters. */
export const MAX_ROOM = 64;

/**
 * A name such as calm-river-42.
 * @param {() => number} [random] 0 <= r < 1
 */
export function randomRoom(random = Math.random) {
  const pick = (/** @type {string[]} */ list) => list[Math.floor(random() * list.length)];
  return `${pick(MOODS)}-${pick(THINGS)}-${10 + Math.floor(random() * 90)}`;
}

/**
 * The room a person means, from a name or a whole link to it. The server has the whole rule for names (PROTOCOL.md
 * section 3); this makes a link that is worth sending.
 * @param {string} text
 */
export function roomFrom(text) {
  const trimmed = text.normalize('NFKC').trim();
  const link = /^https?:\/\/[^/]+\/r\/([^/?#]+)/i.exec(trimmed);
  if (!link) return trimmed;
  try {
    return decodeURIComponent(link[1]).normalize('NFKC').trim();
  } catch {
    return link[1];
  }
}

/**
 * What is wrong with a name for a room, or '': it is empty, or too long, or a step of a path, where no link leads.
 * @param {string} room
 * @returns {'' | 'empty' | 'long' | 'dots'}
 */
export function roomFault(room) {
  if (room === '') return 'empty';
  if ([...room].length > MAX_ROOM) return 'long';
  return room === '.' || room === '..' ? 'dots' : '';
}

/**
 * One or two letters for an avatar. Names in Chinese characters are best known by their last one.
 * @param {string} name
 */
export function initials(name) {
  const words = name.trim().split(/[\s._-]+/u).filter(Boolean);
  if (words.length === 0) return '?';
  const letters = (/** @type {string} */ word) => [...word];
  if (/\p{Script=Han}/u.test(words[0])) return letters(words[words.length - 1]).at(-1) ?? '?';
  const first = letters(words[0])[0];
  return (words.length > 1 ? first + letters(words[words.length - 1])[0] : first).toLocaleUpperCase();
}

/**
 * A number from 0 to `count` - 1 that is the same wherever the name is.
 * @param {string} name
 * @param {number} count
 */
export function shade(name, count) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return sum % count;
}
