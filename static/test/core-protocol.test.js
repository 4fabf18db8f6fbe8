// The codecs: what existing clients read and write, and what nobody should be able to do with them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePiece, encodePiece, Incoming, PIECE_BYTES, pieceSize } from '../js/core/files.js';
import { chatFile, chatText, decodeFrame, decodePeer, encodeFrame, MAX_FILE_BYTES, readChat } from '../js/core/protocol.js';
import { backoff } from '../js/core/socket.js';
import { loudness } from '../js/core/levels.js';
import { Meter, quality } from '../js/core/stats.js';

const at = new Date(2026, 1, 3, 9, 5, 7);

test('frames', () => {
  assert.equal(encodeFrame({ event: 'offer', data: { a: 1 }, id: 7, seq: 3 }), '{"event":"offer","data":{"a":1},"id":7,"seq":3}');
  assert.equal(encodeFrame({ event: 'ping' }), '{"event":"ping"}');
  assert.deepEqual(decodeFrame('{"event":"x"}'), { event: 'x', data: {}, id: undefined, seq: 0 });
  for (const bad of ['', 'null', '[]', '7', '{"event":7}', '{', new ArrayBuffer(3), undefined]) assert.equal(decodeFrame(bad), null);
  for (const bad of ['', 'null', '{"type":1}', '{"data":{}}', new ArrayBuffer(3)]) assert.equal(decodePeer(bad), null);
});

test('a line of chat has the fields that existing clients read', () => {
  const line = chatText({ id: 'i', username: 'ann', at, text: 'hello' });
  assert.deepEqual(line, { type: 'chat', data: { id: 'i', isSelf: true, username: 'ann', HHmmss: '09:05:07', type: 'text', text: 'hello' } });
  assert.deepEqual(readChat(line.data), { id: 'i', username: 'ann', text: 'hello' });
  const file = chatFile({ id: 'f', username: 'ann', at, name: 'a.bin', size: 1_010_000, mime: 'x/y', pieces: 6 });
  assert.deepEqual(file.data.fileInfo, { name: 'a.bin', size: '1.01MB', type: 'x/y', url: '', FQ: 6, bytes: 1_010_000 });
  assert.deepEqual(readChat(file.data), { id: 'f', username: 'ann', file: { name: 'a.bin', type: 'x/y', size: 1_010_000, pieces: 6 } });
});

test('what is no chat is not read', () => {
  for (const bad of [undefined, null, 7, {}, { id: '', type: 'text', text: 'x' }, { id: 'i', type: 'text', text: {} }, { id: 'i', type: 'file' },
    { id: 'i', type: 'file', fileInfo: { FQ: -1 } }, { id: 'i', type: 'file', fileInfo: { FQ: 1.5 } }, { id: 'x'.repeat(200), type: 'text', text: '' }]) assert.equal(readChat(bad), null);
});

test('names of files bring no folder and nothing invisible', () => {
  const name = (given) => readChat({ id: 'i', type: 'file', fileInfo: { name: given, FQ: 1 } }).file.name;
  assert.equal(name('../../etc/passwd'), 'passwd');
  assert.equal(name('C:\\Windows\\x.exe'), 'x.exe');
  assert.equal(name('a\u202egnp.exe\n'), 'agnp.exe');
  assert.equal(name('folder/'), 'file');
  assert.equal(name(undefined), 'file');
  assert.equal(name('x'.repeat(999)).length, 255);
});

test('a file is whole again, whatever the order of its pieces', async () => {
  const bytes = Uint8Array.from({ length: 400_000 }, (_, index) => (index * 7 + (index >> 8)) & 255);
  const file = new Blob([bytes]);
  const pieces = await Promise.all([0, 1, 2].map((index) => encodePiece('f', index, file.slice(index * PIECE_BYTES, (index + 1) * PIECE_BYTES), 'x/y')));
  assert.ok(pieces[0].data.chunk.startsWith('data:x/y;base64,'));
  assert.ok(JSON.stringify(pieces[0]).length < 250_000);
  const incoming = new Incoming({ name: 'a', type: 'text/html', size: null, pieces: 3 });
  for (const index of [2, 0, 0, 1]) {
    assert.equal(incoming.complete, false);
    assert.ok(incoming.add(index, pieces[index].data.chunk));
  }
  assert.ok(incoming.complete);
  assert.equal(incoming.done, bytes.length);
  assert.deepEqual(new Uint8Array(await incoming.blob().arrayBuffer()), bytes);
  assert.equal(incoming.blob().type, 'application/octet-stream', 'nothing that could run in our origin');
});

