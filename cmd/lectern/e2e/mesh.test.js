// Mesh clients of the existing protocol in a call: everything that needs no broken connection.

import assert from 'node:assert/strict';
import { until } from './harness/wait.js';
import { scenario, SFU, useStage } from './harness/stage.js';

const stage = useStage();

scenario(stage, 'four members see and hear each other', async (cast) => {
  const members = await cast.call('ann', 'ben', 'cat', 'dan');
  for (const member of members) {
    const connectors = await member.stats();
    assert.equal(new Set(connectors.map(({ memberId }) => memberId)).size, 3, 'one connector per other member');
  }
});

scenario(stage, 'a taken name is refused, another name works on the same socket', async (cast) => {
  const [ann, ben] = await cast.call('ann', 'ben');
  const late = await cast.open('late');
  await late.join(cast.room, 'ben');
  const failures = () => late.page.evaluate(() => window.mesh.failures);
  await until('the refusal', async () => (await failures()).length > 0);
  const [{ type, message }] = await failures();
  assert.equal(type, 'repeat'); // the word clients know; the text is in the browser's language
  assert.match(message, /taken|已存在/);
  assert.equal(await late.page.evaluate(() => window.mesh.client.state), '');
  const socket = await late.socketID();
  await late.join(cast.room, 'late');
  await Promise.all([ann, ben, late].map((member) => member.receives(2)));
  assert.equal(await late.socketID(), socket);
});

scenario(stage, 'members without camera, without microphone, without both', async (cast) => {
  const [full, mute, blind, none] = await Promise.all([
    cast.open('full'), cast.open('mute', { query: 'audio=off' }),
    cast.open('blind', { query: 'video=off' }), cast.open('none', { query: 'audio=off&video=off' }),
  ]);
  await full.join(cast.room);
  for (const [index, member] of [mute, blind, none].entries()) {
    await member.join(cast.room);
    await member.seesConnectors(index + 1);
  }
  // A member who sends nothing makes no tile in the existing client; its connector is there and its chat works.
  await Promise.all([full, mute, blind, none].map((member) => member.seesConnectors(3)));
  await none.call('chat', 'nothing but text');
  for (const member of [full, mute, blind]) await member.hasText('none', 'nothing but text');
  await until('none sees pictures of two and hears two', async () => {
    const all = await none.stats();
    return all.filter(({ frames }) => frames > 5).length === 2 && all.filter(({ energy }) => energy > 0).length === 2;
  });
});

scenario(stage, 'chat and a 1 MB file, intact, from both sides of a connection', async (cast) => {
  const members = await cast.call('ann', 'ben', 'cat');
  for (const sender of members) {
    await sender.call('chat', `hello from ${sender.name} 你好`);
    const sha256 = await sender.page.evaluate((name) => window.mesh.sendFile(name, 1_048_576), `${sender.name}.bin`);
    for (const receiver of members.filter((member) => member !== sender)) {
      await receiver.hasText(sender.name, `hello from ${sender.name} 你好`);
      await until(`${receiver.name} has the file of ${sender.name}`, async () => {
        const files = await receiver.page.evaluate(() => window.mesh.received());
        return files.some((file) => file.name === `${sender.name}.bin`);
      });
      const files = await receiver.page.evaluate(() => window.mesh.received());
      assert.deepEqual(files.filter(({ name }) => name === `${sender.name}.bin`),
        [{ name: `${sender.name}.bin`, size: 1_048_576, sha256 }]);
    }
  }
});

scenario(stage, 'mute and unmute of both kinds by each member', async (cast) => {
  const members = await cast.call('ann', 'ben', 'cat');
  await Promise.all(members.map((member) => member.forgetWire()));
  for (const muter of members) {
    const others = members.filter((member) => member !== muter);
    for (const kind of ['video', 'audio']) {
      await muter.call('setEnabled', kind, false);
      await Promise.all(others.map((other) => other.seesTracksOf(muter, [kind === 'video' ? 'audio' : 'video'])));
      await muter.call('setEnabled', kind, true);
      await Promise.all(others.map((other) => other.seesTracksOf(muter, ['audio', 'video'])));
    }
    await Promise.all(others.map((other) => other.receives(2)));
  }
  for (const member of members) {
    assert.deepEqual((await member.wire()).filter(({ event }) => event !== 'icecandidate'), [],
      'muting is between the members alone');
  }
});

scenario(stage, 'camera and microphone are switched during the call', async (cast) => {
  const [ann, ben] = await cast.call('ann', 'ben');
  for (const [switcher, other] of [[ann, ben], [ben, ann]]) {
    for (const kind of ['video', 'audio']) {
      const devices = await switcher.page.evaluate((name) => window.mesh.devices(name), kind);
      await switcher.call('switchDevice', kind, devices.at(-1));
      await other.seesTracksOf(switcher, ['audio', 'video']);
      await other.receives(1);
    }
  }
});

scenario(stage, 'a display is shared, seen by a late joiner, and cancelled', async (cast) => {
  const [ann, ben] = await cast.call('ann', 'ben');
  for (const [sharer, watcher] of [[ann, ben], [ben, ann]]) {
    await sharer.call('share');
    await watcher.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
    await assert.rejects(watcher.call('share'), /already shared/);
    const late = await cast.open(`late-${sharer.name}`);
    await late.join(cast.room);
    await late.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
    await Promise.all([late, ann, ben].map((member) => member.receives(2)));
    await sharer.uploadsOn(SFU ? 1 : 2, 'display');
    await sharer.call('cancelShare');
    await Promise.all([late, watcher].map((member) => member.seesTiles(0, 'remoteDisplay')));
    await late.leave();
    await Promise.all([ann, ben].map((member) => member.seesTiles(1)));
  }
});

