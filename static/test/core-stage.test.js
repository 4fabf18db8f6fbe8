// A room with a server in the middle: one connector for everything received, changes of mode, chat by events.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ben, comeBack, connect, enter, joined } from './call.js';
import { settle, turns } from './fakes.js';
import { cat, sfu, owner, bens, cats, recvonly, offer, downlink, again, uplink, line, pictures } from './server.js';
import { starves } from '../js/core/stats.js';

test('one connector brings everybody, each on lines of their own', async (t) => {
  const call = await enter(t, sfu);
  const pc = await downlink(call, [bens, cats, owner('m3', 'S_cat', 'display')],
    ['0', 'video', 'sendonly', 'm1'], ['1', 'audio', 'sendonly', 'm1'], ['2', 'video', 'sendonly', 'm2'], ['3', 'video', 'sendonly', 'm3']);
  const [ofBen, ofCat] = call.room.state.members;
  assert.deepEqual(ofBen.camera.getTracks(), [line(pc, '0').track, line(pc, '1').track]);
  assert.deepEqual(ofCat.camera.getTracks(), [line(pc, '2').track]);
  assert.deepEqual(ofCat.screen.getTracks(), [line(pc, '3').track]);
  assert.deepEqual([ofBen.screen, ofBen.connection, ofCat.connection], [null, 'connected', 'connected']);
  assert.deepEqual(call.server.of('answer').map(({ memberId, streamType }) => [memberId, streamType]), [['sfu', 'downlink']]);
  assert.equal(pc.channel, null);
  pc.getStats = async () => new Map(['0', '2'].map((mid, index) => [mid, { type: 'inbound-rtp', kind: 'video', mid, frameWidth: 100 * (index + 1), framesPerSecond: 30 }]));
  const rows = await call.room.stats();
  assert.deepEqual(rows.map(({ name, stream, via, width }) => [name, stream, via, width]), [['Ben', 'user', 'sfu', 100], ['Cat', 'user', 'sfu', 200], ['Cat', 'screen', 'sfu', null]]);
});

test('a line is used again: the picture is the one the map says', async (t) => {
  const call = await enter(t, sfu);
  const pc = await downlink(call, [bens, cats], ['0', 'video', 'sendonly', 'm1'], ['1', 'video', 'sendonly', 'm2']);
  const [first, second] = ['0', '1'].map((mid) => line(pc, mid).track);
  call.server.hear('memberGone', { memberId: 'S_ben' });
  call.server.hear('member', { ...ben, memberId: 'S_dan', username: 'Dan' });
  await again(call, pc, [cats], ['0', 'video', 'inactive'], ['1', 'video', 'sendonly', 'm2']);
  assert.deepEqual(pictures(call), { Cat: [second], Dan: [] });
  await again(call, pc, [cats, owner('m9', 'S_dan')], ['0', 'video', 'sendonly', 'm9'], ['1', 'video', 'sendonly', 'm2']);
  assert.deepEqual(pictures(call), { Cat: [second], Dan: [first] });
  // At once, without a moment when nobody has it.
  await again(call, pc, [cats, owner('m9', 'S_dan')], ['0', 'video', 'sendonly', 'm2'], ['1', 'video', 'sendonly', 'm9']);
  assert.deepEqual(pictures(call), { Cat: [first], Dan: [second] });
  // A restart says nothing of streams.
  await again(call, pc, undefined, ['0', 'video', 'sendonly', 'm2'], ['1', 'video', 'sendonly', 'm9']);
  assert.deepEqual(pictures(call), { Cat: [first], Dan: [second] });
  assert.deepEqual(call.server.of('reconnectWork').map(({ type, memberId }) => [type, memberId]), Array(4).fill(['answer', 'sfu']));
});

