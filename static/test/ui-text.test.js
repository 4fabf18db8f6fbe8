import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkPieces } from '../js/ui/links.js';
import { initials, randomRoom, roomFault, roomFrom, shade } from '../js/ui/names.js';
import { deviceProblem, deviceProblems, lossSentence } from '../js/ui/problems.js';

const links = (text) => linkPieces(text).filter((piece) => piece.href).map((piece) => piece.href);

test('links are found, and the text around them is kept whole', () => {
  const text = 'See https://example.org/a(b)?x=1#y, (http://example.com/z) and www.example.net.';
  assert.deepEqual(links(text), ['https://example.org/a(b)?x=1#y', 'http://example.com/z', 'https://www.example.net/']);
  assert.equal(linkPieces(text).map((piece) => piece.text).join(''), text);
  assert.deepEqual(links('看这里：https://example.org/图片，谢谢'), ['https://example.org/%E5%9B%BE%E7%89%87']);
});

test('nothing but web addresses becomes a link', () => {
  for (const text of [
    'javascript:alert(1)', 'JaVaScRiPt://example.org/%0aalert(1)', 'data:text/html,<b>', 'vbscript:x', 'file:///etc/passwd', 'blob:https://example.org/1',
    'https://', 'http://?', 'https://bank.example@evil.example/', 'ftp://example.org', 'xhttps://example.org', 'a.b.c',
  ]) assert.deepEqual(links(text), [], text);
});

test('markup stays text', () => {
  const text = '<img src=x onerror=alert(1)> https://example.org/"onmouseover="alert(1)';
  assert.deepEqual(links(text), ['https://example.org/']);
  assert.equal(linkPieces(text).map((piece) => piece.text).join(''), text);
});

test('long texts take no long time', () => {
  const before = performance.now();
  linkPieces('https://a'.repeat(20_000));
  linkPieces(`https://example.org/${')'.repeat(100_000)}`);
  linkPieces(`https://example.org/${'.'.repeat(50_000)}x`);
  assert.ok(performance.now() - before < 2000);
});

test('initials', () => {
  assert.equal(initials('Ann Cooper'), 'AC');
  assert.equal(initials('ben'), 'B');
  assert.equal(initials('Maria de la Cruz'), 'MC');
  assert.equal(initials('王小明'), '明');
  assert.equal(initials('  '), '?');
  assert.equal(initials('😀 x'), '😀X');
});

test('a colour is the same for a name, and colours differ', () => {
  assert.equal(shade('Ann', 8), shade('Ann', 8));
  assert.ok(new Set(['Ann', 'Ben', 'Chiara', 'Dmitri', 'Eve'].map((name) => shade(name, 8))).size > 2);
});

test('rooms have readable names, and a pasted link is the room it leads to', () => {
  for (let index = 0; index < 50; index++) assert.match(randomRoom(), /^[a-z]+-[a-z]+-[1-9][0-9]$/);
  assert.equal(randomRoom(() => 0.9999), 'young-willow-99');
  assert.equal(roomFrom('  physics '), 'physics');
  assert.equal(roomFrom('https://lectern.example/r/%E6%88%BF%E9%97%B4?x=1'), '房间');
  assert.equal(roomFrom('https://lectern.example/r/%E6'), '%E6');
  assert.equal(roomFrom('Ｐｈｙｓｉｃｓ\u00A0'), 'Physics');
  const faults = { '': 'empty', '.': 'dots', '..': 'dots', '...': '', [roomFrom('．')]: 'dots', ['😀'.repeat(64)]: '', ['😀'.repeat(65)]: 'long' };
  for (const [room, fault] of Object.entries(faults)) assert.equal(roomFault(room), fault, room);
});

test('one sentence for each different problem of the devices', () => {
  const state = (audio, video, secure = true) => ({ audio: { error: audio && { type: audio } }, video: { error: video && { type: video } }, secure });
  assert.deepEqual(deviceProblems(state(null, null)), []);
  assert.deepEqual(deviceProblems(state('denied', 'denied')), ['problem.both.denied']);
  assert.deepEqual(deviceProblems(state('denied', 'in-use')), ['problem.audio.denied', 'problem.video.in-use']);
  assert.deepEqual(deviceProblems(state(null, 'missing')), ['problem.video.missing']);
  assert.deepEqual(deviceProblems(state('insecure', 'insecure', false)), ['problem.insecure']);
  assert.deepEqual(deviceProblems(state('strange', null)), ['problem.audio.unknown']);
  assert.equal(deviceProblem({ kind: 'screen', type: 'in-use' }), 'problem.screen.unknown');
  assert.equal(deviceProblem({ kind: 'video', type: 'in-use' }), 'problem.video.in-use');
});

test('a device that ended in use: another took over, none is left, or it may not be used any more', () => {
  assert.deepEqual(lossSentence({ kind: 'videoinput', error: null, device: 'Webcam' }), ['notice.took.videoinput', { device: 'Webcam' }]);
  assert.deepEqual(lossSentence({ kind: 'audioinput', error: { kind: 'audio', type: 'missing' }, device: '' }), ['notice.lost.audioinput', {}]);
  assert.deepEqual(lossSentence({ kind: 'audioinput', error: { kind: 'audio', type: 'denied' }, device: '' }), ['problem.audio.denied', {}]);
});
