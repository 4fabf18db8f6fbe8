// Mesh clients whose connection or page breaks: the grace period, the way back, and what must not happen.

import assert from 'node:assert/strict';
import { startProxy } from './harness/proxy.js';
import { scenario, SFU, useStage } from './harness/stage.js';
import { startServer } from './harness/server.js';
import { until } from './harness/wait.js';

// Nobody who comes back may be late, however busy the machine is; who is to be late meets a server with little patience.
const stage = useStage(['--grace', '60s']);
const SHORT_MS = 4000;

async function impatient(cast) {
  const server = await startServer(['--grace', `${SHORT_MS}ms`]);
  cast.defer(() => server.stop());
  return server;
}

/**
 * Every negotiation since the wire was forgotten, by signaling or over a channel; there should be none. In SFU mode the
 * tracks of a newcomer may come over the channel of its new connector.
 */
async function negotiations(member) {
  const events = (await member.wire()).map(({ from, event, data }) => `${from} ${event} ${data?.type ?? ''}`);
  const channel = await member.page.evaluate(() => window.mesh.client.channelWire.map(({ type }) => `channel ${type}`));
  return [...events.filter((event) => !event.startsWith('client reconnect ')), ...(SFU ? [] : channel)];
}

scenario(stage, 'a killed page is gone after the grace period, not before', async (cast) => {
  const { url: serverURL } = await impatient(cast);
  const [ann, ben, cat] = await cast.callAt({ serverURL }, 'ann', 'ben', 'cat');
  await Promise.all([ann, ben].map((member) => member.forgetWire()));
  const from = Date.now();
  await cat.crash();
  await Promise.all([ann, ben].map((member) => member.seesTiles(1)));
  assert.ok(Date.now() - from >= SHORT_MS, 'the grace period was kept');
  for (const member of [ann, ben]) {
    const events = (await member.wire('server')).map(({ event }) => event);
    assert.deepEqual(events.filter((event) => event !== 'icecandidate'), ['leave']);
  }
  const again = await cast.open('cat', { serverURL });
  await again.join(cast.room);
  await Promise.all([ann, ben, again].map((member) => member.receives(2)));
});

scenario(stage, 'a dropped socket comes back: no tile lost, nothing renegotiated, and everything works after', async (cast) => {
  const [ann, ben] = await cast.call('ann', 'ben');
  const before = await Promise.all([ann, ben].map((member) => member.tiles()));
  await Promise.all([ann, ben].map((member) => member.forgetWire()));
  await ben.bounceSocket();

  // A newcomer proves that the return was handled, and that ben is still reachable under a known id.
  const cat = await cast.open('cat');
  await cat.join(cast.room);
  await Promise.all([ann, ben, cat].map((member) => member.receives(2)));
  for (const [index, member] of [ann, ben].entries()) {
    const tiles = (await member.tiles()).map(({ id }) => id);
    assert.ok(tiles.includes(before[index][0].id), 'the tile is still the same one');
    const events = await negotiations(member);
    assert.deepEqual(events.filter((event) => /reconnect|leave|channel/.test(event)), []);
    assert.equal(events.filter((event) => event.startsWith(SFU ? 'server offer' : 'client offer')).length, 1, 'one offer, for the newcomer');
  }

  await ann.call('share');
  await Promise.all([ben, cat].map((member) => member.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] })));
  await ann.call('cancelShare');
  await Promise.all([ben, cat].map((member) => member.seesTiles(0, 'remoteDisplay')));
  await ben.call('setEnabled', 'video', false);
  await ann.seesTracksOf(ben, ['audio']);
  await ben.call('setEnabled', 'video', true);
  await Promise.all([ann, cat].map((member) => member.receives(2)));
  await ann.leave();
  await Promise.all([ben, cat].map((member) => member.seesTiles(1)));
  await cat.leave();
  await ben.seesTiles(0);
});

scenario(stage, 'both drop at once and come back', async (cast) => {
  const [ann, ben] = await cast.call('ann', 'ben');
  await Promise.all([ann, ben].map((member) => member.forgetWire()));
  await Promise.all([ann, ben].map((member) => member.bounceSocket()));
  const cat = await cast.open('cat');
  await cat.join(cast.room);
  await Promise.all([ann, ben, cat].map((member) => member.receives(2)));
  for (const member of [ann, ben]) {
    assert.deepEqual((await negotiations(member)).filter((event) => /reconnect|leave|channel/.test(event)), []);
  }
});