test('a picture that stands still is marked within 3 s, in whatever mode', async (t) => {
  for (const mode of ['sfu', 'p2p']) {
    const call = await enter(t, mode === 'sfu' ? { ...sfu, members: [ben] } : joined);
    const lines = /** @type {const} */ ([['0', 'video', 'sendonly', 'm1'], ['1', 'audio', 'sendonly', 'm1']]);
    const pc = mode === 'sfu' ? await downlink(call, [bens], ...lines) : await connect(call, 'offer');
    const [picture, sound] = pc.getReceivers();
    const state = () => call.member().connection;
    /** So many looks, ten a second, at each of which something of `moving` has come. */
    const pass = async (looks, ...moving) => {
      for (let look = 0; look < looks; look++) {
        for (const one of moving) one.come++;
        t.mock.timers.tick(100);
      }
      await settle();
    };
    await pass(40);
    assert.equal(state(), 'connected', `${mode}: what has not begun does not stand still`);
    await pass(5, picture, sound);
    await pass(15, sound);
    assert.equal(state(), 'connected', `${mode}: a short stop`);
    await pass(14, sound);
    assert.equal(state(), 'interrupted', `${mode}: the picture has stood for 2.9 s`);
    picture.getSynchronizationSources = () => []; // a browser forgets them
    await pass(100, sound);
    assert.equal(state(), 'interrupted', `${mode}: and still does`);
    picture.getSynchronizationSources = () => [{ rtpTimestamp: picture.come }];
    await pass(1, picture);
    assert.equal(state(), 'connected', `${mode}: it moves again`);
    call.room.setHidden([{ id: 'S_ben', stream: 'user' }]);
    await pass(40, sound);
    assert.equal(state(), 'connected', `${mode}: what is not shown is not sent`);
    call.room.setHidden([]);
    await pass(1, picture);
    call.server.hear('member', { ...ben, video: false });
    await settle();
    await pass(40, sound);
    assert.equal(state(), 'connected', `${mode}: the camera is off`);
    await pass(30);
    assert.equal(state(), 'interrupted', `${mode}: then the sound tells`);
    call.server.hear('member', { ...ben, video: false, audio: false });
    await pass(30);
    assert.equal(state(), 'connected', `${mode}: nothing is sent, so nothing is missing`);
    await call.room.leave();
    t.mock.timers.reset();
  }
});

test('a member moves to the server before the room does: its picture stays until the next has begun', async (t) => {
  const call = await enter(t);
  const direct = await connect(call);
  const old = call.member().camera.getVideoTracks();
  const pc = await downlink(call, [bens], ['0', 'video', 'sendonly', 'm1']);
  const look = async () => {
    t.mock.timers.tick(60);
    await settle();
  };
  await look();
  call.server.hear('leave', { connectorId: call.server.of('answer')[0].connectorId, memberId: 'S_ben' });
  await look();
  assert.deepEqual(call.member().camera.getVideoTracks(), old);
  assert.notEqual(direct.connectionState, 'closed');
  line(pc, '0').come = 1;
  await look();
  assert.deepEqual(call.member().camera.getVideoTracks(), [line(pc, '0').track]);
  t.mock.timers.tick(700);
  assert.equal(direct.connectionState, 'closed');
});

