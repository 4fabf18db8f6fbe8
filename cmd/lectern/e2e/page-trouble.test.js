// The bundled page when something is in the way: a name, a connection, devices, a small screen, another language.

import assert from 'node:assert/strict';
import { PageMember } from './harness/page-member.js';
import { launchBrowser, openPage } from './harness/browser.js';
import { startProxy } from './harness/proxy.js';
import { startServer } from './harness/server.js';
import { scenario, SFU, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage();

scenario(stage, 'a taken name is said, and another one lets in', async (cast) => {
  await PageMember.join(cast, 'Ann');
  const other = await PageMember.open(cast, 'Ann');
  await other.enter();
  await other.see('join-error');
  assert.match(await other.text('join-error'), /in this room is called/);
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

scenario(stage, 'a server that restarts ends nothing for good', async (cast) => {
  let server = await startServer();
  cast.defer(() => server.stop());
  const address = `${server.url}/r/${cast.room}`;
  const ann = await PageMember.join(cast, 'Ann', address);
  const ben = await PageMember.join(cast, 'Ben', address);
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await ann.click('share');
  await ben.seesMoving('Ann', 'screen');
  await server.stop();
  await Promise.all([ann.see('banner'), ben.see('banner')]);
  if (!SFU) await ann.seesMoving('Ben'); // from browser to browser
  server = await startServer([], server.port);
  await Promise.all([ann.gone('banner'), ben.gone('banner')]);
  await Promise.all([ann.seesTiles(2), ben.seesTiles(2), ann.seesMoving('Ben'), ben.seesMoving('Ann'), ben.seesMoving('Ann', 'screen')]);
  await Promise.all([ann.seesTiles(1, 'screen'), ben.seesTiles(1, 'screen')]);
  await ann.click('chat-toggle');
  await ben.click('chat-toggle');
  await ann.write('after the restart');
  await ben.reads('after the restart');
});

scenario(stage, 'who is away is shown so, and goes when the time is up', async (cast) => {
  const server = await startServer(['--grace', '2s']);
  cast.defer(() => server.stop());
  const proxy = await startProxy(server.port);
  cast.defer(() => proxy.close());
  const ann = await PageMember.join(cast, 'Ann', `${server.url}/r/${cast.room}`);
  const ben = await PageMember.join(cast, 'Ben', `${proxy.url}/r/${cast.room}`);
  await ann.seesMoving('Ben');
  proxy.refusing = true;
  proxy.cut();
  await ann.seesTile('Ben', 'away', (tile) => /away/.test(tile.label));
  await ann.seesTiles(1);
  proxy.refusing = false;
  await ben.gone('banner');
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann'), ann.seesTiles(2), ben.seesTiles(2)]);
});

scenario(stage, 'without devices one says why, and joins all the same', async (cast) => {
  // A browser in which nobody answers the question, and one without any device.
  const asks = await launchBrowser({ without: ['--use-fake-ui-for-media-stream'], flags: ['--deny-permission-prompts'] });
  cast.defer(() => asks.close());
  const bare = await launchBrowser({ without: ['--use-fake-device-for-media-stream'] });
  cast.defer(() => bare.close());
  const ben = await PageMember.join(cast, 'Ben');
  for (const [browser, name, words] of [[asks, 'Ann', /blocked/], [bare, 'Chiara', /No camera or microphone was found/]]) {
    const member = new PageMember(name, await openPage(browser, `${stage.server.url}/r/${cast.room}`));
    await member.see('ready-problem');
    assert.match(await member.text('ready-problem'), words);
    await member.fill('name-input', name);
    await member.click('join');
    await member.see('room');
    await member.seesMoving('Ben');
    await ben.seesTile(name, 'an avatar, muted', (tile) => tile.avatar && tile.muted && !tile.trouble);
    await member.click('camera');
    await member.see('toast');
    assert.deepEqual(member.console.filter((line) => line.startsWith('uncaught')), []);
  }
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
  await until('the page is in English', () => ann.page.evaluate(() => document.documentElement.lang === 'en'));
  assert.match(await ann.text('invite'), /You are the first here/);
  assert.match(await ann.text('settings'), /Language/);
});
