// The official socket.io-client 4 against the server: what is relayed, exactly, and how connections come and go.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { NodeWebSocket, NodeXHR } from 'socket.io-client';
import { startServer } from './harness/server.js';
import { candidate, CONFIGURATIONS, IOTalker, sdp, WSTalker } from './harness/talker.js';
import { until, within } from './harness/wait.js';

const LIMIT = { timeout: 900_000 }; // only a hang takes so long
let server;
let talkers = [];

before(async () => { server = await startServer(['--grace', '6s', '--mode', 'p2p']); });
after(() => server?.stop());

/** Declares a test whose clients are closed at its end, and whose failure shows the server's log. */
function check(name, run) {
  test(name, LIMIT, async () => {
    try {
      await run();
      assert.ok(server.running, 'the server still runs');
    } catch (error) {
      error.message += `\n${server.log(30)}`;
      throw error;
    } finally {
      for (const talker of talkers) talker.close();
      talkers = [];
    }
  });
}

async function open(options) {
  const talker = await (options === 'ws' ? WSTalker.open(server.url) : IOTalker.open(server.url, options));
  talkers.push(talker);
  return talker;
}

async function isRepeat(username, roomname, prefix = '') {
  const query = new URLSearchParams({ username, roomname });
  const answer = await fetch(`${server.url}${prefix}/checkUsername?${query}`);
  assert.equal(answer.status, 200);
  const body = await answer.json();
  assert.equal(body.success, true);
  return body.isRepeat;
}

/** Two members in a room; `ann` has been asked for an offer to `ben`. Resolves with both and their member ids. */
async function pair(room, annOptions, benOptions = annOptions) {
  const ann = await open(annOptions);
  const ben = await open(benOptions);
  await ann.join(room, 'ann');
  await ben.join(room, 'ben');
  const { memberId: benID } = await ann.hears('getOffer');
  ann.send('offer', { connectorId: 'a1', offer: sdp('offer'), memberId: benID, streamType: 'user' });
  const { memberId: annID } = await ben.hears('offer');
  return { ann, ben, annID, benID };
}

