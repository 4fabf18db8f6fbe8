// Figures of rooms that change to SFU mode while people talk, for the record; not a test. Run with make measure-promotion.
//
//   LECTERN_BIN=…/lectern node promote-measure.js [rounds]
//
// Each round is a room of three existing clients and two pages, two of whom talk all the time. It prints the longest time
// without a new frame in any picture, beyond the camera's interval, and how late a page was at most, which tells what the
// machine had to do besides; the time from the wish to the end of the last connection of the mesh; what was lost.

import { launchBrowser, openPage, serveMesh } from './harness/browser.js';
import { Crowd } from './harness/crowd.js';
import { Member } from './harness/member.js';
import { FRAME_MS } from './harness/probe.js';
import { ADMIN_TOKEN, startServer } from './harness/server.js';
import { Talk } from './harness/talk.js';

const rounds = Number(process.argv[2] ?? 20);
const KINDS = { ann: 'old', ben: 'page', cat: 'old', dan: 'page', eve: 'old' };
const TALK_MS = 50;
const flags = ['--mode', 'auto', '--p2p-max', '8', '--rtc-port', '0', '--admin-token', ADMIN_TOKEN];
const [server, browser, files] = await Promise.all([startServer(flags), launchBrowser(), serveMesh()]);
const stage = { server, browser, files };

async function round(number) {
  const cast = {
    stage, room: `measure-${number}`, members: [], opened: [],
    open: (name, options) => Member.open(stage, name, options),
    openPage: async (path, options) => {
      const opened = await openPage(browser, new URL(path, server.url).href, options);
      cast.opened.push(opened);
      return opened;
    },
  };
  const crowd = new Crowd(cast);
  try {
    await crowd.open(KINDS);
    for (const name of Object.keys(KINDS)) await crowd.enter(name);
    await crowd.settled();
    const talk = new Talk(crowd.members);
    await talk.begin(crowd.get('ann', 'ben'), TALK_MS);
    await crowd.watch();
    await crowd.forget();
    const from = Date.now();
    await server.rooms('PATCH', `/${cast.room}`, { mode: 'sfu' });
    await crowd.goes('sfu');
    await crowd.settled();
    const { gap, where, stalled, drops } = await crowd.seen();
    const took = Math.round(await crowd.lastClosed(from) - from);
    const { lines, lost, doubled, disordered } = await talk.end();
    const result = { gap: gap - FRAME_MS, stalled, took, drops: drops.length, lines, lost: lost.length, doubled: doubled.length, disordered: disordered.length };
    console.log(`${number + 1}: ${JSON.stringify(result)} ${where}`);
    return result;
  } finally {
    await Promise.all([...[...crowd.all.values()].filter(({ old }) => old), ...cast.opened].map((opened) => opened.close()));
  }
}

const results = [];
for (let number = 0; number < rounds; number++) {
  try {
    results.push(await round(number));
  } catch (error) {
    console.log(`${number + 1}: failed: ${error.message.split('\n')[0]}`);
  }
}

/** Of a list of numbers, the value that a part of them does not exceed (nearest rank). */
const part = (key, share) => [...results.map((result) => result[key])].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * results.length) - 1)];
const sum = (key) => results.reduce((all, result) => all + result[key], 0);

console.log(`${results.length} of ${rounds} rooms of five changed to SFU mode`);
if (results.length > 0) {
  for (const [key, what] of [['gap', 'longest time without a new frame, beyond the camera\'s interval'], ['took', 'from the wish to the last connection of the mesh'], ['stalled', 'a page was late by']]) {
    console.log(`${what}: p50 ${part(key, 0.5)} ms, p95 ${part(key, 0.95)} ms, at most ${part(key, 1)} ms`);
  }
  console.log(`tiles that went: ${sum('drops')}; of ${sum('lines')} lines of chat lost ${sum('lost')}, doubled ${sum('doubled')}, out of order ${sum('disordered')}, counted at each who was to hear them`);
}
await browser.close();
await files.close();
await server.stop();
process.exit(results.length === rounds ? 0 : 1);