test('a change of mode: the picture that plays goes on until the next has begun', async (t) => {
  const call = await enter(t);
  const direct = await connect(call);
  const before = call.member().camera;
  const old = before.getVideoTracks();
  assert.equal(old.length, 1);
  const pc = await downlink(call, [bens], ['0', 'video', 'sendonly', 'm1']);
  const look = async () => {
    t.mock.timers.tick(60);
    await settle();
  };
  await look();
  assert.deepEqual(call.member().camera.getVideoTracks(), old, 'nothing was decoded yet');
  call.server.hear('mode', { mode: 'sfu' });
  await look();
  assert.deepEqual(call.member().camera.getVideoTracks(), old, 'and it goes on after the word');
  call.server.hear('leave', { connectorId: call.server.of('answer')[0].connectorId, memberId: 'S_ben' });
  await look();
  assert.deepEqual(call.member().camera.getVideoTracks(), old, 'its last picture stays after its end');
  line(pc, '0').come = 1;
  await look();
  assert.equal(call.member().camera, before, 'the same stream');
  assert.deepEqual(before.getVideoTracks(), [line(pc, '0').track]);
  assert.notEqual(direct.connectionState, 'closed');
  t.mock.timers.tick(700);
  assert.equal(direct.connectionState, 'closed');
  assert.deepEqual(before.getVideoTracks(), [line(pc, '0').track]);
  assert.deepEqual(call.notices, [{ kind: 'mode', mode: 'sfu' }]);
  // And back, where the old one ends before the new one has begun.
  const next = await connect({ server: { ...call.server, hear: (event, data) => call.server.hear(event, { ...data, remoteConnectorId: 'b2' }) } });
  assert.deepEqual(before.getVideoTracks(), [line(pc, '0').track]);
  call.server.hear('leave', { connectorId: call.server.of('answer')[1].connectorId, memberId: 'sfu' });
  await settle();
  assert.deepEqual(before.getVideoTracks(), [next.getTransceivers()[0].receiver.track]);
});

test('what one sends is agreed upon over the socket, on the same lines', async (t) => {
  const call = await enter(t, sfu);
  await call.devices.setVideo(false);
  const pc = await uplink(call);
  const directions = () => pc.getTransceivers().map(({ currentDirection }) => currentDirection);
  assert.deepEqual(directions(), ['inactive', 'inactive'], 'devices that are off send nothing');
  for (const on of [true, false, true]) {
    await call.devices.setVideo(on);
    await settle();
    const { type, data, memberId, connectorId } = call.server.of('reconnectWork').at(-1);
    assert.deepEqual({ type, data, memberId }, { type: 'getOffer', data: { kind: 'video', type: on ? 'add' : 'remove' }, memberId: 'sfu' });
    call.server.hear('reconnect', { type: 'offer', data: { offer: offer(recvonly) }, connectorId, memberId: 'sfu' });
    await settle();
    assert.deepEqual(directions(), [on ? 'sendonly' : 'inactive', 'inactive']);
  }
  assert.deepEqual(pc.channel.sent, []);
  assert.equal(pc.offers, 0);
});

test('a link that was down: what changed meanwhile is agreed upon afterwards, and the server restarts what is broken', async (t) => {
  const call = await enter(t, sfu);
  const pc = await uplink(call);
  const { connectorId } = call.server.of('answer')[0];
  call.server.close(1006);
  await call.devices.setVideo(false);
  await settle();
  t.mock.timers.tick(300);
  const server = await comeBack(t, { ...call, server: { close: () => {} } }, { ...sfu, resumed: true, connectors: [{ connectorId, memberId: 'sfu' }] });
  assert.notEqual(pc.connectionState, 'closed');
  assert.deepEqual(server.of('reconnectWork').map(({ type, data }) => [type, data?.type]), [['getOffer', 'remove']]);
  pc.become('failed');
  for (let attempt = 0; attempt < 3; attempt++) {
    t.mock.timers.tick(8001);
    await settle();
  }
  assert.equal(pc.offers, 0, 'what the server has offered, it offers again');
  assert.ok(server.of('reconnectWork').some(({ type, data }) => type === 'getOffer' && !data));
});