for (const [name, options] of Object.entries(CONFIGURATIONS)) {
  check(`${name}: join and relay, message by message`, async () => {
    const room = `relay ${name}`;
    assert.equal(await isRepeat('ann', room), false);
    const ann = await open(options);
    const ben = await open(options);
    await ann.join(room, 'ann');
    assert.equal(await isRepeat('ann', room), true);
    assert.equal(await isRepeat('ann', room, '/api'), true);
    assert.deepEqual(ann.heard, [], 'the first member hears nothing');
    await ben.join(room, 'ben');
    assert.deepEqual(await ann.hears('getOffer'), { memberId: ben.id });

    const offer = sdp('offer');
    ann.send('offer', { connectorId: 'a1', offer, memberId: ben.id, streamType: 'user' });
    assert.deepEqual(await ben.hears('offer'), { remoteConnectorId: 'a1', offer, memberId: ann.id, streamType: 'user' });
    const answer = sdp('answer');
    ben.send('answer', { remoteConnectorId: 'a1', connectorId: 'b1', memberId: ann.id, answer, streamType: 'user' });
    assert.deepEqual(await ann.hears('answer'), { remoteConnectorId: 'b1', connectorId: 'a1', answer, memberId: ben.id });

    const one = candidate();
    ben.send('icecandidate', { remoteConnectorId: 'a1', memberId: ann.id, candidate: one });
    ben.send('icecandidate', { remoteConnectorId: 'a1', memberId: ann.id, candidate: one });
    await ann.hears('icecandidate', 2);
    assert.deepEqual(ann.all('icecandidate'), Array(2).fill({ connectorId: 'a1', candidate: one }));
    const end = { candidate: '', sdpMid: '0' };
    ann.send('icecandidate', { remoteConnectorId: 'b1', memberId: ben.id, candidate: end });
    assert.deepEqual(await ben.hears('icecandidate'), { connectorId: 'b1', candidate: end });

    ben.send('leave', [{ remoteConnectorId: 'a1', memberId: ann.id }]);
    assert.deepEqual(await ann.hears('leave'), { connectorId: 'a1', memberId: ben.id });
    assert.equal(await isRepeat('ben', room), false);
    assert.deepEqual([...ann.all('error'), ...ben.all('error')], []);
    assert.equal(ann.dropped + ben.dropped, 0);
  });

  check(`${name}: a socket comes back with reconnect and is found under its first id`, async () => {
    const { ann, ben, annID, benID } = await pair(`reconnect ${name}`, options);
    ben.send('answer', { remoteConnectorId: 'a1', connectorId: 'b1', memberId: annID, answer: sdp('answer'), streamType: 'user' });
    await ann.hears('answer');
    ann.forget();
    ben.forget();
    await ben.bounce();
    assert.deepEqual(await ben.ask('reconnect', ben.user), {});
    assert.notEqual(ben.id, benID);
    ann.send('icecandidate', { remoteConnectorId: 'b1', memberId: benID, candidate: candidate(7) });
    assert.deepEqual(await ben.hears('icecandidate'), { connectorId: 'b1', candidate: candidate(7) });
    assert.equal(ben.heard.length, 1, 'silence apart from the signal');
    ben.send('offer', { connectorId: 'b2', offer: sdp('offer'), memberId: annID, streamType: 'display' });
    assert.equal((await ann.hears('offer')).memberId, benID, 'the member id is stable');
    assert.equal(ann.heard.length, 1);
    assert.equal(await isRepeat('ben', `reconnect ${name}`), true);
  });

  check(`${name}: a returner takes its member over at once, and the old socket stays away`, async () => {
    const { ann, ben, annID, benID } = await pair(`takeover ${name}`, options);
    const back = await open(options);
    assert.deepEqual(await back.ask('reconnect', ben.user), {});
    await until('the old socket is gone', () => ben.dropped > 0);
    assert.equal(ben.reason, 'io server disconnect', 'the client does not come back by itself');
    assert.equal(ben.socket.active, false);
    ann.send('offer', { connectorId: 'a2', offer: sdp('offer'), memberId: benID, streamType: 'display' });
    assert.equal((await back.hears('offer')).memberId, annID);
  });

  check(`${name}: a short id takes nobody over who is alive`, async () => {
    const room = `short ${name}`;
    const [ann, thief] = [await open(options), await open(options)];
    await ann.join(room, 'ann', 'x'.repeat(15));
    assert.equal((await thief.ask('reconnect', ann.user)).error?.type, 'repeat');
    await ann.settled();
    assert.equal(ann.dropped, 0);
  });

  check(`${name}: a reconnect nobody knows is told so and counts as a join`, async () => {
    const ann = await open(options);
    await ann.join(`unknown ${name}`, 'ann');
    const ben = await open(options);
    await ben.ask('reconnect', { id: crypto.randomUUID(), username: 'ben', roomname: `unknown ${name}` });
    assert.deepEqual(await ben.hears('reconnect'), { type: 'leave' });
    assert.deepEqual(await ann.hears('getOffer'), { memberId: ben.id });
  });
}

check('members on different transports meet', async () => {
  const kinds = ['ws', ...Object.values(CONFIGURATIONS)];
  const all = [];
  for (const [index, kind] of kinds.entries()) {
    const talker = await open(kind);
    await talker.join('mixed', `member ${index}`);
    all.push(talker);
  }
  for (const [index, talker] of all.entries()) {
    const later = kinds.length - 1 - index;
    if (later) await talker.hears('getOffer', later);
    for (const { memberId } of talker.all('getOffer')) {
      talker.send('offer', { connectorId: `${index}-${memberId}`, offer: sdp('offer'), memberId, streamType: 'user' });
    }
  }
  for (const [index, talker] of all.entries()) {
    if (index) await talker.hears('offer', index);
  }
});

