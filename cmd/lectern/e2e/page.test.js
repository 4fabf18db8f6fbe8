// The bundled page against the server: calls between people who use it as people do.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PageMember } from './harness/page-member.js';
import { scenario, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage(['--grace', '10m']); // longer than any wait: a member who is gone has left

scenario(stage, 'two people meet, and a third joins', async (cast) => {
  const ann = await PageMember.open(cast, 'Ann', '/');
  await ann.fill('room-input', cast.room);
  await ann.click('go');
  await ann.see('ready');
  await ann.enter();
  await ann.see('invite');
  assert.ok((await ann.page.$eval(ann.selector('invite-link'), (field) => field.value)).endsWith(`/r/${cast.room}`));
  await until('the QR code is drawn', () => ann.page.$eval(ann.selector('invite-qr'), (image) => image.naturalWidth > 0));

  const ben = await PageMember.join(cast, 'Ben');
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await Promise.all([ann.hears('Ben'), ben.hears('Ann')]);
  await ann.gone('invite');

  await ann.click('camera');
  await ben.seesTile('Ann', 'an avatar', (tile) => tile.avatar && !tile.picture);
  await ann.click('mic');
  await ben.seesTile('Ann', 'muted', (tile) => tile.muted && /muted/.test(tile.label));
  await Promise.all([ann.click('camera'), ann.click('mic')]);
  await ben.seesMoving('Ann');
  await ben.seesTile('Ann', 'not muted', (tile) => !tile.muted);

  const chiara = await PageMember.join(cast, 'Chiara');
  await Promise.all([chiara.seesMoving('Ann'), chiara.seesMoving('Ben'), ann.seesMoving('Chiara'), ben.seesMoving('Chiara')]);
  await chiara.click('leave');
  await chiara.see('ended', '[data-why="left"]');
  await Promise.all([ann.seesTiles(2), ben.seesTiles(2)]);
  await ben.page.close(); // a closed tab leaves, too: the others do not wait for its grace period
  await ann.seesTiles(1);
  for (const { console: lines } of [ann, ben, chiara]) assert.deepEqual(lines.filter((line) => line.startsWith('uncaught') || /Content Security Policy/.test(line)), []);
});

scenario(stage, 'a shared screen takes the stage until it ends', async (cast) => {
  const [ann, ben] = [await PageMember.join(cast, 'Ann'), await PageMember.join(cast, 'Ben')];
  await ann.seesMoving('Ben');
  await ann.click('share');
  await ann.see('share-pill');
  await ben.seesMoving('Ann', 'screen');
  assert.ok(await ben.page.$eval('[data-kind="screen"]', (tile) => tile.offsetWidth > window.innerWidth / 2));
  await ann.click('share-stop');
  await ann.gone('share-pill');
  await Promise.all([ben.seesTiles(0, 'screen'), ann.seesTiles(0, 'screen')]);
  await ben.seesMoving('Ann');
});

scenario(stage, 'two share at once, and a late joiner sees both', async (cast) => {
  const [ann, ben] = [await PageMember.join(cast, 'Ann'), await PageMember.join(cast, 'Ben')];
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await ann.click('share');
  await ben.seesMoving('Ann', 'screen');
  await ben.click('share');
  await ann.seesMoving('Ben', 'screen');
  const chiara = await PageMember.join(cast, 'Chiara');
  await Promise.all([chiara.seesMoving('Ann', 'screen'), chiara.seesMoving('Ben', 'screen')]);
  await ann.click('share-stop');
  await chiara.seesTiles(1, 'screen');
  await chiara.seesMoving('Ben', 'screen');
});

scenario(stage, 'messages and a file arrive', async (cast) => {
  const [ann, ben] = [await PageMember.join(cast, 'Ann'), await PageMember.join(cast, 'Ben')];
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await ann.click('chat-toggle');
  await ann.write('Look at https://example.org/x <b>now</b>');
  await ben.see('unread');
  assert.equal(await ben.text('unread'), '1');
  await ben.click('chat-toggle');
  await ben.reads('<b>now</b>');
  await ben.gone('unread');
  assert.equal(await ben.page.$eval(`${ben.selector('message-text')} a`, (link) => link.href), 'https://example.org/x');

  const folder = mkdtempSync(join(tmpdir(), 'lectern-page-'));
  cast.defer(() => rmSync(folder, { recursive: true, force: true }));
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31 + (index >> 8)) & 255));
  writeFileSync(join(folder, 'lesson.bin'), bytes);
  const input = await ben.page.$(ben.selector('chat-file-input'));
  await input.uploadFile(join(folder, 'lesson.bin'));
  await ann.see('file-download');
  const saved = join(folder, 'saved');
  const devtools = await ann.page.createCDPSession();
  await devtools.send('Page.setDownloadBehavior', { behavior: 'allow', downloadPath: saved });
  await ann.click('file-download');
  const arrived = await until('the file is saved', () => existsSync(join(saved, 'lesson.bin')) && readFileSync(join(saved, 'lesson.bin')));
  assert.ok(arrived.equals(bytes), 'the file is intact');
});

scenario(stage, 'the whole way by keyboard alone', async (cast) => {
  const ben = await PageMember.join(cast, 'Ben');
  const ann = await PageMember.open(cast, 'Ann', '/');
  const { keyboard } = ann.page;
  const focused = () => ann.page.evaluate(() => document.activeElement?.dataset.testid ?? '');
  const tabTo = (testid) => until(`the focus comes to ${testid}`, async () => {
    if (await focused() === testid) return true;
    await keyboard.press('Tab');
    return await focused() === testid;
  });
  await tabTo('room-input');
  await keyboard.down('Control');
  await keyboard.press('a');
  await keyboard.up('Control');
  await keyboard.type(cast.room);
  await keyboard.press('Enter');
  await ann.see('ready');
  await tabTo('name-input');
  await keyboard.type('Ann');
  await keyboard.press('Enter');
  await ann.see('room');
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await keyboard.press('m');
  await ben.seesTile('Ann', 'muted', (tile) => tile.muted);
  await keyboard.press('v');
  await ben.seesTile('Ann', 'an avatar', (tile) => tile.avatar);
  await keyboard.press('?');
  await ann.see('shortcuts');
  await keyboard.press('Escape');
  await ann.gone('shortcuts');
  await keyboard.press('c');
  await ann.see('chat');
  await keyboard.type('mvc?');
  await keyboard.press('Enter');
  await ben.click('chat-toggle');
  await ben.reads('mvc?');
  await ben.seesTile('Ann', 'still muted', (tile) => tile.muted && tile.avatar);
  await keyboard.press('Escape');
  await ann.gone('chat');
  assert.equal(await focused(), 'chat-toggle');
  await tabTo('leave');
  await keyboard.press('Enter');
  await ann.see('ended');
  await ben.seesTiles(1);
});
