// The mesh client in Firefox, in a call with Chromium and with another Firefox.

import { after, before } from 'node:test';
import { chatBothWays, muteBothWays, sendFileBothWays } from './harness/deeds.js';
import { launchFirefox } from './harness/firefox.js';
import { Member } from './harness/member.js';
import { scenario, SFU, useStage } from './harness/stage.js';

const stage = useStage(SFU ? [] : ['--mode', 'p2p']); // not what the server thinks best for Firefoxes

let firefox;
before(async () => { firefox = await launchFirefox(); });
after(() => firefox?.close());

/** Opens a mesh client in Firefox, as `cast.open` does in Chromium. */
async function openFirefox(cast, name) {
  const member = await Member.open({ ...cast.stage, browser: firefox }, name);
  cast.members.push(member);
  return member;
}

/** Joins one after the other; everyone sees and hears everyone at the end. */
async function meet(cast, members) {
  for (const [index, member] of members.entries()) {
    await member.join(cast.room);
    if (index > 0) await member.seesTiles(index);
  }
  await Promise.all(members.map((member) => member.receives(members.length - 1)));
}

for (const first of ['Firefox', 'Chromium']) { // who is there first offers, in P2P mode
  scenario(stage, `Firefox and Chromium, ${first} there first`, async (cast) => {
    const members = await Promise.all([openFirefox(cast, 'fay'), cast.open('cat')]);
    if (first === 'Chromium') members.reverse();
    await meet(cast, members);
    await chatBothWays(members, 'hello 你好');
    await sendFileBothWays(members);
    await muteBothWays(members);
    await chatBothWays(members, 'still there');
  });
}

// Firefox says that it takes messages of 1 GiB, and the existing client sends nothing to who says so. The server says
// 262144 instead in what it relays. A mute is negotiated on the data channel, where in P2P mode it cannot: among
// Firefoxes the client is silent from there on.
scenario(stage, 'two Firefoxes', async (cast) => {
  const members = await Promise.all([openFirefox(cast, 'fay'), openFirefox(cast, 'fox')]);
  await meet(cast, members);
  await chatBothWays(members, 'hello 你好');
  await sendFileBothWays(members);
  if (!SFU) return;
  await muteBothWays(members);
  await chatBothWays(members, 'still there');
});
