// What getStats says of one connection, in the few figures that people and tiles need.

/** @import {Measurement, Quality} from './types.js' */

/** From these on: [fair, poor]. */
const LOSS = [0.03, 0.08];
const RTT_MS = [300, 600];
const STARVED = 0.7; // of what is wanted

/**
 * Whether a copy of one's picture is held back by the line. A browser also calls limited what is merely told to be small.
 * @param {Iterable<[string, any]>} report of its connection
 * @param {number} wanted bit/s
 */
export function starves(report, wanted) {
  const all = [...report].map(([, entry]) => entry);
  const limited = all.some(({ type, qualityLimitationReason }) => type === 'outbound-rtp' && qualityLimitationReason === 'bandwidth');
  return limited && all.some(({ type, nominated, availableOutgoingBitrate }) => type === 'candidate-pair' && nominated && availableOutgoingBitrate < wanted * STARVED);
}

/** Keeps the totals of the time before, since rates are differences. */
export class Meter {
  /** @type {{at: number, in: number, out: number, lost: number, got: number} | null} */
  #before = null;

  /**
   * @param {Iterable<[string, any]>} report
   * @param {string} state of the connection
   * @param {number} at milliseconds
   * @param {(mid: string | undefined) => boolean} [mine] whether what comes in on a line is meant
   * @returns {Measurement}
   */
  read(report, state, at, mine = () => true) {
    const entries = new Map(report);
    const all = [...entries.values()];
    const of = (/** @type {string} */ type) => all.filter((entry) => entry.type === type);
    const inbound = of('inbound-rtp').filter(({ mid }) => mine(mid));
    const outbound = of('outbound-rtp');
    const remote = of('remote-inbound-rtp');
    const busiest = (/** @type {any[]} */ list, /** @type {string} */ field) => list.filter((entry) => entry.kind === 'video' && entry.frameWidth).sort((a, b) => (b[field] ?? 0) - (a[field] ?? 0))[0];
    const seen = busiest(inbound.filter((entry) => entry.framesPerSecond > 0), 'bytesReceived');
    const sent = busiest(outbound, 'bytesSent');
    const picture = seen ?? sent;
    const pair = entries.get(of('transport')[0]?.selectedCandidatePairId) ?? of('candidate-pair').find((entry) => entry.nominated);
    const now = { at, in: sum(inbound, 'bytesReceived'), out: sum(outbound, 'bytesSent'), lost: sum(inbound, 'packetsLost'), got: sum(inbound, 'packetsReceived') };
    const before = this.#before;
    this.#before = now;
    const rate = (/** @type {'in' | 'out'} */ way) => (before && at > before.at ? Math.max(0, ((now[way] - before[way]) * 8000) / (at - before.at)) : null);
    const lost = before ? Math.max(0, now.lost - before.lost) : 0;
    const packets = lost + (before ? now.got - before.got : 0);
    const losses = [...remote.map((entry) => entry.fractionLost).filter(Number.isFinite), ...(packets > 0 ? [lost / packets] : [])];
    const rtts = [pair?.currentRoundTripTime, ...remote.map((entry) => entry.roundTripTime)].filter(Number.isFinite);
    const jitters = inbound.map((entry) => entry.jitter).filter(Number.isFinite);
    const codec = (/** @type {any} */ entry) => entries.get(entry?.codecId)?.mimeType?.split('/')[1] ?? null;
    return {
      state,
      codecIn: codec(seen ?? inbound[0]), codecOut: codec(sent ?? outbound[0]),
      width: picture?.frameWidth ?? null, height: picture?.frameHeight ?? null, fps: picture?.framesPerSecond ?? null,
      bitrateIn: rate('in'), bitrateOut: rate('out'),
      loss: losses.length > 0 ? Math.max(...losses) : null,
      rtt: rtts.length > 0 ? rtts[0] * 1000 : null,
      jitter: jitters.length > 0 ? Math.max(...jitters) * 1000 : null,
      relay: entries.get(pair?.localCandidateId)?.candidateType === 'relay',
    };
  }
}

/**
 * @param {any[]} list
 * @param {string} field
 */
function sum(list, field) {
  return list.reduce((total, entry) => total + (entry[field] ?? 0), 0);
}

/**
 * @param {Pick<Measurement, 'loss' | 'rtt'>} measurement
 * @returns {Quality}
 */
export function quality({ loss, rtt }) {
  const worse = (/** @type {number} */ grade) => (loss ?? 0) >= LOSS[grade] || (rtt ?? 0) >= RTT_MS[grade];
  return worse(1) ? 'poor' : worse(0) ? 'fair' : 'good';
}