test('pieces that are none end a file', () => {
  const make = () => new Incoming({ name: 'a', type: '', size: null, pieces: 2 });
  for (const [index, chunk] of [[2, 'data:;base64,AAAA'], [-1, 'data:;base64,AAAA'], [0.5, 'data:;base64,AAAA'], ['0', 'data:;base64,AAAA'], [0, 'AAAA'], [0, 'data:;base64'], [0, 'data:;base64,*'], [0, null]]) {
    assert.equal(make().add(index, chunk), false, `${index} ${chunk}`);
  }
  assert.equal(Incoming.takes({ name: '', type: '', size: MAX_FILE_BYTES + 1, pieces: 1 }), false);
  assert.equal(Incoming.takes({ name: '', type: '', size: null, pieces: 1e9 }), false);
  assert.equal(decodePiece('data:;base64,')?.length, 0);
});

test('a file that grows beyond the limit is stopped, whatever its header said', () => {
  const incoming = new Incoming({ name: 'a', type: '', size: 10, pieces: 1000 });
  const chunk = `data:;base64,${'A'.repeat(4 << 20)}`;
  let index = 0;
  while (incoming.add(index, chunk)) index++;
  assert.ok(index * 3 * (1 << 20) <= MAX_FILE_BYTES && index > 30);
});

test('pieces fit the receiver', () => {
  assert.equal(pieceSize(262_144), PIECE_BYTES);
  assert.equal(pieceSize(Infinity), PIECE_BYTES);
  assert.equal(pieceSize(1), 1024);
  for (const most of [16_384, 65_536, 200_000]) assert.ok(Math.ceil(pieceSize(most) / 3) * 4 + 300 <= most, String(most));
});

test('attempts come later and later, and never at once', () => {
  assert.ok(backoff(0, () => 1) <= 250);
  for (let attempt = 0; attempt < 40; attempt++) {
    assert.ok(backoff(attempt, () => 0) >= 125 && backoff(attempt, () => 0.999) <= 5000);
    assert.ok(backoff(attempt, () => 0) < backoff(attempt, () => 0.999));
  }
});

test('loudness follows the ear', () => {
  assert.deepEqual([0, -1, NaN, 1e-4, 1].map(loudness), [0, 0, 0, 0, 1]);
  assert.ok(loudness(0.05) > 0.5 && loudness(0.05) < 0.7);
});

test('figures of a connection: rates are differences, quality is the worst of loss and delay', () => {
  const report = (bytes, lost, packets) => [
    ['i', { type: 'inbound-rtp', kind: 'video', bytesReceived: bytes, packetsLost: lost, packetsReceived: packets, framesPerSecond: 30, frameWidth: 640, frameHeight: 360, jitter: 0.01, codecId: 'c' }],
    ['c', { type: 'codec', mimeType: 'video/VP8' }],
    ['t', { type: 'transport', selectedCandidatePairId: 'p' }],
    ['p', { type: 'candidate-pair', currentRoundTripTime: 0.05, localCandidateId: 'l' }],
    ['l', { type: 'local-candidate', candidateType: 'relay' }],
  ];
  const meter = new Meter();
  assert.equal(meter.read(report(1000, 0, 100), 'connected', 1000).bitrateIn, null);
  const now = meter.read(report(126_000, 10, 190), 'connected', 2000);
  assert.deepEqual({ ...now, codecOut: undefined }, {
    state: 'connected', codecIn: 'VP8', codecOut: undefined, width: 640, height: 360, fps: 30, bitrateIn: 1_000_000, bitrateOut: 0, loss: 0.1, rtt: 50, jitter: 10, relay: true,
  });
  assert.equal(quality(now), 'poor');
  assert.equal(quality({ loss: 0.04, rtt: 20 }), 'fair');
  assert.equal(quality({ loss: null, rtt: 700 }), 'poor');
  assert.equal(quality({ loss: null, rtt: null }), 'good');
});
