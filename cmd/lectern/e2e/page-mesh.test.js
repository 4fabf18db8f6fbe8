// The bundled page and a client of the existing protocol in one room, in both orders: who is there first offers.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PageMember } from './harness/page-member.js';
import { scenario, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage();

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A page (ann) and a mesh client (old), in the order given, in a call. */
async function meet(cast, first) {
  let old;
  if (first === 'old') {
    old = await cast.open('old');
    await old.join(cast.room);
  }
  const ann = await PageMember.join(cast, 'Ann');
  if (!old) {
    old = await cast.open('old');
    await old.join(cast.room);
  }
  await Promise.all([ann.seesMoving('old'), ann.hears('old'), old.receives(1)]);
  return { ann, old };
}

async function oneFile(cast, ann, old) {
  const folder = mkdtempSync(join(tmpdir(), 'lectern-page-'));
  cast.defer(() => rmSync(folder, { recursive: true, force: true }));
  const bytes = Buffer.from(Array.from({ length: 1_100_000 }, (_, index) => (index * 37 + (index >> 9)) & 255));
  writeFileSync(join(folder, 'to-old.bin'), bytes);
  await (await ann.page.$(ann.selector('chat-file-input'))).uploadFile(join(folder, 'to-old.bin'));
  const received = await until('old has the file', async () => (await old.page.evaluate(() => window.mesh.received()))[0]);
  assert.deepEqual(received, { name: 'to-old.bin', size: bytes.length, sha256: sha256(bytes) });

  const sum = await old.page.evaluate(() => window.mesh.sendFile('to-ann.bin', 700_000));
  const saved = join(folder, 'saved');
  await (await ann.page.createCDPSession()).send('Page.setDownloadBehavior', { behavior: 'allow', downloadPath: saved });
  await ann.click('file-download');
  const path = join(saved, 'to-ann.bin');
  assert.equal(sha256(await until('the file is saved', () => existsSync(path) && readFileSync(path))), sum);
}

for (const first of ['page', 'old']) {
  scenario(stage, `page and existing client, ${first} first: mute both ways`, async (cast) => {
    const { ann, old } = await meet(cast, first);
    const lines = async () => (await old.stats())[0].mline;
    const before = await lines();
    for (let turn = 0; turn < 3; turn++) {
      for (const [button, kind] of [['camera', 'video'], ['mic', 'audio']]) {
        await ann.click(button);
        await until(`old loses ${kind}`, async () => !(await old.stats())[0].tracks.includes(kind));
        await ann.click(button);
        await until(`old has ${kind} again`, async () => (await old.stats())[0].tracks.join() === 'audio,video');
      }
    }
    await old.receives(1);
    assert.equal(await lines(), before, 'the description does not grow');

    await old.call('setEnabled', 'video', false);
    await ann.seesTile('old', 'an avatar', (tile) => tile.avatar && !tile.picture);
    await old.call('setEnabled', 'audio', false);
    await ann.seesTile('old', 'muted', (tile) => tile.muted);
    await old.call('setEnabled', 'video', true);
    await ann.seesMoving('old');
    await old.call('setEnabled', 'audio', true);
    await ann.seesTile('old', 'not muted', (tile) => !tile.muted);
    await ann.hears('old');
    await old.receives(1);
    assert.deepEqual(ann.console.filter((line) => line.startsWith('uncaught')), []);
  });

  scenario(stage, `page and existing client, ${first} first: chat and files both ways`, async (cast) => {
    const { ann, old } = await meet(cast, first);
    await ann.click('chat-toggle');
    await ann.write('hello 你好');
    await old.hasText('Ann', 'hello 你好');
    await old.call('chat', 'hello Ann');
    await ann.reads('hello Ann');
    assert.equal(await ann.text('message-name', ':not(:empty)'), 'You');
    await oneFile(cast, ann, old);
  });

  scenario(stage, `page and existing client, ${first} first: shared screens both ways`, async (cast) => {
    const { ann, old } = await meet(cast, first);
    await ann.click('share');
    await old.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
    const late = await cast.open('late');
    await late.join(cast.room);
    await late.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
    await ann.click('share-stop');
    await Promise.all([old, late].map((member) => member.seesTiles(0, 'remoteDisplay')));
    await late.leave();
    await ann.seesTiles(2);

    await old.call('share');
    await ann.seesMoving('old', 'screen');
    await old.call('cancelShare');
    await ann.seesTiles(0, 'screen');
    await ann.seesMoving('old');
  });
}

scenario(stage, 'another microphone needs no renegotiation', async (cast) => {
  const { ann, old } = await meet(cast, 'page');
  await old.forgetWire();
  await ann.click('more');
  await ann.click('menu-settings');
  const select = await ann.see('device-audioinput');
  const [before, wanted] = await select.evaluate((field) => [field.value, [...field.options].map(({ value }) => value).find((value) => value !== field.value)]);
  assert.ok(before && wanted);
  await select.select(wanted);
  await until('the choice is shown', () => select.evaluate((field, id) => field.value === id, wanted));
  await old.receives(1);
  assert.deepEqual(await old.page.evaluate(() => window.mesh.client.channelWire), []);
  assert.equal(await ann.page.evaluate(() => JSON.parse(localStorage.getItem('lectern.devices')).audioinput), wanted);
});

scenario(stage, 'an existing client sees who joined quietly when the camera goes on', async (cast) => {
  const old = await cast.open('old');
  await old.join(cast.room);
  const ann = await PageMember.open(cast, 'Ann');
  await ann.enter('join-quiet');
  await ann.seesMoving('old');
  await ann.click('camera');
  await until('old has the picture', async () => (await old.stats())[0]?.tracks.join() === 'video');
  await ann.click('mic');
  await old.receives(1);
});
