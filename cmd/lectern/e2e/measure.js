// Figures of a room of existing clients, for the record; not a test. Run with make measure.
//
//   LECTERN_BIN=…/lectern LECTERN_MODE=sfu node measure.js [rounds]
//
// Time from join to the first picture of the third member, sending connectors, and the server's memory.

import { launchBrowser, serveMesh } from './harness/browser.js';
import { Member } from './harness/member.js';
import { startServer } from './harness/server.js';

const rounds = Number(process.argv[2] ?? 10);
if (process.env.LECTERN_MODE === 'sfu') process.env.LECTERN_RTC_PORT ??= '0';
const [server, browser, files] = await Promise.all([startServer(), launchBrowser(), serveMesh()]);
const before = server.memory();

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Milliseconds from join to the first decoded frame of every other member. */
const firstPictures = (member, room, others) => member.page.evaluate(async (name, where, count) => {
  const from = performance.now();
  window.mesh.client.join(name, where);
  for (;;) {
    const stats = await window.mesh.stats();
    const decoded = stats.filter(({ frames }) => frames > 0).length;
    if (decoded >= 1) window.firstAt ??= performance.now() - from;
    if (decoded >= count) return { first: window.firstAt, all: performance.now() - from };
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}, member.name, room, others);

const results = [];
let legs;
let full = 0;
for (let round = 0; round < rounds; round++) {
  const members = await Promise.all(['ann', 'ben', 'cat'].map((name) => Member.open({ browser, files, server }, name)));
  const room = `measure-${round}`;
  await members[0].join(room);
  await members[1].join(room);
  await Promise.all(members.slice(0, 2).map((member) => member.receives(1)));
  results.push(await firstPictures(members[2], room, 2));
  await Promise.all(members.map((member) => member.receives(2)));
  legs = await Promise.all(members.map(async (member) => (await member.stats()).filter(({ sent }) => sent > 0).length));
  full = Math.max(full, server.memory());
  await Promise.all(members.map((member) => member.leave().then(() => member.close())));
}
console.log(`rounds ${rounds}, third member, ms from join: first picture median ${Math.round(median(results.map(({ first }) => first)))}, both pictures median ${Math.round(median(results.map(({ all }) => all)))}`);
console.log(`sending connectors per member ${legs.join(' ')}; server RSS ${(before / 2 ** 20).toFixed(1)} MiB empty, at most ${(full / 2 ** 20).toFixed(1)} MiB with three members`);
await browser.close();
await files.close();
await server.stop();
process.exit(0);