test('a screen is shown to the server once', async (t) => {
  const call = await enter(t, sfu);
  const stream = new MediaStream();
  const [{ track: video }] = [{ track: Object.assign(new EventTarget(), { kind: 'video', stop() {} }) }];
  stream.addTrack(video);
  globalThis.isSecureContext = true;
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { mediaDevices: { getDisplayMedia: async () => stream } } });
  await uplink(call);
  await call.room.share();
  await settle();
  const shown = () => call.server.of('offer').map(({ memberId, streamType }) => [memberId, streamType]);
  assert.deepEqual(shown(), [['sfu', 'display']]);
  // The server ends it, and not we: it is shown once more, and then no longer.
  const lost = async () => {
    call.server.hear('leave', { connectorId: call.server.of('offer').at(-1).connectorId, memberId: 'sfu' });
    t.mock.timers.tick(1000);
    await settle();
  };
  const notices = [];
  call.room.addEventListener('notice', ({ detail }) => notices.push(detail));
  await lost();
  assert.deepEqual(shown(), [['sfu', 'display'], ['sfu', 'display']]);
  assert.equal(call.room.state.self.screen, stream);
  await lost();
  assert.equal(shown().length, 2);
  assert.equal(call.room.state.self.screen, null);
  assert.deepEqual(notices, [{ kind: 'error', type: 'media' }]);
});

test('a screen chosen while the link is down is shown when it is back', async (t) => {
  const call = await enter(t, sfu);
  const stream = new MediaStream();
  stream.addTrack(Object.assign(new EventTarget(), { kind: 'video', stop() { assert.fail('the screen was given up'); } }));
  globalThis.isSecureContext = true;
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { mediaDevices: { getDisplayMedia: async () => stream } } });
  await uplink(call);
  const [{ connectorId }] = call.server.of('answer');
  call.server.close(1006);
  await call.room.share();
  await settle();
  assert.equal(call.room.state.self.screen, stream, 'one sees that one shares');
  const server = await comeBack(t, { ...call, server: { close: () => {} } }, { ...sfu, resumed: true, connectors: [{ connectorId, memberId: 'sfu' }] });
  assert.deepEqual(server.of('offer').map(({ memberId, streamType }) => [memberId, streamType]), [['sfu', 'display']]);
  assert.equal(server.of('state')[0].screen, true);
  stream.getTracks()[0].stop = () => {};
});

test('chat by the server: once each, in order, and what was not taken says so', async (t) => {
  const call = await enter(t, sfu);
  const { room, server } = call;
  const said = (id, text, memberId = 'S_ben', username = 'Ben') => ({ id, memberId, username, at: 5, text });
  server.hear('history', { messages: [said('a', 'one'), said('b', 'two', 'S_gone', 'Gone'), 7, null] });
  assert.equal(room.state.unread, 0);
  room.sendText('three');
  server.hear('chat', said('c', 'four'));
  server.hear('chat', said('c', 'four'));
  server.hear('chat', said('c', 'five', 'S_lis', 'Listener'));
  const texts = () => room.state.messages.map(({ name, text, failed }) => `${name}: ${text}${failed ? ' (failed)' : ''}`);
  assert.deepEqual(texts(), ['Ben: one', 'Gone: two', 'Ann: three', 'Ben: four', 'Listener: five']);
  assert.equal(room.state.messages[0].at, 5);
  assert.equal(room.state.unread, 2);
  const [sent] = server.of('chat');
  assert.deepEqual({ ...sent, id: '' }, { id: '', text: 'three', HHmmss: sent.HHmmss });
  assert.match(sent.HHmmss, /^\d\d:\d\d:\d\d$/);
  server.constructor.serve = ({ event }) => (event === 'chat' ? { error: { type: 'rate' } } : undefined);
  room.sendText('six');
  await settle();
  assert.equal(texts().at(-1), 'Ann: six (failed)');
});

test('chat while the link is down: said again under the same id, in order', async (t) => {
  const call = await enter(t, sfu);
  call.server.constructor.serve = ({ event }) => (event === 'chat' ? null : undefined); // no ack comes
  call.room.sendText('lost');
  const [{ id }] = call.server.of('chat');
  call.server.close(1006);
  call.room.sendText('late');
  const server = await comeBack(t, { ...call, server: { close: () => {} } }, { ...sfu, resumed: true });
  assert.deepEqual(server.of('chat').map(({ text }) => text), ['lost', 'late']);
  assert.equal(server.of('chat')[0].id, id);
  assert.equal(call.room.state.messages.length, 2);
});

