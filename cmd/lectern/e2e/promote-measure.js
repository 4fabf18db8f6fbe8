// Figures of rooms that change to SFU mode while people talk, for the record; not a test. Run with make measure-promotion.
//
//   LECTERN_BIN=…/lectern node promote-measure.js [rounds] [scene]
//
// There are three scenes: `third`, where the third of three existing clients comes into a room for two; `fifth`, where the
// fifth comes into a room of the default size; `asked`, where a host asks for the change in a room of three existing
// clients and two pages. Two members talk all the time. For each round it prints: the longest time without a new frame in
// any picture, beyond the camera's interval, and how late a page was at most, which tells what the machine had to do
// besides; how many existing clients showed a list with one member twice, and for how long at most; the time from the wish
// to the end of the last connection of the mesh; what was lost.

import { launchBrowser, openPage, serveMesh } from './harness/browser.js';
import { Crowd } from './harness/crowd.js';
import { Member } from './harness/member.js';
import { FRAME_MS } from './harness/probe.js';
import { ADMIN_TOKEN, startServer } from './harness/server.js';
import { Talk } from './harness/talk.js';
import { until } from './harness/wait.js';

const SCENES = {
  third: { flags: ['--p2p-max', '2'], kinds: { ann: 'old', ben: 'old', cat: 'old' }, comes: 'cat' },
  fifth: { flags: [], kinds: { ann: 'old', ben: 'old', cat: 'old', dan: 'old', eve: 'old' }, comes: 'eve' },
  asked: { flags: ['--p2p-max', '8'], kinds: { ann: 'old', ben: 'page', cat: 'old', dan: 'page', eve: 'old' } },
};
const TALK_MS = 50;

const rounds = Number(process.argv[2] ?? 20);
const scenes = Object.entries(SCENES).filter(([name]) => !process.argv[3] || process.argv[3] === name);
const [browser, files] = await Promise.all([launchBrowser(), serveMesh()]);

/** Runs in an existing client's page: notes every list it shows that has a member more than once. */
function watchLists() {
  const { client } = window.mesh;
  const seen = { too: 0, since: null, longest: 0, lists: [] };
  window.lists = seen;
  seen.trace = [];
  const began = performance.now();
  const note = (what) => seen.trace.push(`${Math.round(performance.now() - began)} ${what}`);
  client.socket.onAny((event, data) => note(`${event}${data.candidate?.candidate === '' ? ' (no more)' : ''}`));
  client.socket.onAnyOutgoing((event) => note(`-> ${event}`));
  client.addEventListener('list', ({ detail }) => {
    const now = performance.now();
    const members = detail.filter(({ streamType }) => streamType === 'user').map(({ id }) => client.connectors.get(id)?.memberId);
    seen.lists.push(members.length);
    note(`list of ${members.length}`);
    const twice = new Set(members).size < members.length;
    if (seen.since !== null) seen.longest = Math.max(seen.longest, now - seen.since);
    if (twice && seen.since === null) seen.too++;
    seen.since = twice ? seen.since ?? now : null;
  });
}

