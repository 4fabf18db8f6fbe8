// A room that grows out of its mesh: the server takes the media over while people talk, and nobody notices.

import { after, before } from 'node:test';
import { Crowd } from './harness/crowd.js';
import { launchFirefox } from './harness/firefox.js';
import { ADMIN_TOKEN } from './harness/server.js';
import { HEAVY, scenario, useStage } from './harness/stage.js';
import { Troupe } from './harness/synthetic.js';
import { Talk } from './harness/talk.js';

const stage = useStage(['--mode', 'auto', '--p2p-max', '4', '--rtc-port', '0', '--admin-token', ADMIN_TOKEN]);

let firefox;
let troupe;
before(async () => { [firefox, troupe] = await Promise.all([HEAVY ? launchFirefox() : null, Troupe.start(stage)]); });
after(() => Promise.all([firefox?.close(), troupe?.close()]));

const TALK_MS = 100;

// On two cores a mesh of four browsers, one of them a Firefox, takes most of a minute to be settled. What a change looks like
// in browsers is promote-middle.test.js's.
const CASTS = {
  ...(HEAVY ? {
    'existing clients, pages and a Firefox': ['old', 'page', 'synthetic old', 'firefox', 'page', 'synthetic', 'synthetic old', 'synthetic'],
    'existing clients': ['old', 'old', 'old', 'old', 'old', 'old', 'old', 'old'],
    pages: ['page', 'page', 'page', 'page', 'page'],
    'browsers of all kinds': ['old', 'page', 'firefox', 'page', 'old', 'page', 'old', 'old'],
  } : {}),
};
// Between members that number their packets none may be missing, whatever the machine has to do besides.
scenario(stage, 'eight members without a browser miss no packet: 4, 5, 8', async (cast) => {
  const crowd = new Crowd(cast, { troupe });
  await crowd.open({ ann: 'synthetic old', ben: 'synthetic', cat: 'synthetic old', dan: 'synthetic', eve: 'synthetic', fay: 'synthetic old', gus: 'synthetic', hal: 'synthetic' });
  for (const name of ['ann', 'ben', 'cat', 'dan']) await crowd.enter(name);
  await crowd.settled();
  await crowd.forget();
  await crowd.enter('eve');
  await crowd.goes('sfu');
  await crowd.settled();
  await crowd.judge('from 4 to 5');
  await crowd.enter('fay', 'gus', 'hal');
  await crowd.settled();
  await crowd.leave('ben');
  await crowd.settled();
  await crowd.judge('with 8, and 7');
});

const NAMES = ['ann', 'ben', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal'];

for (const [what, kinds] of Object.entries(CASTS)) {
  scenario(stage, `${what}: 2, 3, 5${kinds.length > 5 ? ', 8' : ''} members`, async (cast) => {
    const crowd = new Crowd(cast, { firefox, troupe });
    const all = NAMES.slice(0, kinds.length);
    await crowd.open(Object.fromEntries(all.map((name, index) => [name, kinds[index]])));
    await crowd.enter('ann');
    await crowd.enter('ben');
    await crowd.settled();
    await crowd.enter('cat');
    await crowd.settled();

    const talk = new Talk(crowd.get('ann', 'ben', 'cat').filter(({ page }) => page));
    await talk.begin(crowd.get('ann', 'ben'), TALK_MS);
    await crowd.watch();
    await crowd.forget();
    await crowd.enter('dan');
    await crowd.settled();
    const from = Date.now();
    await crowd.enter('eve');
    await crowd.goes('sfu');
    await crowd.settled();
    await crowd.judge(`${what}, from 3 to 5`);
    const changed = stage.server.logged('is in SFU mode', `room=${cast.room} `) - stage.server.logged('changes to SFU mode', `room=${cast.room} `);
    console.log(`the server changed within ${changed} ms; the last connection of the mesh ended ${Math.round(await crowd.lastClosed(from) - from)} ms after the fifth had begun to come in`);

    for (const member of crowd.get('dan', 'eve')) await talk.hears(member);
    await crowd.watch();
    await crowd.forget();
    for (const name of all.slice(5)) await crowd.enter(name);
    await crowd.settled();
    await crowd.judge(`${what}, with ${all.length}`);
    await crowd.judgeTalk(talk);
  });
}