scenario(stage, 'a display shared while alone is seen by who comes', async (cast) => {
  const ann = await cast.open('ann');
  await ann.join(cast.room);
  await ann.call('share');
  const ben = await cast.open('ben');
  await ben.join(cast.room);
  await ben.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
  await Promise.all([ann, ben].map((member) => member.receives(1)));
  const cat = await cast.open('cat');
  await cat.join(cast.room);
  await cat.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
  await ben.leave(); // the member whose coming made the client offer it
  await cat.seesTiles(1);
  await cat.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
  await ann.call('cancelShare');
  await cat.seesTiles(0, 'remoteDisplay');
});

scenario(stage, 'ten times camera off and on: nobody else pays for it', async (cast) => {
  const members = await cast.call('ann', 'ben', 'cat');
  const [ann, ben, cat] = members;
  for (let time = 0; time < 10; time++) {
    await cat.call('setEnabled', 'video', false);
    await Promise.all([ann, ben].map((other) => other.seesTracksOf(cat, ['audio'])));
    await cat.call('setEnabled', 'video', true);
    await Promise.all([ann, ben].map((other) => other.seesTracksOf(cat, ['audio', 'video'])));
  }
  await Promise.all(members.map((member) => member.receives(2)));
  if (!SFU) return; // in a mesh everybody's descriptions grow
  for (const member of [ann, ben]) for (const { mline } of await member.stats()) assert.equal(mline, 3);
  const grown = (await cat.stats()).filter(({ mline }) => mline > 3);
  assert.equal(grown.length, 1, 'only the connector that sends has grown');
});

scenario(stage, 'a picture goes on when the member goes whose connector carried it', async (cast) => {
  const [ann, ben, cat] = await cast.call('ann', 'ben', 'cat'); // cat sends to ann's connector in SFU mode
  await ben.watchGaps(cat);
  await ann.leave();
  await Promise.all([ben, cat].map((member) => member.seesTiles(1)));
  await Promise.all([ben, cat].map((member) => member.receives(1)));
  await cat.uploadsOn(1);
  const gap = await ben.longestGap(cat);
  assert.ok(gap < 60, `ben saw no new picture of cat for ${gap} beats`); // six pictures would be 24
});

if (SFU) {
  // One after the other in one room: what the last one knew must not be remembered.
  scenario(stage, 'everybody sends what the one who knows a single codec takes', async (cast) => {
    const all = await cast.open('all');
    await all.join(cast.room);
    for (const codec of ['VP9', 'AV1', 'H264']) {
      const one = await cast.open(codec, { query: `codec=${codec}` });
      await one.join(cast.room);
      for (const member of [all, one]) {
        await member.receives(1);
        assert.deepEqual((await member.stats()).map((connector) => connector.codec), [`video/${codec}`]);
      }
      await one.leave();
      await all.seesTiles(0);
    }
  });
}

scenario(stage, 'leaving while sharing takes person and display away', async (cast) => {
  const [ann, ben, cat] = await cast.call('ann', 'ben', 'cat');
  await ann.call('share');
  await Promise.all([ben, cat].map((member) => member.seesTiles(1, 'remoteDisplay')));
  await ann.leave();
  for (const member of [ben, cat]) {
    await member.seesTiles(1);
    await member.seesTiles(0, 'remoteDisplay');
  }
  await ann.seesTiles(0);
});

scenario(stage, 'leave and rejoin on the same socket', async (cast) => {
  const members = await cast.call('ann', 'ben', 'cat');
  for (const leaver of members) {
    const others = members.filter((member) => member !== leaver);
    const socket = await leaver.socketID();
    await leaver.leave();
    await Promise.all([leaver.seesTiles(0), ...others.map((other) => other.seesTiles(1))]);
    await leaver.join(cast.room);
    await Promise.all(members.map((member) => member.receives(2)));
    assert.equal(await leaver.socketID(), socket);
  }
});

scenario(stage, 'joining another room leaves the first', async (cast) => {
  const [ann, ben] = await cast.call('ann', 'ben');
  const other = await cast.open('eve');
  await other.join(`${cast.room}-other`);
  await ann.join(`${cast.room}-other`);
  await ben.seesTiles(0);
  await other.receives(1);
});

scenario(stage, 'a storm of leaving and rejoining leaves no ghosts', async (cast) => {
  const members = await cast.call('ann', 'ben', 'cat', 'dan');
  const [, ...restless] = members;
  await Promise.all(restless.map((member, index) => member.page.evaluate(async (room, name, step) => {
    const { client } = window.mesh;
    for (let cycle = 0; cycle < 4; cycle++) {
      client.leave();
      await new Promise((resolve) => setTimeout(resolve, 20 + step));
      client.join(name, room);
      await new Promise((resolve) => setTimeout(resolve, 40 + 10 * step));
    }
  }, cast.room, member.name, index * 13)));
  await Promise.all(members.map((member) => member.receives(3)));
  for (const member of members) {
    const connectors = await member.stats();
    assert.equal(new Set(connectors.map(({ memberId }) => memberId)).size, 3);
    for (const { remoteId } of connectors) assert.ok(remoteId, 'every connector was answered');
  }
});
