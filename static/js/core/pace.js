// Files wait for channels that are full: what is not taken from them would lie in memory.

/** @import {Connector} from './connector.js' */

const LOW = 1 << 18; // bytes of a channel's buffer at which it is filled again
const STALLED_MS = 30_000; // without progress: that receiver is given up
const DEAF_MS = 3000; // the same, while others wait for it

/**
 * Waits until no channel holds more than so many bytes. A receiver that does not get on is taken off the list and told of.
 * @param {Map<string, Connector>} targets
 * @param {Set<string>} to
 * @param {number} most
 * @param {(memberId: string) => void} dropped
 */
export async function drained(targets, to, most, dropped) {
  await Promise.all([...to].map(async (memberId) => {
    const connector = targets.get(memberId);
    let before = Infinity;
    let since = Date.now();
    while (connector?.open && to.has(memberId)) {
      const held = connector.channel?.bufferedAmount ?? 0;
      if (held <= most) return;
      if (held < before) [before, since] = [held, Date.now()];
      if (Date.now() - since > (to.size > 1 ? DEAF_MS : STALLED_MS)) {
        dropped(memberId);
        break;
      }
      await lower(/** @type {RTCDataChannel} */ (connector.channel), Math.min(most, LOW));
    }
    to.delete(memberId);
  }));
}

/**
 * Until a channel holds less, closes, or a second has gone by.
 * @param {RTCDataChannel} channel
 * @param {number} threshold
 */
function lower(channel, threshold) {
  return new Promise((resolve) => {
    const events = new AbortController();
    const done = () => {
      events.abort();
      clearTimeout(timer);
      resolve(undefined);
    };
    const timer = setTimeout(done, 1000);
    channel.bufferedAmountLowThreshold = threshold;
    channel.addEventListener('bufferedamountlow', done, { signal: events.signal });
    channel.addEventListener('close', done, { signal: events.signal });
  });
}
