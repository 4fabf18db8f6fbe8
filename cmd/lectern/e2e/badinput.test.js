// What no client should send: each is refused with a clear error, the connection stays, and nobody else notices.
// What is abuse rather than a mistake ends the offender's connection, and the rest are served on.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { answer, long, MISTAKES, offer, trickle, work } from './harness/mistakes.js';
import { startServer } from './harness/server.js';
import { candidate, IOTalker, sdp, WSTalker } from './harness/talker.js';
import { until, within } from './harness/wait.js';

const LIMIT = { timeout: 600_000 }; // only a hang takes so long
const TURNS = 20; // for the others while one floods
const MEMORY_LIMIT = 300e6; // bytes resident, whatever is done to the server
const id = () => crypto.randomUUID();

let server;
let talkers = [];
let rooms = 0;

before(async () => { server = await startServer(['--grace', '2s', '--ping-interval', '8s', '--ping-timeout', '8s']); });
after(() => server?.stop());

const OPENERS = {
  'Socket.IO': () => IOTalker.open(server.url),
  'Socket.IO by polling': () => IOTalker.open(server.url, { transports: ['polling'] }),
  '/ws': () => WSTalker.open(server.url),
};

async function open(kind) {
  const talker = await OPENERS[kind]();
  talkers.push(talker);
  return talker;
}

function check(name, run) {
  test(name, LIMIT, async () => {
    try {
      await run();
      assert.ok(server.running, 'the server still runs');
      assert.ok(server.memory() < MEMORY_LIMIT, `memory: ${server.memory()}`);
    } catch (error) {
      error.message += `\n${server.log(30)}`;
      throw error;
    } finally {
      for (const talker of talkers) talker.close();
      talkers = [];
    }
  });
}

/** A room with two bystanders who are to notice nothing, and an offender of the given kind who is its third member. */
async function roomWith(kind) {
  const room = `bad ${++rooms}`;
  const [ann, ben] = [await open('/ws'), await open('Socket.IO')];
  const offender = await open(kind);
  await ann.join(room, 'ann');
  await ben.join(room, 'ben');
  await offender.join(room, 'offender');
  const { memberId } = await ann.hears('getOffer', 2);
  await ben.hears('getOffer');
  const annID = (await introduce(ann, memberId, offender)).memberId;
  const elsewhere = await open('/ws');
  await elsewhere.join(`${room} elsewhere`, 'eve');
  for (const talker of [ann, ben, offender, elsewhere]) talker.forget();
  return { room, ann, ben, offender, elsewhere, annID, offenderID: memberId };
}

/** `from` offers to `to`, which learns the member id behind it. */
async function introduce(from, memberId, to) {
  from.send('offer', { connectorId: 'a1', offer: sdp('offer'), memberId, streamType: 'user' });
  return to.hears('offer');
}

/** Bystanders heard nothing and can still talk to the offender, and it to them. */
async function unharmed({ ann, ben, elsewhere, offender, annID, offenderID }) {
  await Promise.all([ann, ben, elsewhere].map((talker) => talker.settled()));
  assert.deepEqual([...ann.heard, ...ben.heard, ...elsewhere.heard], []);
  offender.send('answer', { remoteConnectorId: 'a1', connectorId: 'o1', memberId: annID, answer: sdp('answer'), streamType: 'user' });
  await ann.hears('answer');
  ann.send('icecandidate', { remoteConnectorId: 'o1', memberId: offenderID, candidate: candidate() });
  await offender.hears('icecandidate');
  assert.equal(offender.dropped, 0);
}

/** Puts the ids that are known only at run time in their places. */
function fill(data, ids) {
  if (data === undefined) return undefined;
  return JSON.parse(JSON.stringify(data).replaceAll('"ANN"', JSON.stringify(ids.ANN))
    .replaceAll('"ELSEWHERE"', JSON.stringify(ids.ELSEWHERE)));
}

