// A room that has been entered, for the tests of the core: the server and the other members are the test's.

import assert from 'node:assert/strict';
import { beforeEach } from 'node:test';
import { FakeConnection, FakeDevices, FakeSocket, install, settle, track } from './fakes.js';

install();
export const { Room } = await import('../js/core/room.js');
await import('../js/core/transfers.js'); // which a room loads when it needs it: then it is there at once

export const ben = { memberId: 'S_ben', username: 'Ben', role: 'host', audio: true, video: true, screen: false, hand: false, away: false };
export const joined = { memberId: 'S_me', room: 'r', mode: 'p2p', role: 'presenter', members: [ben], iceServers: [{ urls: ['stun:x'] }], resumeToken: 't1', resumed: false, maxMembers: 9 };

beforeEach(() => {
  FakeSocket.made = [];
  FakeConnection.made = [];
  FakeSocket.serve = () => undefined;
});

/** A room on the test's clock, joined with one other member. */
export async function enter(t, answer = joined) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1e12 });
  const devices = new FakeDevices();
  devices.videoTrack = track('video');
  const room = new Room({ url: 'ws://x/ws', devices, WebSocket: FakeSocket });
  const notices = [];
  room.addEventListener('notice', ({ detail }) => notices.push(detail));
  FakeSocket.serve = ({ event }, socket) => {
    if (event === 'join') socket.hear('joined', answer);
    return event === 'join' ? answer : undefined;
  };
  const entered = room.join({ room: 'r', name: 'Ann' });
  FakeSocket.last.open();
  await entered;
  t.after(() => room.leave());
  await settle();
  return { room, devices, notices, server: FakeSocket.last, member: () => room.state.members[0] };
}

/** Ben's connector: offered by Ben, or asked of us. Its connection, with an open channel. */
export async function connect({ server }, side = 'answer') {
  if (side === 'answer') server.hear('offer', { remoteConnectorId: 'b1', offer: { type: 'offer', sdp: 'o' }, memberId: 'S_ben', streamType: 'user' });
  else server.hear('getOffer', { memberId: 'S_ben' });
  await settle();
  const pc = FakeConnection.made.at(-1);
  if (side === 'offer') {
    server.hear('answer', { remoteConnectorId: 'b1', connectorId: server.of('offer').at(-1).connectorId, answer: { type: 'answer', sdp: 'a' }, memberId: 'S_ben' });
    await settle();
  } else {
    pc.createDataChannel();
    pc.dispatchEvent(Object.assign(new Event('datachannel'), { channel: pc.channel }));
  }
  pc.become('connected');
  pc.channel.open();
  await settle();
  return pc;
}

/** Comes back on a new socket, with what the server answers. */
export async function comeBack(t, { server, room }, answer, first) {
  FakeSocket.serve = ({ event }, socket) => {
    if (event !== 'reconnect') return undefined;
    first?.(socket);
    // The server has taken everything, unless the test says otherwise.
    const seen = Math.max(0, ...FakeSocket.made.flatMap(({ sent }) => sent.map(({ seq = 0 }) => seq)));
    if (!answer.error) socket.hear('joined', { seen, ...answer });
    return answer;
  };
  server.close(1006);
  assert.equal(room.state.link, 'down');
  assert.ok(room.state.downSince !== null);
  t.mock.timers.tick(300);
  FakeSocket.last.open();
  await settle();
  return FakeSocket.last;
}
