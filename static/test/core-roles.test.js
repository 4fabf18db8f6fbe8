// A room with a stage and an audience: roles, hands, what a listener sends and does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comeBack, enter, joined } from './call.js';
import { settle } from './fakes.js';
import { sfu, bens, recvonly, offer, downlink, again, uplink, pictures } from './server.js';

test('roles, hands, the lock and being muted', async (t) => {
  const call = await enter(t, sfu);
  const { room, server, notices, devices } = call;
  const kinds = () => notices.splice(0).map(({ kind, by, name, media }) => [kind, by ?? name ?? media].filter(Boolean).join(' '));
  assert.deepEqual([room.state.audience, room.state.stage, room.state.locked], [3, 16, false]);
  server.hear('role', { role: 'host' });
  server.hear('hands', { hands: [{ memberId: 'S_l', username: 'Lis', role: 'audience', since: 7 }, { memberId: 'S_ben', username: 'Ben', role: 'presenter', since: 8 }], count: 60 });
  assert.deepEqual(room.state.hands, [{ id: 'S_l', name: 'Lis', role: 'audience', since: 7 }, { id: 'S_ben', name: 'Ben', role: 'presenter', since: 8 }]);
  assert.equal(room.state.handCount, 60);
  server.hear('audience', { count: 4 });
  server.hear('lock', { locked: true });
  server.hear('lock', { locked: true });
  assert.deepEqual(kinds(), ['host', 'hand Lis', 'locked']);
  assert.deepEqual([room.state.audience, room.state.locked, room.state.self.role], [4, true, 'host']);
  room.setHand(true);
  server.hear('mute', { kind: 'video', by: 'S_ben' });
  server.hear('mute', { kind: 'audio', by: 'S_ben' });
  server.hear('mute', { kind: 'everything' });
  await settle();
  assert.equal(devices.videoTrack, null);
  assert.deepEqual(notices.splice(0), [{ kind: 'muted', media: 'video', by: 'Ben' }]);
  server.hear('role', { role: 'presenter', by: 'S_ben' });
  assert.deepEqual([room.state.hands, room.state.handCount, room.state.self.hand], [[], 0, false]);
  server.hear('role', { role: 'audience', by: 'S_ben' });
  server.hear('role', { role: 'host', by: 'S_ben' });
  server.hear('role', { role: 'king' });
  assert.deepEqual(kinds(), ['unhosted Ben', 'audience Ben', 'stage Ben', 'host Ben']);
  assert.deepEqual(server.of('state').at(-1), { audio: false, video: false, screen: false, hand: false, speaking: false }, 'on stage the whole state again');
  server.hear('error', { type: 'mode', message: 'why' });
  server.hear('error', { type: 'forbidden', event: 'remove', message: 'no' });
  server.hear('error', { type: 'rate', event: 'chat', message: 'no' });
  assert.deepEqual(notices, [{ kind: 'error', type: 'mode', message: 'why' }, { kind: 'error', type: 'rate' }]);
});

test('requests say what they ask, and reject with the server’s word', async (t) => {
  const { room, server } = await enter(t, sfu);
  const asked = [room.setRole('S_l', 'presenter'), room.stepDown(), room.removeMember('S_l'), room.muteMember('S_l', 'audio'), room.setLocked(true), room.setMode('p2p'), room.askAudience()];
  await Promise.all(asked);
  const sent = ['role', 'remove', 'mute', 'lock', 'mode', 'audience'].flatMap((event) => server.of(event));
  assert.deepEqual(sent, [{ memberId: 'S_l', role: 'presenter' }, { role: 'audience' }, { memberId: 'S_l' }, { memberId: 'S_l', kind: 'audio' }, { locked: true }, { mode: 'p2p' }, {}]);
  server.constructor.serve = ({ event }) => (event === 'role' ? { error: { type: 'stage-full', message: 'full' } } : undefined);
  await assert.rejects(room.setRole('S_l', 'presenter'), { type: 'stage-full', message: 'full' });
});

