// A room against a server and other members that the test plays: what it says, and what it shows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ben, comeBack, connect, enter, joined, Room } from './call.js';
import { FakeConnection, FakeDevices, FakeSocket, settle, turns } from './fakes.js';

test('joining: who is there, and what we tell', async (t) => {
  const { room, server } = await enter(t);
  const [join] = server.of('join');
  assert.deepEqual({ ...join, id: '' }, { id: '', username: 'Ann', roomname: 'r', capabilities: ['roster', 'downlink', 'resume'] });
  assert.ok(join.id.length >= 32, 'the id is a secret');
  assert.deepEqual(server.of('state'), [{ audio: false, video: true, screen: false, hand: false, speaking: false }]);
  const { phase, link, members, self, role } = room.state;
  assert.deepEqual([phase, link, role, self.name, self.video, self.audio], ['joined', 'up', 'presenter', 'Ann', true, false]);
  assert.deepEqual(members.map(({ id, name, connection, camera }) => [id, name, connection, camera]), [['S_ben', 'Ben', 'connecting', null]]);
});

test('one goes by the name that the server has', async (t) => {
  const { room, server } = await enter(t, { ...joined, username: 'Ann B', room: 'normal' });
  assert.deepEqual([room.state.self.name, room.state.room], ['Ann B', 'normal']);
  await comeBack(t, { server, room }, { ...joined, username: 'Ann B', resumed: true });
  assert.equal(FakeSocket.last.of('reconnect')[0].username, 'Ann', 'as it was given');
  assert.equal(room.state.self.name, 'Ann B');
});

test('a refusal rejects with its word, and leaves nothing behind', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  for (const type of ['repeat', 'room-full', 'forbidden']) {
    FakeSocket.serve = () => ({ error: { type, message: 'no' } });
    const room = new Room({ url: 'ws://x/ws', devices: new FakeDevices(), WebSocket: FakeSocket });
    const entered = room.join({ room: 'r', name: 'Ann' });
    FakeSocket.last.open();
    await assert.rejects(entered, { type });
    assert.ok(FakeSocket.last.closed);
    assert.equal(room.state.phase, 'idle');
  }
  const room = new Room({ url: 'ws://x/ws', devices: new FakeDevices(), WebSocket: FakeSocket });
  const entered = room.join({ room: 'r', name: 'Ann' });
  FakeSocket.last.close(1006);
  await assert.rejects(entered, { type: 'unreachable' });
});

test('the roster comes and goes, and is told once', async (t) => {
  const { room, server, notices } = await enter(t);
  server.hear('member', { ...ben, memberId: 'S_cat', username: 'Cat' });
  server.hear('member', { ...ben, hand: true, away: true });
  server.hear('member', { ...ben, hand: true });
  server.hear('memberGone', { memberId: 'S_cat' });
  server.hear('memberGone', { memberId: 'S_nobody' });
  assert.deepEqual(notices.map(({ kind, name }) => `${kind} ${name}`), ['joined Cat', 'hand Ben', 'away Ben', 'back Ben', 'left Cat']);
  assert.deepEqual(room.state.members.map(({ name, hand, away }) => [name, hand, away]), [['Ben', true, false]]);
});

test('the state is never changed in place, and a burst is told once', async (t) => {
  const { room, server } = await enter(t);
  const before = room.state;
  const copy = JSON.stringify(before);
  let changes = 0;
  room.addEventListener('change', () => changes++);
  server.hear('member', { ...ben, hand: true });
  server.hear('mode', { mode: 'sfu' });
  await settle();
  assert.equal(JSON.stringify(before), copy);
  assert.notEqual(room.state, before);
  assert.equal(room.state.mode, 'sfu');
  assert.equal(changes, 1);
});