test('chat while the mode changes: both ways, and nothing twice', async (t) => {
  const call = await enter(t, { ...joined, members: [ben, cat] });
  const { room, server } = call;
  const direct = await connect(call); // Cat came in the middle of the change, and has no connector to us
  room.sendText('one');
  const up = await uplink(call);
  room.sendText('two');
  const texts = (pc) => pc.channel.sent.filter(({ type }) => type === 'chat').map(({ data }) => data.text);
  assert.deepEqual(texts(direct), ['one', 'two']);
  assert.deepEqual(texts(up), ['one', 'two']);
  const [{ data: { id } }] = up.channel.sent;
  assert.equal(direct.channel.sent[0].data.id, id, 'the same line has the same id');
  direct.channel.hear({ type: 'chat', data: { id: 'x', username: 'Ben', type: 'text', text: 'hi' } });
  server.hear('chat', { id: 'x', memberId: 'S_ben', username: 'Ben', at: 1, text: 'hi' });
  server.hear('mode', { mode: 'sfu' });
  await settle();
  room.sendText('three');
  direct.channel.hear({ type: 'chat', data: { id: 'y', username: 'Ben', type: 'text', text: 'late' } });
  server.hear('chat', { id: 'y', memberId: 'S_ben', username: 'Ben', at: 1, text: 'late' });
  assert.deepEqual(texts(direct), ['one', 'two']);
  assert.deepEqual(server.of('chat').map(({ text }) => text), ['one', 'two', 'three'], 'what waited for Cat, and the server knows by id');
  assert.deepEqual(room.state.messages.map(({ text }) => text), ['one', 'two', 'hi', 'three', 'late']);
  await settle();
  // The answer to a line may cross the change back.
  for (const early of [true, false]) {
    server.constructor.serve = ({ event }) => {
      if (event !== 'chat') return undefined;
      if (early) server.hear('mode', { mode: 'p2p' });
      return { error: { type: 'mode' } };
    };
    room.sendText(early ? 'four' : 'five');
    await settle();
    server.constructor.serve = () => undefined;
    server.hear('mode', { mode: early ? 'sfu' : 'p2p' });
    await settle();
  }
  assert.deepEqual(texts(direct), ['one', 'two', 'four', 'five']);
  assert.equal(room.state.messages.some(({ failed }) => failed), false);
});

test('files go once to the server, come by member, and are limited', async (t) => {
  const call = await enter(t, sfu);
  const { room } = call;
  const up = await uplink(call);
  assert.equal(room.state.maxFileBytes, 1000);
  assert.throws(() => room.sendFile(new File([new Uint8Array(1001)], 'a')), { type: 'too-large' });
  room.sendFile(new File(['hey'], 'a.txt'));
  await turns();
  assert.deepEqual(up.channel.sent.map(({ type }) => type), ['chat', 'file']);
  assert.deepEqual(call.server.of('report'), [], 'the mode may change');
  const say = (type, memberId, data) => up.channel.hear({ type, memberId, data });
  const header = (id, memberId) => say('chat', memberId, { id, type: 'file', username: '?', fileInfo: { name: 'x', type: '', FQ: 1 } });
  header('f1', 'S_ben');
  header('f2', 'S_cat');
  header('f1', 'S_cat');
  say('file', 'S_cat', { id: 'f1', index: 0, chunk: 'data:;base64,QUFB' });
  say('file', 'S_ben', { id: 'f1', index: 0, chunk: 'data:;base64,aGV5' });
  say('fileCancel', 'S_ben', { id: 'f2' });
  const transfers = () => room.state.transfers.map(({ name, state }) => `${name} ${state}`);
  assert.deepEqual(transfers(), ['Ann done', 'Ben done', 'Cat active']);
  assert.equal(await room.state.transfers[1].blob.text(), 'hey');
  say('fileCancel', 'S_cat', { id: 'f2' });
  assert.equal(transfers()[2], 'Cat cancelled');
  // Who takes nothing is dropped from a file: the sender sees it, although the file is gone by then, and so does the receiver.
  const { id } = room.state.transfers[0];
  say('fileMissed', 'S_cat', { id, memberIds: ['S_ben'] });
  assert.equal(room.state.transfers[0].missed, undefined, 'only the server says so');
  say('fileMissed', undefined, { id, memberIds: ['S_ben', 'S_cat'] });
  assert.deepEqual(room.state.transfers[0].missed, ['Ben', 'Cat']);
  header('f3', 'S_ben');
  say('fileCancel', 'S_ben', { id: 'f3', why: 'slow' });
  assert.equal(transfers()[3], 'Ben slow');
  call.server.hear('role', { role: 'audience', by: 'S_ben' });
  assert.throws(() => room.sendFile(new File(['x'], 'b')), { type: 'forbidden' });
});