check('renegotiation over signaling is translated both ways', async () => {
  const { ann, ben, annID, benID } = await pair('renegotiate', {});
  ben.send('answer', { remoteConnectorId: 'a1', connectorId: 'b1', memberId: annID, answer: sdp('answer'), streamType: 'user' });
  await ann.hears('answer');
  const offer = sdp('offer');
  ann.send('reconnectWork', { type: 'offer', data: { offer }, connectorId: 'a1', memberId: benID });
  assert.deepEqual(await ben.hears('reconnect'), { type: 'offer', data: { offer }, connectorId: 'b1', memberId: annID });
  const answer = sdp('answer');
  ben.send('reconnectWork', { type: 'answer', data: { answer }, connectorId: 'b1', memberId: annID });
  assert.deepEqual(await ann.hears('reconnect'), { type: 'answer', data: { answer }, connectorId: 'a1', memberId: benID });
});

check('a connector the leaver forgot, and one never answered, are ended too', async () => {
  const { ann, ben, annID, benID } = await pair('forgotten', {});
  ann.send('leave', []);
  await ann.settled();
  // Ben's answer was under way: his connector b1 is what must go, once the server learns its name.
  ben.send('answer', { remoteConnectorId: 'a1', connectorId: 'b1', memberId: annID, answer: sdp('answer'), streamType: 'user' });
  assert.deepEqual(await ben.hears('leave'), { connectorId: 'b1', memberId: annID });
  assert.notEqual(annID, benID);
});

check('500 parallel connections from one address, each upgraded and in a room', async () => {
  const count = 500;
  const sockets = await within('all connected', Promise.all(Array.from({ length: count }, () => open({}))), 60_000);
  await Promise.all(sockets.map((talker, index) => talker.join(`crowd ${index % 100}`, `member ${index}`)));
  await until('all upgraded', () => sockets.every(({ transport }) => transport === 'websocket'), 60_000);
  await Promise.all(sockets.map((talker) => talker.settled()));
  assert.equal(sockets.filter(({ dropped }) => dropped).length, 0);
  assert.equal(sockets.flatMap((talker) => talker.all('error')).length, 0);
  // Each room has five members; the k-th to come asked those before it.
  const asked = sockets.reduce((sum, talker) => sum + talker.all('getOffer').length, 0);
  assert.equal(asked, 100 * (4 + 3 + 2 + 1));
});

check('events sent during the upgrade arrive once and in order, both ways', async () => {
  const pairs = 10;
  await Promise.all(Array.from({ length: pairs }, async (_, index) => {
    let release;
    const gate = new Promise((resolve) => { release = resolve; });
    const ann = await open({ transports: ['websocket'] });
    const ben = await open({ transports: [NodeXHR, heldWebSocket(gate)] });
    assert.equal(ben.transport, 'polling');
    let before; // how much ben had heard when the upgrade was complete
    ben.socket.io.engine.once('upgrade', () => { before = ben.all('offer').length; });
    await ann.join(`order ${index}`, 'ann');
    await ben.join(`order ${index}`, 'ben');
    await ann.hears('getOffer');

    const stream = (from, to) => flood(from, to.id, (sent) => {
      if (sent === 50) release();
      return before !== undefined && to.all('offer').length > before + 100;
    });
    const sent = await within('both have sent', Promise.all([stream(ann, ben), stream(ben, ann)]));
    for (const [talker, numbers] of [[ben, sent[0]], [ann, sent[1]]]) {
      await talker.hears('offer', numbers.length);
      await talker.settled();
      assert.deepEqual(talker.all('offer').map((line) => line.remoteConnectorId), numbers);
      assert.deepEqual(talker.all('error'), []);
      assert.equal(talker.dropped, 0);
    }
    assert.equal(ben.transport, 'websocket');
    assert.ok(before > 0, 'something came by polling');
  }));
});

/** The WebSocket transport of the official client, which begins to connect when `gate` resolves. */
function heldWebSocket(gate) {
  return class extends NodeWebSocket {
    doOpen() {
      gate.then(() => super.doOpen());
    }
  };
}

/** Sends numbered offers, 1,000 a second at most, until `enough(sent)`, and resolves with the numbers. */
async function flood(talker, memberId, enough) {
  const numbers = [];
  while (!enough(numbers.length)) {
    assert.ok(numbers.length < 20_000, 'the upgrade does not end');
    for (let count = 0; count < 5; count++) {
      const connectorId = String(numbers.length);
      talker.send('offer', { connectorId, offer: sdp('offer'), memberId, streamType: 'display' });
      numbers.push(connectorId);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return numbers;
}