test('candidates wait for both ids, and each goes out once', async (t) => {
  const { server } = await enter(t);
  server.hear('getOffer', { memberId: 'S_ben' });
  await settle();
  const pc = FakeConnection.made.at(-1);
  const [{ connectorId, streamType }] = server.of('offer');
  assert.equal(streamType, 'user');
  pc.find('one');
  server.hear('icecandidate', { connectorId, candidate: { candidate: 'theirs' } });
  await settle();
  assert.deepEqual(server.of('icecandidate'), []);
  assert.deepEqual(pc.candidates, []);
  const answer = { remoteConnectorId: 'b1', connectorId, answer: { type: 'answer', sdp: 'a' }, memberId: 'S_ben' };
  server.hear('answer', answer);
  await settle();
  pc.find('two');
  server.hear('answer', answer);
  await settle();
  assert.deepEqual(server.of('icecandidate').map((sent) => [sent.remoteConnectorId, sent.candidate.candidate]), [['b1', 'one'], ['b1', 'two']]);
  assert.deepEqual(pc.candidates, [{ candidate: 'theirs' }]);
});

test('an offer told twice makes one connector', async (t) => {
  const { server } = await enter(t);
  for (let time = 0; time < 2; time++) server.hear('offer', { remoteConnectorId: 'b1', offer: { type: 'offer', sdp: 'o' }, memberId: 'S_ben', streamType: 'user' });
  await settle();
  assert.equal(FakeConnection.made.length, 1);
  assert.equal(server.of('answer').length, 1);
});

test('the offerer renegotiates by itself, the answerer asks, and switches meanwhile are one wish', async (t) => {
  for (const side of ['offer', 'answer']) {
    const call = await enter(t);
    const pc = await connect(call, side);
    for (const on of [false, true, false]) await call.devices.setVideo(on);
    await settle();
    const { sent } = pc.channel;
    assert.equal(sent.length, 1, 'one at a time');
    if (side === 'answer') {
      assert.deepEqual(sent[0], { type: 'getOffer', data: { kind: 'video', type: 'remove' } });
      pc.channel.hear({ type: 'offer', data: { offer: { type: 'offer', sdp: 'o2' } } });
      await settle();
      assert.deepEqual(sent.map(({ type }) => type), ['getOffer', 'answer']);
    } else {
      assert.equal(sent[0].type, 'offer');
      pc.channel.hear({ type: 'answer', data: { answer: { type: 'answer', sdp: 'a2' } } });
      await settle();
      assert.ok(sent.length <= 2);
    }
    assert.equal(pc.getTransceivers().find(({ receiver }) => receiver.track.kind === 'video').direction, 'recvonly');
    await call.room.leave();
    t.mock.timers.reset();
  }
});

test('a lost answer is asked for again, but not for ever', async (t) => {
  const call = await enter(t);
  const pc = await connect(call, 'offer');
  await call.devices.setVideo(false);
  await settle();
  for (let round = 0; round < 6; round++) {
    t.mock.timers.tick(8001);
    await settle();
  }
  const offers = pc.channel.sent.filter(({ type }) => type === 'offer').length;
  assert.equal(offers, 3);
  pc.channel.hear({ type: 'answer', data: { answer: { type: 'answer', sdp: 'late' } } });
  await settle();
  assert.equal(pc.signalingState, 'stable');
});

test('two offers that cross: the first offerer ignores the other, the answerer gives way', async (t) => {
  const call = await enter(t);
  const pc = await connect(call, 'offer');
  await call.devices.setVideo(false);
  await settle();
  pc.channel.hear({ type: 'offer', data: { offer: { type: 'offer', sdp: 'theirs' } } });
  await settle();
  assert.equal(pc.signalingState, 'have-local-offer');
  assert.ok(!pc.channel.sent.some(({ type }) => type === 'answer'));
});

test('a broken path is restarted by the offerer, and asked for by the answerer', async (t) => {
  for (const side of ['offer', 'answer']) {
    const call = await enter(t);
    const pc = await connect(call, side);
    pc.become('failed');
    assert.equal(call.room.state.members.length, 1);
    t.mock.timers.tick(1);
    await settle();
    assert.equal(call.member().connection, 'interrupted');
    const [work] = call.server.of('reconnectWork');
    assert.equal(work.type, side === 'offer' ? 'offer' : 'getOffer');
    assert.equal(pc.restarts, side === 'offer' ? 1 : 0);
    t.mock.timers.tick(8001);
    await settle();
    assert.equal(call.server.of('reconnectWork').at(-1).type, 'offer', 'an answerer that gets nothing offers itself');
    for (let second = 0; second < 30; second++) {
      t.mock.timers.tick(1000);
      await settle();
    }
    assert.equal(call.member().connection, 'failed');
    pc.become('connected');
    await settle();
    assert.equal(call.member().connection, 'connected');
    await call.room.leave();
    t.mock.timers.reset();
  }
});

