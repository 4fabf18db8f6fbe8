// How well browsers play what another one sends: the growth of their own figures over a stretch of its frames.
//
//   const seen = await watchPlayback(sender, receivers, 160);   // Members or PageMembers, opened with `probed` if pages
//   for (const one of seen) faults(one);                        // [] if there is nothing to find fault with

import assert from 'node:assert/strict';
import { until } from './wait.js';

/** Frames that may be on their way. */
const FRAMES_BEHIND = 5;
/** The share of frames that a receiver decodes at least which has to share its processor with other programs. */
const BUSY_SHARE = 0.3;
/** Concealed sound that can be heard, of all: browsers that share a busy machine conceal 0.6 % without a server, too. */
const CONCEALED = 0.01;
/** Mean times in the jitter buffers, in s. Without a server they are 0.006 to 0.034 and 0.034 to 0.157. */
const VIDEO_WAITS = 0.15;
const AUDIO_WAITS = 0.25;
/** How far picture and sound may be apart, in ms; without a server: 50. */
const APART_MS = 300;
/**
 * A page that is later than this, in ms, has to share its processor: what takes time is no fault then. Where nothing else
 * runs they are late by 11.
 */
const BUSY_MS = 50;
const LOOK_MS = 20;

/** Runs in the page: begins to note how late it is at most. */
function look(every) {
  clearInterval(window.late?.timer);
  const late = { most: 0, last: performance.now() };
  late.timer = setInterval(() => {
    const now = performance.now();
    late.most = Math.max(late.most, now - late.last - every);
    late.last = now;
  }, every);
  window.late = late;
}

/** Runs in the page: what its connections have sent and received so far, of what they receive at present. */
async function figures() {
  const open = window.mesh ? [...window.mesh.client.connectors.values()] : window.probe.connections.filter(({ closed }) => closed === null);
  const out = { sent: [], video: null, audio: null };
  for (const { pc, memberId } of open) {
    const live = new Set(pc.getTransceivers().filter(({ currentDirection }) => /recv/.test(currentDirection)).map(({ mid }) => mid));
    let sent = 0; // in all streams: after a pause there may be another
    for (const report of (await pc.getStats()).values()) {
      if (report.type === 'outbound-rtp' && report.kind === 'video') sent += report.framesSent ?? 0;
      if (report.type !== 'inbound-rtp' || !live.has(report.mid)) continue;
      const counts = report.framesDecoded ?? report.totalSamplesReceived ?? 0;
      if (counts > 0) out[report.kind] = Object.fromEntries(Object.entries(report).filter(([key, value]) => key === 'kind' || typeof value === 'number'));
    }
    out.sent.push({ memberId, sent });
  }
  return out;
}

const read = (member) => member.page.evaluate(figures);

/**
 * Frames of a camera that a receiver should have: those sent to it, or to the server. Without one each receiver has an
 * encoder of its own, which leaves out frames as it likes.
 */
const sentTo = (list, id) => list.find(({ memberId, sent }) => memberId === id && sent > 0)?.sent ?? Math.max(...list.map(({ sent }) => sent));

/** How much every figure has grown; `now` is how they stand. */
function growth(before, now) {
  assert.ok(before && now && before.ssrc === now.ssrc, `another stream: ${before?.ssrc}, ${now?.ssrc}`);
  return { ...Object.fromEntries(Object.keys(now).map((key) => [key, now[key] - (before[key] ?? 0)])), now };
}

/**
 * What receivers make of the next `frames` frames of a sender's camera. The sender's frames are counted within the time
 * the receivers' are, so that a page that is late to answer has not decoded less.
 */
export async function watchPlayback(sender, receivers, frames) {
  const all = [sender, ...receivers];
  await Promise.all(all.map(({ page }) => page.evaluate(look, LOOK_MS)));
  const before = await Promise.all(receivers.map(read));
  const { sent: first } = await read(sender);
  let last;
  await until(`${sender.name} sends ${frames} frames`, async () => {
    last = (await read(sender)).sent;
    return sentTo(last) - sentTo(first) >= frames;
  });
  const after = await Promise.all(receivers.map(read));
  const late = Math.round(Math.max(...await Promise.all(all.map(({ page }) => page.evaluate(() => window.late.most)))));
  return receivers.map(({ name, id }, index) => ({
    name, late, sent: sentTo(last, id) - sentTo(first, id),
    video: growth(before[index].video, after[index].video), audio: growth(before[index].audio, after[index].audio),
  }));
}

const waits = ({ jitterBufferDelay, jitterBufferEmittedCount }) => jitterBufferDelay / jitterBufferEmittedCount;
const concealed = (audio) => (audio.concealedSamples - audio.silentConcealedSamples) / audio.totalSamplesReceived;
const apart = (video, audio) => Math.abs(video.now.estimatedPlayoutTimestamp - audio.now.estimatedPlayoutTimestamp);

/**
 * What is wrong with a stretch, in words. A network that loses nothing gives no cause to any of it.
 * @param {object} seen of watchPlayback
 * @param {boolean} [lenient] if the pages were late, only what no busy machine is the cause of is a fault
 */
export function faults({ sent, late, video, audio }, lenient = false) {
  const found = [];
  const expect = (fits, what) => { if (!fits) found.push(what); };
  if (lenient && late > BUSY_MS) {
    // It may drop and freeze as it has to, but it goes on.
    expect(video.framesDecoded >= sent * BUSY_SHARE, `${video.framesDecoded} frames decoded of ${sent} sent`);
    expect(audio.totalSamplesReceived > 0 && audio.totalAudioEnergy > 0, 'no sound');
    return found;
  }
  const none = (report, keys) => { for (const key of keys) expect((report[key] ?? 0) === 0, `${key} of ${report.now.kind} grew by ${report[key]}`); };
  none(video, ['packetsLost', 'nackCount', 'pliCount', 'firCount', 'framesDropped']);
  none(audio, ['packetsLost']);
  expect(audio.totalSamplesReceived > 0 && audio.totalAudioEnergy > 0, 'no sound');
  none(video, ['freezeCount']);
  none(audio, ['packetsDiscarded']);
  expect(video.framesDecoded >= sent - FRAMES_BEHIND, `${video.framesDecoded} frames decoded of ${sent} sent`);
  expect(waits(video) <= VIDEO_WAITS, `frames waited ${waits(video)} s`);
  expect(waits(audio) <= AUDIO_WAITS, `sound waited ${waits(audio)} s`);
  expect(concealed(audio) <= CONCEALED, `${concealed(audio)} of the sound was concealed`);
  // Not known before two sender reports.
  expect(!(apart(video, audio) > APART_MS), `picture and sound are ${apart(video, audio)} ms apart`);
  return found;
}

/** A stretch on one line, for the record. */
export function summary({ name, sent, late, video, audio }) {
  return `${name}: ${video.framesDecoded} of ${sent} frames decoded, ${video.framesDropped} dropped, ${video.freezeCount} freezes, `
    + `waited ${Math.round(waits(video) * 1e3)} ms; ${video.packetsLost} + ${audio.packetsLost} packets lost, ${video.nackCount} NACK, ${video.pliCount} PLI; `
    + `${(concealed(audio) * 100).toFixed(2)} % of the sound concealed, waited ${Math.round(waits(audio) * 1e3)} ms; `
    + `${Math.round(apart(video, audio))} ms apart; a page was late by ${late} ms`;
}
