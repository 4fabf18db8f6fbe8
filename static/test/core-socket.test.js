// The connection to the server, against a server that the test plays and on the test's clock.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Socket } from '../js/core/socket.js';
import { FakeSocket, settle } from './fakes.js';

beforeEach(() => {
  FakeSocket.made = [];
  FakeSocket.serve = () => undefined;
});

function socket(t) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const made = new Socket('ws://x/ws', FakeSocket);
  t.after(() => made.close());
  const events = [];
  for (const type of ['open', 'down', 'closed', 'message']) made.addEventListener(type, (event) => events.push(event.detail?.event ?? event.detail ?? type));
  made.connect();
  return { made, events };
}

test('what is sent before the server knows us waits, in order', (t) => {
  const { made } = socket(t);
  made.send('offer', { connectorId: 'c1' });
  FakeSocket.last.open();
  made.send('state', {});
  assert.deepEqual(FakeSocket.last.sent, []);
  assert.ok(made.holds('c1') && !made.holds('c2'));
  made.release();
  assert.deepEqual(FakeSocket.last.sent.map(({ event, seq }) => [event, seq]), [['offer', 1], ['state', 2]]);
  assert.ok(made.holds('c1'), 'written is not arrived');
  made.confirm(1);
  assert.ok(!made.holds('c1'));
});

test('what the server has not confirmed is said again on the next connection, with the same numbers', async (t) => {
  const { made } = socket(t);
  FakeSocket.last.open();
  made.release();
  FakeSocket.serve = ({ event }) => (event === 'mute' ? null : undefined);
  for (const hand of [true, false, true]) made.send('state', { hand });
  const muted = made.request('mute', { kind: 'audio' });
  FakeSocket.last.close(1006);
  t.mock.timers.tick(250);
  FakeSocket.last.open();
  made.confirm(2);
  FakeSocket.serve = () => undefined;
  made.release();
  assert.deepEqual(FakeSocket.last.sent.map(({ event, seq }) => [event, seq]), [['state', 3], ['mute', 4]]);
  await muted;
  FakeSocket.serve = ({ event }) => (event === 'ping' ? { seen: 4 } : undefined);
  t.mock.timers.tick(10_000);
  await settle();
  FakeSocket.last.close(1006);
  t.mock.timers.tick(250);
  FakeSocket.last.open();
  made.release();
  assert.deepEqual(FakeSocket.last.sent, [], 'it was confirmed meanwhile');
});

test('an answer that was lost is asked for again, though the server has the message', async (t) => {
  const { made } = socket(t);
  FakeSocket.last.open();
  made.release();
  FakeSocket.serve = () => null;
  const locked = made.request('lock', { locked: true });
  FakeSocket.last.close(1006);
  t.mock.timers.tick(250);
  FakeSocket.last.open();
  made.confirm(1);
  FakeSocket.serve = () => ({ error: { type: 'forbidden' } });
  made.release();
  await assert.rejects(locked, { type: 'forbidden' });
});

test('what the server says twice is heard once, and the server is told how far we are', async (t) => {
  const { made, events } = socket(t);
  FakeSocket.last.open();
  made.release();
  FakeSocket.last.hear('chat', {}, undefined, 1);
  FakeSocket.last.hear('mute', {}, undefined, 2);
  FakeSocket.last.hear('mute', {}, undefined, 2);
  FakeSocket.last.hear('chat', {}, undefined, 1);
  FakeSocket.last.hear('member', {});
  assert.deepEqual(events, ['open', 'chat', 'mute', 'member']);
  assert.equal(made.seen, 2);
  t.mock.timers.tick(10_000);
  await settle();
  assert.deepEqual(FakeSocket.last.of('ping'), [{ seen: 2 }]);
  for (let seq = 3; seq < 70; seq++) FakeSocket.last.hear('chat', {}, undefined, seq);
  assert.deepEqual(FakeSocket.last.of('ping').at(-1), { seen: 66 }, 'sooner when much came');
  made.forget();
  FakeSocket.last.hear('chat', {}, undefined, 1);
  assert.equal(made.seen, 1, 'a stay that begins anew counts anew');
});

test('more than is kept is not lost without a word: the next connection starts afresh', (t) => {
  const { made } = socket(t);
  FakeSocket.last.open();
  for (let i = 0; i <= 1000; i++) made.send('state', {});
  assert.equal(made.seen, undefined);
  made.forget();
  assert.equal(made.seen, 0);
});

test('a request is answered by its ack, refused by its error, and ends with its time', async (t) => {
  const { made } = socket(t);
  await assert.rejects(made.request('join'), { type: 'unreachable' });
  FakeSocket.last.open();
  FakeSocket.serve = ({ event }) => ({ join: { a: 1 }, leave: { error: { type: 'room-full', message: 'full' } }, state: null, reconnect: null })[event];
  assert.deepEqual(await made.request('join'), { a: 1 });
  await assert.rejects(made.request('leave'), { type: 'room-full', message: 'full' });
  const asked = made.request('state');
  const entering = made.request('reconnect', {}, 60_000);
  FakeSocket.serve = () => null;
  FakeSocket.last.close(1006);
  await assert.rejects(entering, { type: 'unreachable' });
  t.mock.timers.tick(15_000);
  await assert.rejects(asked, { type: 'unreachable' });
});

test('it comes back after a loss, later and later, and at once when somebody looks', (t) => {
  const { made, events } = socket(t);
  FakeSocket.last.open();
  FakeSocket.last.close(1006);
  assert.deepEqual(events, ['open', 'down']);
  t.mock.timers.tick(250);
  assert.equal(FakeSocket.made.length, 2);
  FakeSocket.last.close(1006);
  t.mock.timers.tick(10);
  assert.equal(FakeSocket.made.length, 2, 'not at once again');
  made.hurry();
  assert.equal(FakeSocket.made.length, 3);
  FakeSocket.last.open();
  made.release();
  t.mock.timers.tick(5000);
  assert.equal(FakeSocket.made.length, 3, 'one connection');
});

test('a server that has gone silent is noticed', async (t) => {
  const { events } = socket(t);
  FakeSocket.last.open();
  t.mock.timers.tick(10_000);
  await settle();
  assert.deepEqual(FakeSocket.last.of('ping').length, 1);
  assert.deepEqual(events, ['open'], 'it has answered');
  FakeSocket.serve = () => null;
  t.mock.timers.tick(10_000);
  t.mock.timers.tick(5000);
  await settle();
  assert.deepEqual(events, ['open', 'down']);
  assert.ok(FakeSocket.made[0].closed);
});

test('an attempt that hangs is given up', (t) => {
  const { events } = socket(t);
  t.mock.timers.tick(8000);
  assert.deepEqual(events, ['down']);
  t.mock.timers.tick(250);
  assert.equal(FakeSocket.made.length, 2);
});

test('4001 is for good, and so is close', (t) => {
  const { events } = socket(t);
  FakeSocket.last.open();
  FakeSocket.last.close(4001, 'taken over by a new connection');
  assert.deepEqual(events, ['open', 'taken over by a new connection']);
  t.mock.timers.tick(60_000);
  assert.equal(FakeSocket.made.length, 1);
});

test('frames that make no sense are let pass', (t) => {
  const { events } = socket(t);
  FakeSocket.last.open();
  for (const data of ['{', 'null', '{"event":"ack","id":99}', new ArrayBuffer(2)]) FakeSocket.last.dispatchEvent(new MessageEvent('message', { data }));
  FakeSocket.last.hear('member', {});
  assert.deepEqual(events, ['open', 'member']);
});