test('coming back: what lives stays, what was answered and is not named ends', async (t) => {
  const call = await enter(t);
  const first = await connect(call);
  const second = await connect({ server: { ...call.server, hear: (event, data) => call.server.hear(event, { ...data, remoteConnectorId: 'b2' }) } });
  const [kept] = call.server.of('answer');
  const server = await comeBack(t, call, { ...joined, resumed: true, resumeToken: 't2', connectors: [{ connectorId: kept.connectorId, memberId: 'S_ben' }] });
  assert.equal(server.of('reconnect')[0].resumeToken, 't1');
  assert.equal(first.connectionState, 'connected');
  assert.equal(second.connectionState, 'closed');
  assert.deepEqual([call.room.state.link, call.room.state.downSince], ['up', null]);
  assert.equal(server.of('state').length, 1, 'the whole state again');
  assert.deepEqual(Object.keys(server.of('state')[0]), ['audio', 'video', 'screen', 'hand', 'speaking']);
});

test('coming back to a server that has forgotten: everything is built anew', async (t) => {
  const call = await enter(t);
  const pc = await connect(call);
  call.server.close(1006);
  pc.find('for a connector that is going to end');
  const server = await comeBack(t, call, { ...joined, members: [], resumeToken: 't2' }, (socket) => socket.hear('reconnect', { type: 'leave' }));
  assert.equal(pc.connectionState, 'closed');
  assert.deepEqual(server.of('icecandidate'), []);
  assert.deepEqual(call.room.state.members, []);
  assert.deepEqual(call.notices, [], 'nobody has left: we were away');
});

test('coming back can be refused, and the server can send away', async (t) => {
  for (const [type, why] of [['repeat', 'repeat'], ['room-full', 'room-full'], ['forbidden', 'elsewhere'], ['invalid', 'closed']]) {
    const call = await enter(t);
    await comeBack(t, call, { error: { type, message: '' } });
    assert.deepEqual([call.room.state.phase, call.room.state.ended], ['ended', why]);
    t.mock.timers.reset();
  }
  for (const [reason, why] of [['taken over by a new connection', 'elsewhere'], ['removed by the host', 'removed']]) {
    const call = await enter(t);
    const pc = await connect(call);
    call.server.close(4001, reason);
    assert.deepEqual([call.room.state.phase, call.room.state.ended], ['ended', why]);
    assert.equal(pc.connectionState, 'closed');
    t.mock.timers.reset();
  }
});

test('chat: once for each, in order, also to a channel that opens later, and nobody speaks for another', async (t) => {
  const call = await enter(t);
  call.room.sendText('early');
  const pc = await connect(call);
  call.room.sendText('late');
  assert.deepEqual(pc.channel.sent.map(({ data }) => data.text), ['early', 'late']);
  const message = { type: 'chat', data: { id: 'm1', isSelf: true, username: 'Somebody else', HHmmss: '10:00:00', type: 'text', text: 'hi' } };
  pc.channel.hear(message);
  pc.channel.hear(message);
  const { messages, unread } = call.room.state;
  assert.deepEqual(messages.map(({ name, text, self }) => [name, text, self]), [['Ann', 'early', true], ['Ann', 'late', true], ['Ben', 'hi', false]]);
  assert.equal(unread, 1);
  call.room.markRead();
  assert.equal(call.room.state.unread, 0);
});

test('a file arrives, is cancelled, or fails with its sender', async (t) => {
  const call = await enter(t);
  const pc = await connect(call);
  const header = (id, FQ) => pc.channel.hear({ type: 'chat', data: { id, username: 'Ben', type: 'file', fileInfo: { name: 'a.txt', size: '0.00MB', type: 'text/plain', url: '', FQ } } });
  const piece = (id, index) => pc.channel.hear({ type: 'file', data: { id, index, chunk: 'data:text/plain;base64,aGV5' } });
  header('f1', 2);
  piece('f1', 1);
  piece('f1', 0);
  header('f2', 2);
  piece('f2', 0);
  await turns();
  call.room.cancelTransfer('f2');
  piece('f2', 1);
  header('f3', 2);
  header('f4', 0);
  call.server.hear('memberGone', { memberId: 'S_ben' });
  const { transfers } = call.room.state;
  assert.deepEqual(transfers.map(({ state }) => state), ['done', 'cancelled', 'failed', 'done']);
  assert.equal(await transfers[0].blob.text(), 'heyhey');
  assert.deepEqual(pc.channel.sent.filter(({ type }) => type === 'fileCancel'), [{ type: 'fileCancel', data: { id: 'f2' } }]);
});

