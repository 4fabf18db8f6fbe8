// What comes out of real decoders: a camera of 640x480 and a microphone, played by Chromium and Firefox.
//
// The bounds are in harness/playback.js. They hold without a server as well: node --test decode.test.js, with no
// LECTERN_MODE, plays the same in a mesh, to compare.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { launchFirefox } from './harness/firefox.js';
import { Member } from './harness/member.js';
import { PageMember } from './harness/page-member.js';
import { faults, summary, watchPlayback } from './harness/playback.js';
import { scenario, SFU, useStage } from './harness/stage.js';

const stage = useStage(SFU ? [] : ['--mode', 'p2p']);

let firefox;
before(async () => { firefox = await launchFirefox(); });
after(() => firefox?.close());

const LISTENS = { query: 'audio=off&video=off' };

/** Existing clients without devices in both browsers and, where the server takes one, a page that listens. */
async function audience(cast) {
  const [chrome, fox] = await Promise.all([cast.open('chrome', LISTENS), Member.open({ ...cast.stage, browser: firefox }, 'fox', LISTENS)]);
  cast.members.push(fox);
  const members = [chrome, fox];
  await Promise.all(members.map((member) => member.join(cast.room)));
  if (!SFU) return members;
  const page = await PageMember.open(cast, 'page', `/r/${cast.room}?role=audience`, { width: 800, height: 600, probed: true });
  await page.fill('name-input', 'page');
  await page.click('join');
  await page.see('room');
  return [...members, page];
}

/** Waits until everybody shows the camera's pictures. */
const shows = (sender, receivers) => Promise.all(receivers.map((member) => (
  member instanceof PageMember ? member.seesMoving(sender.name) : member.receivesFrom(sender))));

/** Nobody finds fault with so many frames. A machine may do something else for a second: one stretch of three counts. */
async function playsWell(what, sender, receivers, frames) {
  let wrong;
  for (let turn = 1; turn <= 3; turn++) {
    const seen = await watchPlayback(sender, receivers, frames);
    for (const one of seen) console.log(`${what}, ${summary(one)}`);
    wrong = seen.flatMap((one) => faults(one, turn === 3).map((fault) => `${one.name}: ${fault}`));
    if (wrong.length === 0) return;
  }
  assert.deepEqual(wrong, [], what);
}

scenario(stage, 'camera and sound play without a fault in Chromium and Firefox, and again when the camera was off', async (cast) => {
  const sender = await cast.open('cam', { query: 'camera=640x480x20' }); // the fake one does no more
  await sender.join(cast.room);
  const receivers = await audience(cast);
  await shows(sender, receivers);
  await playsWell('from the start', sender, receivers, 160);
  await sender.call('setEnabled', 'video', false);
  await Promise.all(receivers.filter((member) => member.seesTracksOf).map((member) => member.seesTracksOf(sender, ['audio'])));
  await sender.call('setEnabled', 'video', true);
  await shows(sender, receivers);
  await playsWell('camera on again', sender, receivers, 60);
});
