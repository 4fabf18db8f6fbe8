// The bundled page when something is in the way: a name, a connection, devices, a small screen, another language.

import assert from 'node:assert/strict';
import { PageMember } from './harness/page-member.js';
import { startProxy } from './harness/proxy.js';
import { scenario, useStage } from './harness/stage.js';

const stage = useStage();

scenario(stage, 'a taken name is said, and another one lets in', async (cast) => {
  await PageMember.join(cast, 'Ann');
  const other = await PageMember.open(cast, 'Ann');
  await other.enter();
  await other.see('join-error');
  assert.match(await other.text('join-error'), /already in this room/);
  await other.fill('name-input', 'Anna');
  await other.click('join');
  await other.see('room');
  await other.seesMoving('Ann');
});

scenario(stage, 'a lost connection is said, and comes back by itself', async (cast) => {
  const proxy = await startProxy(stage.server.port);
  cast.defer(() => proxy.close());
  const ann = await PageMember.join(cast, 'Ann', `${proxy.url}/r/${cast.room}`);
  const ben = await PageMember.join(cast, 'Ben');
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  proxy.refusing = true;
  proxy.cut();
  await ann.see('banner');
  await ann.seesMoving('Ben');
  proxy.refusing = false;
  await ann.gone('banner');
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann'), ann.seesTiles(2), ben.seesTiles(2)]);
  await ann.click('chat-toggle');
  await ann.write('still here');
  await ben.click('chat-toggle');
  await ben.reads('still here');
});

scenario(stage, 'nothing is on for who joins quietly, until they turn it on', async (cast) => {
  const ann = await PageMember.open(cast, 'Ann');
  await ann.enter('join-quiet');
  await ann.see('room');
  const ben = await PageMember.join(cast, 'Ben');
  await ben.seesTile('Ann', 'an avatar, muted', (tile) => tile.avatar && tile.muted);
  await ann.seesMoving('Ben');
  await ann.click('camera');
  await ben.seesMoving('Ann');
});

scenario(stage, 'everything fits a phone', async (cast) => {
  const phone = { width: 360, height: 640 };
  const landing = await PageMember.open(cast, 'Ann', '/', phone);
  assert.ok(await landing.fits(), 'the front door');
  const ann = await PageMember.open(cast, 'Ann', `/r/${cast.room}`, phone);
  assert.ok(await ann.fits(), 'before joining');
  await ann.enter();
  await ann.see('room');
  assert.ok(await ann.fits(), 'alone');
  await PageMember.join(cast, 'Ben');
  await ann.seesMoving('Ben');
  assert.ok(await ann.fits(), 'in a call');
  await ann.click('chat-toggle');
  await ann.see('chat-input');
  assert.ok(await ann.fits(), 'in the chat');
  await ann.click('chat-close');
  await ann.click('more');
  await ann.see('menu');
  assert.ok(await ann.fits(), 'the menu');
  await ann.click('menu-stats');
  await ann.see('stats-row');
  assert.ok(await ann.fits(), 'statistics');
});

scenario(stage, 'the language follows the browser and can be switched in the call', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, { language: 'zh-CN,zh' });
  assert.equal(await ann.page.evaluate(() => document.documentElement.lang), 'zh-CN');
  await ann.see('invite');
  assert.match(await ann.text('invite'), /您是第一个到的/);
  await ann.click('more');
  await ann.click('menu-settings');
  const select = await ann.see('language');
  await select.select('en');
  await ann.page.waitForFunction(() => document.documentElement.lang === 'en');
  assert.match(await ann.text('invite'), /You are the first here/);
  assert.match(await ann.text('settings'), /Language/);
});
