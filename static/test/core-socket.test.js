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
  assert.deepEqual(FakeSocket.last.sent.map(({ event }) => event), ['offer', 'state']);
  assert.ok(!made.holds('c1'));
});

test('a request is answered by its ack, refused by its error, and ends with the link', async (t) => {
  const { made } = socket(t);
  await assert.rejects(made.request('join'), { type: 'unreachable' });
  FakeSocket.last.open();
  FakeSocket.serve = ({ event }) => ({ join: { a: 1 }, leave: { error: { type: 'room-full', message: 'full' } }, state: null })[event];
  assert.deepEqual(await made.request('join'), { a: 1 });
  await assert.rejects(made.request('leave'), { type: 'room-full', message: 'full' });
  const asked = made.request('state');
  FakeSocket.last.close(1006);
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