for (const kind of Object.keys(OPENERS)) {
  check(`${kind}: ${MISTAKES.length} mistakes are refused one by one, and nobody else notices`, async () => {
    const cast = await roomWith(kind);
    const { offender } = cast;
    const eveID = cast.elsewhere.id ?? 'unknown elsewhere';
    for (const [event, data, type, field] of MISTAKES) {
      const what = `${event.slice(0, 20)} ${JSON.stringify(data)?.slice(0, 100)}`;
      offender.forget();
      offender.send(event, fill(data, { ANN: cast.annID, ELSEWHERE: eveID }));
      const error = await offender.hears('error').catch((late) => { throw new Error(`${what}: ${late.message}`); });
      assert.equal(error.type, type, `${what}: ${JSON.stringify(error)}`);
      assert.ok(error.message, what);
      if (field instanceof RegExp) assert.match(error.field ?? '', field, `${what}: ${JSON.stringify(error)}`);
      else if (field) assert.equal(error.field, field, `${what}: ${JSON.stringify(error)}`);
      await offender.settled();
      // Besides the error at most the `leave` that ends the connector offered to nobody.
      assert.deepEqual(offender.heard.filter((line) => line.event !== 'leave').length, 1, `${what}: ${JSON.stringify(offender.heard)}`);
    }
    offender.forget();
    await unharmed(cast);
  });

  check(`${kind}: a refused message is refused in the acknowledgement, too`, async () => {
    const talker = await open(kind);
    const reply = await talker.ask('join', { id: 1 });
    assert.equal(reply.error.type, 'invalid');
    assert.equal(reply.error.field, 'id');
    assert.deepEqual(await talker.settled(), {});
  });

  check(`${kind}: another member's name, room or short id do not open their seat`, async () => {
    const cast = await roomWith(kind);
    const thief = await open(kind);
    for (const change of [{ username: 'other' }, { roomname: 'other' }]) {
      const reply = await thief.ask('reconnect', { ...cast.ben.user, ...change });
      assert.equal(reply.error?.type, 'invalid', JSON.stringify(reply));
    }
    await unharmed(cast);
    assert.equal(cast.ben.dropped, 0);
  });

  check(`${kind}: a join that another room refuses changes nothing, and no reconnect leads there`, async () => {
    const cast = await roomWith(kind);
    const { offender, elsewhere } = cast;
    assert.equal((await offender.ask('join', { ...offender.user, username: 'eve', roomname: elsewhere.user.roomname })).error?.type, 'repeat');
    assert.equal((await offender.ask('reconnect', { ...offender.user, roomname: elsewhere.user.roomname })).error?.type, 'invalid');
    offender.forget();
    cast.ann.send('offer', { connectorId: 'a2', offer: sdp('offer'), memberId: cast.offenderID, streamType: 'display' });
    assert.equal((await offender.hears('offer')).remoteConnectorId, 'a2', 'it is still in its room');
    offender.forget();
    await unharmed(cast);
  });

  check(`${kind}: signals to another room are not delivered, whatever the id`, async () => {
    const cast = await roomWith(kind);
    const other = await open('Socket.IO');
    await other.join(`${cast.room} other`, 'other');
    for (const [event, data] of [['offer', offer({})], ['answer', answer({})], ['icecandidate', trickle({})],
      ['reconnectWork', work({})]]) {
      cast.offender.send(event, { ...data, memberId: other.id });
      await cast.offender.settled();
    }
    await other.settled();
    assert.deepEqual(other.heard, []);
    cast.offender.forget();
    await unharmed(cast);
  });

  check(`${kind}: deep JSON is refused or ends the connection`, async () => {
    const cast = await roomWith(kind);
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const offender = await open(kind);
    if (kind === '/ws') offender.raw(`{"event":"offer","data":${deep}}`);
    else offender.socket.io.engine.write(`2["offer",${deep}]`);
    await until('an error or the end', () => offender.all('error').length > 0 || offender.dropped > 0);
    await unharmed(cast);
  });

  check(`${kind}: thousands of events at once are limited, and the others are served while they come`, async () => {
    const cast = await roomWith(kind);
    const flooder = await open(kind);
    await flooder.join(`${cast.room} flood`, 'flooder');
    let served = 0; // how often the others were answered while the flood went on
    const flood = (async () => {
      for (let count = 0; count < 10_000 || served < TURNS; count++) {
        flooder.send('no-such-event', { count });
        if (count % 100 === 0) await new Promise(setImmediate);
      }
    })();
    for (; served < TURNS; served++) await Promise.all([cast.ann.settled(), cast.ben.settled()]);
    await flood;
    await until('the flooder is limited', () => flooder.all('error').some(({ type }) => type === 'rate') || flooder.dropped > 0);
    await unharmed(cast);
  });

  check(`${kind}: a message dropped for its rate is refused in its acknowledgement`, async () => {
    const talker = await open(kind);
    const replies = await Promise.all(Array.from({ length: 12_000 }, () => talker.ask('ping', {})));
    assert.deepEqual(new Set(replies.map(({ error }) => error?.type)), new Set([undefined, 'rate']));
    assert.equal(talker.dropped, 0);
  });

  check(`${kind}: 1,000 joins of random rooms from one socket leave only the last`, async () => {
    const talker = await open(kind);
    const names = Array.from({ length: 1000 }, () => id());
    await Promise.all(names.map((roomname) => talker.join(roomname, 'wanderer')));
    assert.deepEqual(talker.all('error'), []);
    const taken = await Promise.all(names.slice(-20).map(async (roomname) => {
      const answered = await fetch(`${server.url}/checkUsername?username=wanderer&roomname=${roomname}`);
      return (await answered.json()).isRepeat;
    }));
    assert.deepEqual(taken, [...Array(19).fill(false), true]);
  });
}