test('a file goes out in order, waits for a slow receiver, and can be cancelled', async (t) => {
  const call = await enter(t);
  const pc = await connect(call);
  const file = new File([new Uint8Array(500_000)], 'a.bin', { type: 'x/y' });
  pc.channel.bufferedAmount = 2 << 20;
  call.room.sendFile(file);
  call.room.sendFile(new File(['x'], 'b.txt'));
  const transfers = () => call.room.state.transfers.map(({ state }) => state).join();
  await turns();
  assert.deepEqual(pc.channel.sent.map(({ type }) => type), ['chat'], 'pieces wait');
  assert.equal(transfers(), 'active,queued');
  pc.channel.bufferedAmount = 0;
  pc.channel.dispatchEvent(new Event('bufferedamountlow'));
  await turns(50);
  assert.equal(transfers(), 'done,done');
  assert.deepEqual(pc.channel.sent.map(({ type, data }) => (type === 'chat' ? data.fileInfo.FQ : data.index)), [3, 0, 1, 2, 1, 0]);
  pc.channel.bufferedAmount = 2 << 20;
  call.room.sendFile(file);
  await turns();
  call.room.cancelTransfer(call.room.state.transfers[2].id);
  pc.channel.bufferedAmount = 0;
  pc.channel.dispatchEvent(new Event('bufferedamountlow'));
  await turns();
  assert.equal(transfers(), 'done,done,cancelled');
  assert.equal(pc.channel.sent.at(-1).type, 'fileCancel');
  assert.throws(() => call.room.sendFile({ size: 1e12, name: '', type: '' }), { type: 'too-large' });
});

test('one member cannot close what is another’s', async (t) => {
  const call = await enter(t, { ...joined, members: [ben, { ...ben, memberId: 'S_cat', username: 'Cat' }] });
  const pc = await connect(call);
  call.server.hear('offer', { remoteConnectorId: 'c1', offer: { type: 'offer', sdp: 'o' }, memberId: 'S_cat', streamType: 'display' });
  await settle();
  const screen = FakeConnection.made.at(-1);
  const { connectorId, streamType } = call.server.of('answer').at(-1);
  assert.equal(streamType, 'remoteDisplay');
  pc.channel.hear({ type: 'close', data: { connectorId } });
  assert.notEqual(screen.connectionState, 'closed');
});

test('leaving says what ends, and ends it', async (t) => {
  const call = await enter(t);
  const pc = await connect(call);
  await call.room.leave();
  assert.deepEqual(call.server.of('leave'), [[{ remoteConnectorId: 'b1', memberId: 'S_ben' }]]);
  assert.equal(pc.connectionState, 'closed');
  assert.ok(call.server.closed);
  assert.deepEqual([call.room.state.phase, call.room.state.ended], ['ended', 'left']);
});

test('messages that make no sense harm nothing', async (t) => {
  const call = await enter(t);
  const pc = await connect(call);
  for (const event of ['offer', 'answer', 'icecandidate', 'leave', 'reconnect', 'member', 'memberGone', 'mode', 'error', 'unknown']) {
    for (const data of [{}, [], 'x', { connectorId: 'none' }, { memberId: {}, offer: 7 }]) call.server.hear(event, data);
  }
  for (const message of [{ type: 'chat' }, { type: 'file' }, { type: 'file', data: 3 }, { type: 'close' }, { type: 'offer' }, { type: 'answer', data: {} }, { type: 'getOffer', data: { kind: 'x', type: 'add' } }, { type: 'fileCancel' }]) pc.channel.hear(message);
  await settle();
  assert.equal(call.room.state.phase, 'joined');
});
