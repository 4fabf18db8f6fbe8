// The dictionaries: complete, alike, and all of them used.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { choose, fill, LANGUAGES } from '../js/i18n.js';
import en from '../js/lang/en.js';
import zh from '../js/lang/zh-CN.js';

const JS = fileURLToPath(new URL('../js', import.meta.url));

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['core', 'lang'].includes(entry.name) ? [] : sources(path);
    return entry.name.endsWith('.js') ? [readFileSync(path, 'utf8')] : [];
  });
}

const code = sources(JS).join('\n');
const groups = [...new Set(Object.keys(en).map((key) => key.split('.')[0]))];
const literal = new Set([...code.matchAll(new RegExp(`'((?:${groups.join('|')})\\.[\\w.-]+)'`, 'g'))].map((match) => match[1]));
const prefixes = [...new Set([...code.matchAll(new RegExp(`\`((?:${groups.join('|')})\\.[\\w.-]*)\\$\\{`, 'g'))].map((match) => match[1]))];

const placeholders = (entry) => [...new Set((typeof entry === 'string' ? entry : Object.values(entry).join()).match(/\{\w+\}/g) ?? [])].sort();

test('both languages have the same keys, and nothing is empty', () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const dictionary of [en, zh]) {
    for (const [key, entry] of Object.entries(dictionary)) {
      for (const text of typeof entry === 'string' ? [entry] : Object.values(entry)) assert.ok(text.trim(), key);
    }
  }
});

test('a text asks for the same parameters in both languages', () => {
  for (const key of Object.keys(en)) assert.deepEqual(placeholders(zh[key]), placeholders(en[key]), key);
});

test('plurals have every category of their language', () => {
  for (const [language, dictionary] of [['en', en], ['zh-CN', zh]]) {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
    for (const [key, entry] of Object.entries(dictionary)) {
      if (typeof entry !== 'string') assert.deepEqual(Object.keys(entry).sort(), [...pluralCategories].sort(), key);
    }
  }
});

test('every key that the code names exists', () => {
  assert.ok(literal.size > 80, 'the search must find keys');
  for (const key of literal) assert.ok(key in en, key);
  for (const prefix of prefixes) assert.ok(Object.keys(en).some((key) => key.startsWith(prefix)), prefix);
});

test('every key of the dictionary is used', () => {
  for (const key of Object.keys(en)) {
    assert.ok(literal.has(key) || prefixes.some((prefix) => key.startsWith(prefix)), `${key} is not used`);
  }
});

test('keys that are put together exist for all they are put together from', () => {
  const problems = ['denied', 'missing', 'in-use', 'unsupported', 'unknown'];
  const wanted = [
    ...['audio', 'video', 'both'].flatMap((kind) => problems.map((type) => `problem.${kind}.${type}`)),
    ...['denied', 'unsupported', 'unknown', 'insecure'].map((type) => `problem.screen.${type}`),
    ...['empty', 'long', 'dots'].map((fault) => `landing.${fault}`),
    ...['repeat', 'name', 'room', 'room-full', 'locked', 'mode', 'forbidden', 'invalid', 'unreachable', 'closing', 'internal'].map((type) => `error.${type}`),
    ...['joined', 'left', 'hand', 'share-started', 'share-stopped', 'back', 'away', 'error', 'forbidden', 'too-large', 'rate', 'media', 'stage-full', 'mode', 'invalid', 'not-in-room',
      'audience', 'audienceBy', 'host', 'hostBy', 'muted.audio', 'muted.video', 'locked', 'unlocked', 'view.grid', 'view.speaker', 'stage.joined', 'stage.left',
      'lost.audioinput', 'lost.videoinput', 'took.audioinput', 'took.videoinput', 'took.audiooutput'].map((kind) => `notice.${kind}`),
    ...['left', 'removed', 'elsewhere', 'repeat', 'room-full', 'locked', 'room-closed', 'closed'].flatMap((why) => [`ended.${why}`, `ended.${why}Lead`]),
    ...['mute', 'stop-camera', 'to-audience', 'make-host', 'remove', 'invite', 'fullscreen', 'lock', 'step-down', 'settings', 'stats', 'shortcuts'].map((item) => `menu.${item}`),
    ...['host', 'remove'].flatMap((what) => [`confirm.${what}`, `confirm.${what}Lead`, `confirm.${what}Yes`]),
    ...['p2p', 'sfu'].flatMap((mode) => [`mode.${mode}`, `mode.${mode}Why`]),
    ...['prev', 'next'].map((name) => `room.${name}`), 'hands.stage', 'hands.lower', 'shortcuts.h', 'shortcuts.hands',
    ...['audioinput', 'videoinput', 'audiooutput'].map((kind) => `device.${kind}`),
    ...['connecting', 'interrupted', 'failed', 'awayLong', 'fair', 'poor'].map((state) => `tile.${state}`),
  ];
  for (const key of wanted) assert.ok(key in en, key);
});

test('parameters are filled in, numbers in the way of the language, plurals by rule', () => {
  assert.equal(fill('{name} sends {n} files to {nobody}', { name: 'Ann', n: 1234 }, 'en'), 'Ann sends 1,234 files to {nobody}');
  assert.equal(fill(en['room.people'], { n: 1 }, 'en'), '1 person');
  assert.equal(fill(en['room.people'], { n: 3 }, 'en'), '3 people');
  assert.equal(fill(zh['room.people'], { n: 3 }, 'zh-CN'), '3 人');
  assert.equal(fill('{name}', { name: '{n} $& $1' }, 'en'), '{n} $& $1');
});

test('the language follows the person, then the browser, then English', () => {
  assert.equal(choose(['zh-TW', 'en'], null), 'zh-CN');
  assert.equal(choose(['zh-CN'], 'en'), 'en');
  assert.equal(choose(['fr', 'de'], null), 'en');
  assert.equal(choose(['fr', 'zh'], 'nonsense'), 'zh-CN');
  assert.equal(choose([], 'toString'), 'en');
  assert.deepEqual(Object.keys(LANGUAGES), ['en', 'zh-CN']);
});
