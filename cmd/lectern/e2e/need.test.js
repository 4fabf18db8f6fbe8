// What else has a room change its mode than its size: clients that cannot be in a mesh, and whoever may ask for it.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Crowd } from './harness/crowd.js';
import { chatBothWays, muteBothWays, sendFileBothWays } from './harness/deeds.js';
import { launchFirefox } from './harness/firefox.js';
import { ADMIN_TOKEN } from './harness/server.js';
import { heavyScenario, scenario, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage(['--mode', 'auto', '--rtc-port', '0', '--admin-token', ADMIN_TOKEN]);

let firefox;
before(async () => { firefox = await launchFirefox(); });
after(() => firefox?.close());

const modeShown = (page, mode) => until(`${page.name} is told of mode ${mode}`, async () => await page.text('mode') === mode);

scenario(stage, 'two existing clients on Firefox: the server, where chat, files and mute work', async (cast) => {
  const crowd = new Crowd(cast, { firefox });
  await crowd.open({ fay: 'firefox', fox: 'firefox' });
  await crowd.enter('fay');
  await crowd.enter('fox');
  await crowd.goes('sfu');
  await crowd.settled();
  const members = crowd.get('fay', 'fox');
  await chatBothWays(members, 'hello 你好');
  await sendFileBothWays(members);
  await muteBothWays(members);
  await chatBothWays(members, 'still there');
});

scenario(stage, 'the host asks for the server, and for the mesh again', async (cast) => {
  const crowd = new Crowd(cast, { firefox });
  await crowd.open({ ann: 'page', ben: 'old' });
  await crowd.enter('ann');
  await crowd.enter('ben');
  await crowd.settled();
  const [ann, ben] = crowd.get('ann', 'ben');
  await crowd.watch();
  await crowd.forget();
  await ann.page.evaluate(() => window.probe.say('mode', { mode: 'sfu' }));
  await crowd.goes('sfu');
  await crowd.settled();
  await modeShown(ann, 'SFU');
  await ben.uploadsOn(1);
  await crowd.judge('the host asked for the server');
  await ann.page.evaluate(() => window.probe.say('mode', { mode: 'p2p' }));
  await crowd.goes('p2p');
  await modeShown(ann, 'P2P');
  await crowd.settled();
  await crowd.thrown();
});

scenario(stage, 'the administrator asks for the server', async (cast) => {
  const crowd = new Crowd(cast, { firefox });
  await crowd.open({ ann: 'old', ben: 'page' });
  await crowd.enter('ann');
  await crowd.enter('ben');
  await crowd.settled();
  await stage.server.rooms('PATCH', `/${cast.room}`, { mode: 'sfu' });
  await crowd.goes('sfu');
  await crowd.settled();
  await modeShown(crowd.get('ben')[0], 'SFU');
});

heavyScenario(stage, 'two pages that cannot reach each other meet by the server', async (cast) => {
  const crowd = new Crowd(cast, { firefox });
  await crowd.open({ ann: 'page', ben: 'page' });
  const pages = crowd.get('ann', 'ben');
  for (const { page } of pages) await page.evaluate(() => { window.probe.deaf = true; });
  await crowd.enter('ann');
  await crowd.enter('ben');
  // The browser takes 15 s to find out, and the page tries again before it says so.
  await until('the room is in mode sfu', async () => (await stage.server.rooms('GET', `/${cast.room}`)).mode === 'sfu', 90_000);
  await crowd.settled();
  assert.ok(stage.server.logged('changes to SFU mode', cast.room, 'failed'), 'the log says why');
});
