// What a person is told that no button and no tile would show otherwise: a device that is gone, a picture that stands
// still, a message that is too long.

import assert from 'node:assert/strict';
import { PageMember } from './harness/page-member.js';
import { startServer } from './harness/server.js';
import { scenario, SFU, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage();

const probed = { probed: true };

/** Waits for a short sentence that fits. */
const told = (member, words) => until(`${member.name} is told ${words}`, async () => {
  const toasts = await member.page.$$eval('[data-testid="toast"] > span', (all) => all.map(({ textContent }) => textContent));
  if (toasts.some((text) => words.test(text))) return true;
  throw new Error(JSON.stringify(toasts));
});

const unplug = (member, kinds, left = false) => member.page.evaluate((...args) => window.probe.unplug(...args), kinds, left);

scenario(stage, 'a microphone or camera that is unplugged is told of, and so is the one that takes over', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, probed);
  const ben = await PageMember.join(cast, 'Ben', undefined, { ...probed, language: 'zh-CN,zh' });
  await Promise.all([ben.seesMoving('Ann'), ann.seesMoving('Ben')]);
  await unplug(ann, ['audio'], true);
  await told(ann, /^Your microphone is gone\. Now the others hear you by: .*Fake/);
  await unplug(ann, ['video'], true);
  await told(ann, /^Your camera is gone\. Now the others see you by: .*fake_device/);
  await ben.seesMoving('Ann');
  await ben.seesTile('Ann', 'not muted', (tile) => !tile.muted);
  await unplug(ann, ['audio', 'video']);
  await told(ann, /^Your microphone is gone: the others do not hear you/);
  await told(ann, /^Your camera is gone: the others do not see you/);
  await ben.seesTile('Ann', 'an avatar, muted', (tile) => tile.avatar && tile.muted && !tile.trouble);
  await unplug(ben, ['audio']);
  await told(ben, /麦克风已断开，其他人听不到您/);
  await ann.click('mic');
  await told(ann, /No microphone was found/);
});

scenario(stage, 'a picture that stands still is marked, until it moves again', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, probed);
  const ben = await PageMember.join(cast, 'Ben', undefined, probed);
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await ann.seesTile('Ben', 'nothing amiss', (tile) => !tile.trouble);
  await ben.page.evaluate(() => window.probe.stall());
  await ann.seesTile('Ben', 'a mark', (tile) => tile.trouble && tile.picture);
  await ben.click('camera'); // off and on: it is sent anew
  await ann.seesTile('Ben', 'an avatar', (tile) => tile.avatar);
  await ben.click('camera');
  await ann.seesMoving('Ben');
  await ann.seesTile('Ben', 'nothing amiss', (tile) => !tile.trouble);
});

if (SFU) {
  scenario(stage, 'a server that stands still is seen on the tiles', async (cast) => {
    const server = await startServer();
    cast.defer(() => server.stop());
    const address = `${server.url}/r/${cast.room}`;
    const ann = await PageMember.join(cast, 'Ann', address, probed);
    const ben = await PageMember.join(cast, 'Ben', address, probed);
    await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
    server.child.kill('SIGSTOP');
    cast.defer(() => server.child.kill('SIGCONT'));
    await Promise.all([ann.seesTile('Ben', 'a mark', (tile) => tile.trouble), ben.seesTile('Ann', 'a mark', (tile) => tile.trouble)]);
    server.child.kill('SIGCONT');
    await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
    await Promise.all([ann.seesTile('Ben', 'nothing amiss', (tile) => !tile.trouble), ben.seesTile('Ann', 'nothing amiss', (tile) => !tile.trouble)]);
  });
}

scenario(stage, 'a text that is too long for a message stays whole, and that is said', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, { ...probed, width: 390, height: 844 });
  const ben = await PageMember.join(cast, 'Ben', undefined, probed);
  await ann.seesMoving('Ben');
  await ann.click('chat-toggle');
  const field = await ann.see('chat-input');
  const paste = (text) => field.evaluate((element, pasted) => {
    element.focus();
    element.select();
    document.execCommand('insertText', false, pasted);
    return element.value.length;
  }, text);
  assert.equal(await paste('x'.repeat(12_000)), 12_000);
  await ann.see('chat-problem');
  assert.match(await ann.text('chat-problem'), /12,000 characters.*at most 10,000/);
  assert.ok(await ann.fits());
  await ann.page.keyboard.press('Enter');
  assert.equal(await field.evaluate((element) => element.value.length), 12_000, 'nothing is lost');
  assert.equal(await paste('y'.repeat(10_000)), 10_000);
  await ann.gone('chat-problem');
  await ann.page.keyboard.press('Enter');
  await ben.click('chat-toggle');
  await ben.reads('y'.repeat(10_000));
  assert.equal(await ben.page.$$eval('[data-testid="message-text"]', (all) => all.length), 1, 'the long one was not sent');
});