async function round(server, { kinds, comes }, name) {
  const stage = { server, browser, files };
  const cast = {
    stage, room: `measure-${name}`, members: [], opened: [],
    open: (who, options) => Member.open(stage, who, options),
    openPage: async (path, options) => {
      const opened = await openPage(browser, new URL(path, server.url).href, options);
      cast.opened.push(opened);
      return opened;
    },
  };
  const crowd = new Crowd(cast);
  try {
    await crowd.open(kinds);
    for (const who of Object.keys(kinds)) if (who !== comes) await crowd.enter(who);
    await until('the room knows them', async () => (await server.rooms('GET', `/${cast.room}/members`)).members.length === crowd.members.length);
    await crowd.settled();
    const talk = new Talk(crowd.members);
    await talk.begin(crowd.get('ann', 'ben'), TALK_MS);
    await crowd.watch();
    const old = crowd.members.filter((member) => member.old);
    for (const { page } of old) await page.evaluate(watchLists);
    await crowd.forget();
    const from = Date.now();
    if (comes) await crowd.enter(comes);
    else await server.rooms('PATCH', `/${cast.room}`, { mode: 'sfu' });
    await crowd.goes('sfu');
    await crowd.settled();
    const { gap, where, stalled, drops } = await crowd.seen();
    const took = Math.round(await crowd.lastClosed(from) - from);
    const lists = await Promise.all(old.map(({ page }) => page.evaluate(() => window.lists)));
    const { lines, lost, doubled, disordered, threw, excused } = await talk.end();
    const result = {
      gap: gap - FRAME_MS, stalled, over: Math.max(0, gap - FRAME_MS - stalled),
      twice: lists.filter(({ too }) => too > 0).length, longest: Math.round(Math.max(...lists.map(({ longest }) => longest))), clients: old.length,
      took, drops: drops.length, lines, lost: lost.length, doubled: doubled.length, disordered: disordered.length, threw, excused,
    };
    console.log(`${name}: ${JSON.stringify(result)} ${where}; lists ${JSON.stringify(lists.map((one) => one.lists))}`);
    // What led to a list with a member twice, on request.
    if (process.env.TRACE) for (const { too, trace } of lists) if (too) console.log(`  ${trace.join('; ')}`);
    return result;
  } catch (error) {
    if (process.env.TRACE) for (const { page, old, name: who } of crowd.members) if (old) console.log(`  ${who}: ${await page.evaluate(async () => `${window.lists?.trace.join('; ')} ${JSON.stringify(await window.mesh.stats())}`)}`);
    throw error;
  } finally {
    await Promise.all([...[...crowd.all.values()].filter(({ old }) => old), ...cast.opened].map((opened) => opened.close()));
  }
}

/** Of a list of numbers, the value that a part of them does not exceed (nearest rank). */
const part = (results, key, share) => [...results.map((result) => result[key])].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * results.length) - 1)];

function summary(name, results) {
  const sum = (key) => results.reduce((all, result) => all + result[key], 0);
  console.log(`${name}: ${results.length} of ${rounds} rooms changed to SFU mode`);
  if (results.length === 0) return;
  for (const [key, what] of [['gap', 'longest time without a new frame, beyond the camera\'s interval'], ['over', 'of that, beyond what a page was late by'], ['took', 'from the wish to the last connection of the mesh'], ['stalled', 'a page was late by']]) {
    console.log(`  ${what}: p50 ${part(results, key, 0.5)} ms, p95 ${part(results, key, 0.95)} ms, at most ${part(results, key, 1)} ms`);
  }
  console.log(`  existing clients whose list had a member twice: ${sum('twice')} of ${sum('clients')}, for ${part(results, 'longest', 1)} ms at most`);
  console.log(`  tiles that went: ${sum('drops')}; of ${sum('lines')} lines of chat lost ${sum('lost')}, doubled ${sum('doubled')}, out of order ${sum('disordered')}, counted at each who was to hear them; the clients threw ${sum('threw')} times while they spoke (${sum('excused')} lines did not reach everybody for that)`);
}

let failed = 0;
for (const [name, scene] of scenes) {
  const server = await startServer(['--mode', 'auto', '--rtc-port', '0', '--log-level', process.env.TRACE ? 'debug' : 'info', '--admin-token', ADMIN_TOKEN, ...scene.flags]);
  const results = [];
  for (let number = 1; number <= rounds; number++) {
    try {
      results.push(await round(server, scene, `${name}-${number}`));
    } catch (error) {
      failed++;
      console.log(`${name}-${number}: failed: ${error.message.split('\n')[0]}`);
      if (process.env.TRACE) console.log(server.log(30));
    }
  }
  summary(name, results);
  await server.stop();
}
await browser.close();
await files.close();
process.exit(failed === 0 ? 0 : 1);
