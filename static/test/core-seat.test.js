// Coming into a room as who one was before: a page that was loaded again, a tab that was copied, a room too many enter.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ben, enter, joined, Room } from './call.js';
import { FakeDevices, FakeSocket, settle } from './fakes.js';
import { sfu } from './server.js';

/** A page that comes after another one's; the server refuses what `no` says. */
async function reload(t, seat, no = () => undefined, answer = joined) {
  const room = new Room({ url: 'ws://x/ws', devices: new FakeDevices(), WebSocket: FakeSocket });
  FakeSocket.serve = (frame, socket) => {
    if (frame.event !== 'join') return undefined;
    const type = no(frame.data);
    if (type) return { error: { type, message: 'no' } };
    socket.hear('joined', answer);
    socket.hear('history', { messages: [{ id: '1', memberId: 'S_me', username: 'Ann', at: 1, text: 'mine' }, { id: '2', memberId: 'S_ben', username: 'Ben', at: 2, text: 'his' }] });
    return answer;
  };
  const entered = room.join({ room: 'r', name: 'Ann' }, { id: seat.id, token: seat.token, seat });
  FakeSocket.last.open();
  t.after(() => room.leave());
  return { room, entered, server: FakeSocket.last };
}

async function firstSeat(t) {
  const { room, server } = await enter(t);
  server.hear('chat', { id: '0', memberId: 'S_ben', username: 'Ben', at: 0, text: 'before' });
  room.setHand(true);
  await settle();
  const { seat } = room;
  room.part();
  assert.deepEqual([server.of('away').length, server.of('leave').length, server.closed], [1, 0, true], 'the page goes without a leave');
  return seat;
}

test('a page that was loaded again proves who it is, and has its hand and its chat', async (t) => {
  const seat = await firstSeat(t);
  const { room, entered, server } = await reload(t, seat, undefined, { ...sfu, resumed: true, connectors: [], members: [ben] });
  await entered;
  await settle();
  const [join] = server.of('join');
  assert.deepEqual([join.id, join.resumeToken], [seat.id, 't1']);
  assert.equal(server.of('state')[0].hand, true);
  assert.deepEqual(room.state.messages.map(({ text, self }) => [text, self]), [['before', false], ['mine', true], ['his', false]]);
});

test('a tab that was copied is a new member', async (t) => {
  const seat = await firstSeat(t);
  const { room, entered, server } = await reload(t, seat, ({ resumeToken }) => (resumeToken ? 'repeat' : undefined));
  await entered;
  const [copy, own] = server.of('join');
  assert.equal(copy.id, seat.id);
  assert.notEqual(own.id, seat.id);
  assert.equal(own.resumeToken, undefined);
  assert.equal(room.state.self.hand, false);
  assert.ok(!room.state.messages.some(({ text }) => text === 'before'));
});

test('a room that too many enter at once is asked again', async (t) => {
  const seat = await firstSeat(t);
  let asked = 0;
  const { entered, server } = await reload(t, seat, () => (++asked < 3 ? 'rate' : undefined));
  for (let time = 0; time < 2; time++) {
    await settle();
    t.mock.timers.tick(3000);
  }
  await entered;
  assert.deepEqual(server.of('join').map(({ id }) => id), [seat.id, seat.id, seat.id]);
});

test('who was host is told who is host now, unless they chose it', async (t) => {
  const { room, server, notices } = await enter(t, { ...joined, role: 'host' });
  server.hear('removed', { removed: [{ memberId: 'S_cy', username: 'Cy', at: 1 }] });
  assert.deepEqual(room.state.removed, [{ id: 'S_cy', name: 'Cy' }]);
  void room.admitMember('S_cy');
  assert.deepEqual(server.of('admit'), [{ memberId: 'S_cy' }]);
  server.hear('role', { role: 'presenter', by: 'S_ben' });
  assert.deepEqual(room.state.removed, []);
  server.hear('role', { role: 'host' });
  server.hear('role', { role: 'presenter', by: 'S_me' });
  assert.deepEqual(notices.map(({ kind, by }) => [kind, by]), [['unhosted', 'Ben'], ['host', undefined]]);
});
