// A room with a server in the middle, for the tests of the core: what that server says.

import { ben, joined } from './call.js';
import { FakeConnection, sdp, settle } from './fakes.js';

export const cat = { ...ben, memberId: 'S_cat', username: 'Cat', role: 'presenter' };
export const sfu = { ...joined, mode: 'sfu', members: [ben, cat], audience: 3, stage: 16, locked: false, maxFileBytes: 1000 };
export const owner = (streamId, memberId, streamType = 'user') => ({ streamId, memberId, streamType });
export const bens = owner('m1', 'S_ben');
export const cats = owner('m2', 'S_cat');
export const recvonly = sdp(['0', 'video', 'recvonly'], ['1', 'audio', 'recvonly']);

export const offer = (text) => ({ type: 'offer', sdp: text });

/** The connector for all that is received, with lines as `sdp` takes them. Its connection. */
export async function downlink({ server }, streams, ...lines) {
  server.hear('offer', { remoteConnectorId: 'k1', offer: offer(sdp(...lines)), memberId: 'sfu', streamType: 'downlink', streams });
  await settle();
  const pc = FakeConnection.made.at(-1);
  pc.become('connected');
  await settle();
  return pc;
}

export async function again({ server }, pc, streams, ...lines) {
  const { connectorId } = server.of('answer').find(({ streamType }) => streamType === 'downlink');
  server.hear('reconnect', { type: 'offer', data: { offer: offer(sdp(...lines)), streams }, connectorId, memberId: 'sfu' });
  await settle();
}

/** The connector for what is sent. Its connection, with an open channel. */
export async function uplink({ server }) {
  server.hear('offer', { remoteConnectorId: 'k2', offer: offer(recvonly), memberId: 'sfu', streamType: 'user' });
  await settle();
  const pc = FakeConnection.made.at(-1);
  pc.createDataChannel();
  pc.dispatchEvent(Object.assign(new Event('datachannel'), { channel: pc.channel }));
  pc.become('connected');
  pc.channel.open();
  await settle();
  return pc;
}

export const line = (pc, mid) => pc.getTransceivers().find((one) => one.mid === mid).receiver;
export const pictures = ({ room }) => Object.fromEntries(room.state.members.map(({ name, camera }) => [name, camera?.getVideoTracks() ?? []]));