check('/ws: oversize, binary, and undecodable frames end the connection with a reason', async () => {
  const cast = await roomWith('/ws');
  const table = [
    [Buffer.from(long(10_000_000)), { binary: false }, [1009, 1006]],
    [Buffer.from([1, 2, 3]), { binary: true }, [1003]],
    [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), { binary: false }, [1007]],
    ['{"event":"join"', {}, [1007]],
    ['42["join",{}]', {}, [1007]],
    ['[]', {}, [1007]],
  ];
  for (const [frame, options, codes] of table) {
    const offender = await open('/ws');
    offender.raw(frame, options);
    await until('the connection ends', () => offender.dropped > 0);
    assert.ok(codes.includes(Number.parseInt(offender.reason, 10)), `${String(frame).slice(0, 20)}: ${offender.reason}`);
    if (!offender.reason.startsWith('1006')) assert.ok(offender.reason.length > 5, `a reason: ${offender.reason}`);
  }
  await unharmed(cast);
});

check('/ws: frames that are JSON but no message are refused', async () => {
  const talker = await open('/ws');
  for (const frame of ['{}', '{"event":5}', '{"event":null}', '{"event":["join"],"data":{}}', '{"event":"join","data":"\\ud800"}']) {
    talker.forget();
    talker.raw(frame);
    assert.equal((await talker.hears('error')).type, 'invalid', frame);
  }
  assert.deepEqual(await talker.settled(), {});
});

check('Socket.IO: oversize, binary, and undecodable packets end the connection; the client comes back', async () => {
  const cast = await roomWith('Socket.IO');
  const packets = [
    Buffer.from(`42["join","${long(10_000_000)}"]`), Buffer.from([0x34, 0x32, 0x5b, 0xff, 0xfe, 0x5d]), '42["join",',
    '42{"a":1}', '42[7]', '42[null,{}]', '49', '9', '451-["x",{"_placeholder":true,"num":0}]',
  ];
  for (const packet of packets) {
    const offender = await IOTalker.open(server.url, { transports: ['websocket'], reconnectionDelay: 50 });
    talkers.push(offender);
    const before = offender.id;
    offender.raw(packet, { binary: false });
    await until(`the end after ${String(packet).slice(0, 30)}`, () => offender.dropped > 0);
    await until('back', () => offender.connected && offender.id !== before);
    offender.close();
  }
  await unharmed(cast);
});

check('Socket.IO by polling: an oversize body is refused and the session ends', async () => {
  const cast = await roomWith('Socket.IO by polling');
  const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1));
  const post = (body) => fetch(`${base}&sid=${sid}`, { method: 'POST', body }).then(({ status }) => status, () => 'cut');
  assert.ok([413, 'cut'].includes(await post(`42["join","${long(10_000_000)}"]`)));
  assert.equal((await fetch(`${base}&sid=no-such-session`)).status, 400);
  assert.equal((await fetch(`${server.url}/socket.io/?EIO=3&transport=polling`)).status, 400);
  assert.equal((await fetch(`${server.url}/socket.io/?EIO=4&transport=telepathy`)).status, 400);
  await unharmed(cast);
});

check('a reader that never reads is let go, and those who write to it are served', async () => {
  await Promise.all(['/ws', 'Socket.IO'].map(async (kind) => {
    const room = `deaf ${kind}`;
    const [ann, ben] = [await open('/ws'), await open('/ws')];
    await ann.join(room, 'ann');
    await ben.join(room, 'ben');
    await ann.hears('getOffer');
    const deaf = kind === '/ws' ? await open('/ws') : await IOTalker.open(server.url, { transports: ['websocket'] });
    talkers.push(deaf);
    await deaf.join(room, 'deaf');
    const { memberId } = await ann.hears('getOffer', 2);
    const stream = kind === '/ws' ? deaf.socket._socket : deaf.socket.io.engine.transport.ws._socket;
    stream.pause();
    const big = sdp('offer', 200_000);
    for (let count = 0; count < 150; count++) {
      ann.send('offer', { connectorId: `big ${count}`, offer: big, memberId, streamType: 'display' });
    }
    await within('ann is served', ann.settled());
    assert.ok(server.memory() < MEMORY_LIMIT, `memory: ${server.memory()}`);
    // What the relay passes on fits the kernel's buffers, so the heartbeat ends it; then its grace period runs out.
    await until('the deaf member is gone', async () => {
      const answered = await fetch(`${server.url}/checkUsername?username=deaf&roomname=${encodeURIComponent(room)}`);
      return !(await answered.json()).isRepeat;
    });
    ann.send('offer', { connectorId: 'last', offer: sdp('offer'), memberId: (ann.all('getOffer')[0]).memberId, streamType: 'user' });
    assert.equal((await ben.hears('offer')).remoteConnectorId, 'last');
    stream.resume();
  }));
});

check('connections that say nothing, or not HTTP, hurt nobody', async () => {
  const port = server.port;
  const sockets = await Promise.all(Array.from({ length: 100 }, (_, index) => new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket)).once('error', reject);
    socket.on('error', () => {});
    if (index % 2) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  })));
  const half = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
  half.on('error', () => {});
  const talker = await open('/ws');
  assert.deepEqual(await talker.settled(), {});
  for (const socket of sockets) socket.destroy();
  half.terminate();
});
