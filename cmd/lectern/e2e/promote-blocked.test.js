// A room that would change its mode, but the server's media port cannot be reached: it stays as it is.

import assert from 'node:assert/strict';
import { Crowd } from './harness/crowd.js';
import { ADMIN_TOKEN } from './harness/server.js';
import { scenario, useStage } from './harness/stage.js';
import { Talk } from './harness/talk.js';
import { until } from './harness/wait.js';

// The address alone is not enough: on one machine the server reaches the browsers from where it is.
const stage = useStage(['--mode', 'auto', '--p2p-max', '2', '--rtc-port', '0', '--rtc-ip', '127.255.255.255', '--admin-token', ADMIN_TOKEN]);

const refusals = (page) => page.page.evaluate(() => window.probe.heard.filter(({ event, data }) => event === 'error' && data.type === 'mode').map(({ data }) => data));

scenario(stage, 'the media port is blocked: a room stays peer to peer, and its host is told', async (cast) => {
  const crowd = new Crowd(cast);
  await crowd.open({ ann: 'page', ben: 'old', cat: 'page' });
  const [ann, ben, cat] = crowd.get('ann', 'ben', 'cat');
  for (const { page } of [ann, ben, cat]) await page.evaluate(() => { window.probe.walled = true; });
  await crowd.enter('ann');
  await crowd.enter('ben');
  await crowd.settled();
  await crowd.watch();
  const talk = new Talk([ann, ben]);
  await talk.begin([ann, ben], 250); // it goes on for longer than the server waits for an answer
  await crowd.forget();
  await crowd.enter('cat');
  const refused = await until('the host is told', async () => (await refusals(ann))[0]);
  assert.match(refused.message, /peer to peer/);
  assert.equal(refused.event, undefined);
  await ann.see('toast');
  await crowd.settled(); // by the mesh
  await crowd.judge('the room stays as it is');
  await talk.hears(cat);
  assert.equal(await ann.text('mode'), 'P2P');
  assert.equal(await cat.text('mode'), 'P2P');
  assert.deepEqual(await refusals(cat), [], 'who is no host is not told');
  assert.deepEqual((await ben.wire('server')).filter(({ event }) => event === 'error'), []);
  assert.ok(stage.server.logged('stays in P2P mode', `room=${cast.room} `), 'the log says so');
  await crowd.judgeTalk(talk);
});
