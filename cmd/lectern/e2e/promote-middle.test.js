// What may be going on in a room at the very moment its mode changes.

import assert from 'node:assert/strict';
import { Crowd } from './harness/crowd.js';
import { ADMIN_TOKEN } from './harness/server.js';
import { heavyScenario, scenario, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage(['--mode', 'auto', '--rtc-port', '0', '--admin-token', ADMIN_TOKEN]);

/** Members in a mesh, watched. Names tell the kinds. */
async function mesh(cast, kinds) {
  const crowd = new Crowd(cast);
  await crowd.open(kinds);
  for (const name of Object.keys(kinds)) if (!name.startsWith('late')) await crowd.enter(name);
  await crowd.settled();
  await crowd.watch();
  return crowd;
}

/** Has the room change to the server. */
async function promote(crowd) {
  await crowd.forget();
  await stage.server.rooms('PATCH', `/${crowd.cast.room}`, { mode: 'sfu' });
}

async function seesScreen(member, of) {
  if (member.old) await member.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
  else await member.seesMoving(of, 'screen');
}

async function seesNoScreen(member) {
  await member.seesTiles(0, member.old ? 'remoteDisplay' : 'screen');
}

for (const kind of ['old', 'page']) {
  scenario(stage, `a running display share of ${kind === 'old' ? 'an existing client' : 'a page'} goes on`, async (cast) => {
    const crowd = await mesh(cast, { ann: kind, ben: 'old', cat: 'page' });
    const [ann, ben, cat] = crowd.get('ann', 'ben', 'cat');
    if (ann.old) await ann.call('share');
    else await ann.click('share');
    await Promise.all([ben, cat].map((member) => seesScreen(member, 'ann')));
    await promote(crowd);
    await crowd.goes('sfu');
    await crowd.settled();
    await Promise.all([ben, cat].map((member) => seesScreen(member, 'ann')));
    // What is captured is the page itself: it moves when it pleases.
    await crowd.judge(`a display share (${kind})`, { still: ['ann screen'] });
    if (ann.old) await ann.uploadsOn(1, 'display');
    if (ann.old) await ann.call('cancelShare');
    else await ann.click('share-stop');
    await Promise.all([ben, cat].map(seesNoScreen));
    await crowd.settled();
    await crowd.thrown();
  });
}

scenario(stage, 'who is muted stays muted, and can be heard and seen again', async (cast) => {
  const crowd = await mesh(cast, { ann: 'old', ben: 'page', cat: 'old' });
  const [ann, ben, cat] = crowd.get('ann', 'ben', 'cat');
  await ann.call('setEnabled', 'video', false);
  await ben.click('mic');
  await cat.seesTracksOf(ann, ['audio']);
  await Promise.all([ben.seesTile('ann', 'an avatar', (tile) => tile.avatar), ben.seesTile('ann', 'not muted', (tile) => !tile.muted)]);
  await promote(crowd);
  await crowd.goes('sfu');
  await Promise.all([ann, cat].map((member) => member.seesTiles(2)));
  await cat.seesTracksOf(ann, ['audio']);
  await ben.seesTile('ann', 'still an avatar', (tile) => tile.avatar && !tile.muted);
  const id = await crowd.idOf('ben');
  for (const old of [ann, cat]) {
    await until(`${old.name} has no sound of ben`, async () => (await old.stats()).filter(({ memberId }) => memberId === id).every(({ tracks }) => tracks.join() === 'video'));
  }
  await crowd.judge('two are muted', { still: ['ann camera'] });
  await ann.call('setEnabled', 'video', true);
  await ben.click('mic');
  await crowd.settled();
  await crowd.thrown();
});

scenario(stage, 'who joins in the middle is seen by all', async (cast) => {
  const crowd = await mesh(cast, { ann: 'old', ben: 'page', late: 'old', latePage: 'page' });
  await promote(crowd);
  await crowd.enter('late', 'latePage');
  await crowd.goes('sfu');
  await crowd.settled();
  await crowd.judge('two join in the middle');
  await crowd.thrown();
});

for (const kind of ['old', 'page']) {
  scenario(stage, `${kind === 'old' ? 'an existing client' : 'a page'} that leaves in the middle leaves nothing behind`, async (cast) => {
    const crowd = await mesh(cast, { ann: 'old', ben: 'page', cat: kind });
    await promote(crowd);
    await crowd.leave('cat');
    await crowd.goes('sfu');
    await crowd.settled();
    await crowd.judge('one leaves in the middle', { gone: ['cat'] });
    await crowd.thrown();
  });
}

heavyScenario(stage, 'a killed page does not keep the room from changing', async (cast) => {
  const crowd = await mesh(cast, { ann: 'old', ben: 'page', cat: 'old' });
  const [cat] = crowd.get('cat');
  await crowd.forget();
  await cat.crash();
  await until('the server misses it', async () => stage.server.logged('disconnected', `room=${cast.room} `) || (await crowd.get('ben')[0].tiles()).some(({ label }) => /away/.test(label)));
  await stage.server.rooms('PATCH', `/${cast.room}`, { mode: 'sfu' });
  crowd.members = crowd.get('ann', 'ben');
  crowd.all.delete('cat');
  await crowd.goes('sfu');
  await crowd.settled();
  assert.equal((await crowd.get('ann')[0].stats()).length, 1);
});