test('the audience sends nothing, and takes nothing from its devices', async (t) => {
  const call = await enter(t, { ...sfu, role: 'audience' });
  const { room, server, devices } = call;
  assert.deepEqual([devices.videoTrack, devices.audioTrack, room.state.self.camera, room.state.self.video], [null, null, null, false]);
  const pc = await downlink(call, [bens], ['0', 'video', 'sendonly', 'm1'], ['1', 'audio', 'sendonly', 'm1']);
  assert.deepEqual(pc.getTransceivers().map(({ currentDirection }) => currentDirection), ['recvonly', 'recvonly']);
  devices.loud = 1;
  t.mock.timers.tick(1000);
  room.setHand(true);
  assert.deepEqual(server.of('state'), [{ hand: false }, { hand: true }]);
  // A device that is on all the same goes nowhere.
  await devices.setVideo(true);
  await room.share();
  assert.deepEqual([server.of('offer'), room.state.self.camera], [[], null]);
  t.mock.timers.tick(14_000);
  assert.equal(server.of('audience').length, 1, 'how many others there are');
  await devices.setVideo(false);
  server.hear('role', { role: 'presenter', by: 'S_ben' });
  const up = await uplink(call);
  assert.deepEqual(up.getTransceivers().map(({ currentDirection }) => currentDirection), ['inactive', 'inactive'], 'nothing before the person says so');
  t.mock.timers.tick(30_000);
  assert.equal(server.of('audience').length, 1);
  await devices.setVideo(true);
  await settle();
  assert.equal(server.of('reconnectWork').at(-1).data.kind, 'video');
  server.hear('role', { role: 'audience' });
  await settle();
  assert.equal(devices.videoTrack, null, 'the camera goes out');
});

test('a listener comes back as one', async (t) => {
  const call = await enter(t, { ...sfu, role: 'audience' });
  const server = await comeBack(t, call, { ...sfu, role: 'presenter', resumed: true });
  assert.equal(server.of('reconnect')[0].role, 'audience');
  assert.deepEqual(call.notices.map(({ kind }) => kind), ['stage'], 'it was called up meanwhile');
});

test('pictures that are not shown: said once for many changes, and again to a new server or mode', async (t) => {
  const call = await enter(t, sfu);
  const { room, server } = call;
  server.hear('mode', { mode: 'p2p' });
  for (const id of ['S_ben', 'S_cat']) room.setHidden([{ id, stream: 'user' }, { id, stream: 'screen' }]);
  t.mock.timers.tick(249);
  assert.deepEqual(server.of('view'), []);
  t.mock.timers.tick(1);
  const hidden = { hidden: [{ memberId: 'S_cat', streamType: 'user' }, { memberId: 'S_cat', streamType: 'display' }] };
  assert.deepEqual(server.of('view'), [hidden]);
  server.hear('mode', { mode: 'sfu' });
  assert.deepEqual(server.of('view'), [hidden, hidden]);
  const next = await comeBack(t, call, { ...sfu, resumed: true });
  assert.deepEqual(next.of('view'), [hidden]);
  room.setHidden([]);
  t.mock.timers.tick(250);
  next.hear('mode', { mode: 'p2p' });
  assert.deepEqual(next.of('view'), [hidden, { hidden: [] }]);
});

test('speaking is told when it changes, with a hold, at most four times a second', async (t) => {
  const { room, server, devices } = await enter(t, sfu);
  const told = () => server.of('state').filter((state) => Object.keys(state).join() === 'speaking').map(({ speaking }) => speaking);
  for (let turn = 0; turn < 40; turn++) {
    devices.loud = turn % 2; // words
    t.mock.timers.tick(100);
  }
  assert.deepEqual(told(), [true]);
  assert.equal(room.state.self.speaking, true);
  devices.loud = 0;
  t.mock.timers.tick(200);
  assert.deepEqual(told(), [true]);
  t.mock.timers.tick(300);
  assert.deepEqual(told(), [true, false]);
});

test('the ends of a stay have a word each', async (t) => {
  for (const [reason, why] of [['the room was closed', 'room-closed'], ['removed by the host', 'removed'], ['replaced', 'elsewhere']]) {
    const call = await enter(t, sfu);
    call.server.close(4001, reason);
    assert.equal(call.room.state.ended, why);
    t.mock.timers.reset();
  }
  const call = await enter(t, sfu);
  await comeBack(t, call, { error: { type: 'locked', message: '' } });
  assert.equal(call.room.state.ended, 'locked');
});

test('a server’s messages that make no sense harm nothing', async (t) => {
  const call = await enter(t, sfu);
  const up = await uplink(call);
  for (const event of ['role', 'hands', 'audience', 'lock', 'mute', 'chat', 'history', 'mode', 'offer', 'reconnect']) {
    for (const data of [{}, [], 'x', { hands: 7, messages: {}, kind: {}, memberId: 'sfu', streamType: 'downlink', offer: {}, streams: 7, connectorId: 'none' }]) call.server.hear(event, data);
  }
  for (const type of ['chat', 'file', 'fileCancel']) up.channel.hear({ type, memberId: {}, data: { id: 'x', type: 'text', text: 'x', fileInfo: {} } });
  await settle();
  assert.equal(call.room.state.phase, 'joined');
});
