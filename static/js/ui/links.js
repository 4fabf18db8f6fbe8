// Finds the links in a text. Pure: what it returns goes into the page as text and as checked addresses only.

/** @typedef {{text: string, href?: string}} Piece */

const CANDIDATE = /(?<![\w:])(?:https?:\/\/|www\.)[^\s<>"'\u0060，。；：！？、（）《》「」“”]+/giu;
const TRAILING = '.,;:!?\'"*_~]}';

/**
 * Splits a text into links and what stands between. Only http and https, and only what the browser itself reads as an
 * address: no javascript:, no data:, no user names that make a link look like another one.
 * @param {string} text
 * @returns {Piece[]}
 */
export function linkPieces(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = trim(match[0]);
    const href = address(shown);
    if (!href) continue;
    if (match.index > at) pieces.push({ text: text.slice(at, match.index) });
    pieces.push({ text: shown, href });
    at = match.index + shown.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at) });
  return pieces;
}

/**
 * A sentence's punctuation is not the link's; a closing bracket is, if it was opened in it. One pass: the text is a
 * stranger's.
 * @param {string} found
 */
function trim(found) {
  let surplus = count(found, ')') - count(found, '(');
  let end = found.length;
  for (; end > 0; end--) {
    const last = found[end - 1];
    if (last === ')' && surplus > 0) surplus--;
    else if (!TRAILING.includes(last)) break;
  }
  return found.slice(0, end);
}

/**
 * @param {string} text
 * @param {string} letter
 */
function count(text, letter) {
  return text.split(letter).length - 1;
}

/** @param {string} shown */
function address(shown) {
  try {
    const url = new URL(/^www\./i.test(shown) ? `https://${shown}` : shown);
    const plain = (url.protocol === 'https:' || url.protocol === 'http:') && !url.username && !url.password;
    return plain && url.hostname.length > 1 ? url.href : undefined;
  } catch {
    return undefined;
  }
}