test('a member’s word over its own channel is its own, whatever it says', async (t) => {
  const call = await enter(t, { ...joined, members: [ben, cat] });
  const direct = await connect(call);
  direct.channel.hear({ type: 'chat', memberId: 'S_cat', data: { id: 'z', type: 'text', text: 'hi' } });
  assert.equal(call.room.state.messages[0].name, 'Ben');
});

test('a P2P file keeps the mode as it is, and the ways between members are judged', async (t) => {
  const call = await enter(t);
  const pc = await connect(call);
  pc.channel.hear({ type: 'chat', data: { id: 'f', type: 'file', fileInfo: { name: 'a', type: '', FQ: 2 } } });
  pc.channel.hear({ type: 'fileCancel', data: { id: 'f' } });
  await turns();
  const { connectorId } = call.server.of('answer')[0];
  assert.deepEqual(call.server.of('report'), [{ connectorId, state: 'connected' }, { busy: true }, { busy: false }]);
  pc.become('failed');
  t.mock.timers.tick(1);
  pc.become('connecting'); // that is what a browser makes of a restart, and it finds out late that it was in vain
  for (let second = 0; second < 20; second++) {
    assert.ok(second > 15 || call.server.of('report').length === 3, 'restarts are given a chance');
    t.mock.timers.tick(1000);
    await settle();
  }
  assert.deepEqual(call.server.of('report').slice(3), [{ connectorId, state: 'failed' }]);
  pc.become('connected');
  assert.deepEqual(call.server.of('report').slice(4), [{ connectorId, state: 'connected' }]);
});

test('an uplink is saturated when most copies starve for some seconds', async (t) => {
  const report = (reason, available) => [['o', { type: 'outbound-rtp', qualityLimitationReason: reason }], ['p', { type: 'candidate-pair', nominated: true, availableOutgoingBitrate: available }]];
  assert.deepEqual([starves(report('bandwidth', 500_000), 1_000_000), starves(report('none', 500_000), 1_000_000), starves(report('bandwidth', 990_000), 1_000_000), starves([], 1)], [true, false, false, false]);
  const call = await enter(t, { ...joined, members: [ben, cat] });
  const first = await connect(call);
  const second = await connect({ server: { ...call.server, hear: (event, data) => call.server.hear(event, { ...data, memberId: 'S_cat', remoteConnectorId: 'b2' }) } });
  const measure = async (...available) => {
    [first, second].forEach((pc, index) => { pc.getStats = async () => new Map(report('bandwidth', available[index])); });
    t.mock.timers.tick(2500);
    await settle();
    return call.server.of('report').filter(({ saturated }) => saturated !== undefined).map(({ saturated }) => saturated);
  };
  for (let time = 0; time < 4; time++) assert.deepEqual(await measure(9e6, 100_000), []);
  for (let time = 0; time < 2; time++) assert.deepEqual(await measure(100_000, 100_000), []);
  assert.deepEqual(await measure(100_000, 100_000), [true]);
  assert.deepEqual(await measure(9e6, 9e6), [true, false]);
});