scenario(stage, 'a member who joined, and one who left, while somebody was away', async (cast) => {
  const proxy = await startProxy(stage.server.port);
  cast.defer(() => proxy.close());
  const ann = await cast.open('ann');
  const ben = await cast.open('ben', { serverURL: proxy.url });
  const cat = await cast.open('cat');
  for (const [index, member] of [ann, ben, cat].entries()) {
    await member.join(cast.room);
    if (index) await member.seesTiles(index);
  }
  await Promise.all([ann, ben, cat].map((member) => member.receives(2)));

  const socket = await ben.socketID();
  const dan = await cast.open('dan');
  proxy.refusing = true;
  proxy.cut();
  await cat.leave();
  await dan.join(cast.room);
  await dan.seesTiles(SFU ? 2 : 1); // ann, and ben, who is away, if the server has his picture; cat is gone
  proxy.refusing = false;
  await ben.backSince(socket);
  await Promise.all([ann, ben, dan].map((member) => member.receives(2)));
});

scenario(stage, 'away for longer than the grace period: everything is built anew', async (cast) => {
  const server = await impatient(cast);
  const proxy = await startProxy(server.port);
  cast.defer(() => proxy.close());
  const ann = await cast.open('ann', { serverURL: server.url });
  const ben = await cast.open('ben', { serverURL: proxy.url });
  await ann.join(cast.room);
  await ben.join(cast.room);
  await Promise.all([ann, ben].map((member) => member.receives(1)));
  const [old] = await ben.tiles();
  proxy.refusing = true;
  proxy.cut();
  await ann.seesTiles(0);
  proxy.refusing = false;
  await until('ben has a new tile', async () => {
    const tiles = await ben.tiles();
    return tiles.length === 1 && tiles[0].id !== old.id;
  });
  await Promise.all([ann, ben].map((member) => member.receives(1)));
});

scenario(stage, 'the server restarts: both come back and the room is built anew', async (cast) => {
  const server = await startServer();
  cast.defer(() => server.stop());
  const [ann, ben] = await cast.callAt({ serverURL: server.url }, 'ann', 'ben');
  const [old] = await ben.tiles();
  assert.equal(await server.stop(), 0);
  const second = await startServer([], server.port);
  cast.defer(() => second.stop());
  await until('ben has a new tile', async () => {
    const tiles = await ben.tiles();
    return tiles.length === 1 && tiles[0].id !== old.id;
  });
  await Promise.all([ann, ben].map((member) => member.receives(1)));
});

scenario(stage, 'a late death of the old connection does not throw a returned member out', async (cast) => {
  const server = await startServer(['--ping-interval', '2s', '--ping-timeout', '3s', '--grace', '2s']);
  const proxy = await startProxy(server.port);
  cast.defer(() => server.stop());
  cast.defer(() => proxy.close());
  const ann = await cast.open('ann', { serverURL: server.url });
  const ben = await cast.open('ben', { serverURL: proxy.url });
  const cat = await cast.open('cat', { serverURL: server.url });
  for (const [index, member] of [ann, ben, cat].entries()) {
    await member.join(cast.room);
    if (index) await member.seesTiles(index);
  }
  await Promise.all([ann, ben, cat].map((member) => member.receives(2)));
  await Promise.all([ann, ben].map((member) => member.forgetWire()));

  const socket = await ben.socketID();
  proxy.linger();
  assert.ok(proxy.lingering.size > 0);
  await ben.backSince(socket);
  // Cat's crash outlasts the old connection: when the server has let cat go, ben's old connection is long judged.
  await until('the old connection is given up', () => proxy.lingering.size === 0);
  await cat.crash();
  await Promise.all([ann, ben].map((member) => member.seesTiles(1)));
  for (const member of [ann, ben]) {
    const leaves = (await member.wire('server')).filter(({ event }) => event === 'leave' || event === 'reconnect');
    assert.equal(leaves.length, 1, JSON.stringify(leaves));
  }
  await Promise.all([ann, ben].map((member) => member.receives(1)));
  const name = await fetch(`${server.url}/checkUsername?username=ben&roomname=${cast.room}`);
  assert.deepEqual(await name.json(), { success: true, isRepeat: true });
});
