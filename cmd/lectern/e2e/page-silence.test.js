// The network is away for a while, with the same address at its end: nothing passes, and neither the page nor the server is
// told. The page closes its dead connection in an orderly way, and that goodbye arrives, late, before the page is back.

import assert from 'node:assert/strict';
import { PageMember } from './harness/page-member.js';
import { startProxy } from './harness/proxy.js';
import { MediaRelay } from './harness/relay.js';
import { scenario, SFU, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage(['--grace', '10m', '--ping-interval', '60s']); // the page finds out first

const muted = (tile) => tile.muted;
const heard = (tile) => !tile.muted;

scenario(stage, 'a silence that only the page notices, and its late goodbye, lose nothing', async (cast) => {
  const proxy = await startProxy(stage.server.port);
  cast.defer(() => proxy.close());
  const small = { width: 900, height: 600, probed: true };
  const relay = new MediaRelay();
  cast.defer(() => relay.close());
  const ann = await PageMember.open(cast, 'Ann', `${proxy.url}/r/${cast.room}`, small);
  await relay.stand(ann.page);
  await ann.enter();
  const ben = await PageMember.join(cast, 'Ben', undefined, small);
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  for (const member of [ann, ben]) {
    await member.click('chat-toggle');
    await member.see('chat-input'); // what it needs is loaded
  }
  await ann.write('Ann before');
  await ben.reads('Ann before');

  proxy.silence();
  relay.away = true; // in P2P mode media has another way
  await ann.write('Ann into the silence');
  await ann.click('mic');
  await ben.write('Ben into the silence');
  await ben.click('mic');
  const cat = await PageMember.join(cast, 'Cat', undefined, small);
  await cat.click('chat-toggle');
  await Promise.all([cat.seesMoving('Ben'), ben.seesMoving('Cat')]);
  // A newcomer asks for a connector; in SFU mode those that are dead are replaced, too.
  const offers = () => proxy.lost.split('"event":"offer"').length - 1;
  const wanted = SFU ? 2 : 0;
  await until('the server has offered connectors into the silence', () => offers() >= wanted && proxy.lost.includes('"event":"'), 90_000);
  await ann.see('banner');
  await ann.write('Ann knows of it');
  await until('the page has given its connection up', () => proxy.left);
  relay.away = false;
  await proxy.deliver();
  await ann.gone('banner');

  await Promise.all([ann, ben, cat].map((member) => member.seesTiles(3)));
  await Promise.all([
    ann.seesMoving('Ben'), ben.seesMoving('Ann'), ann.seesMoving('Cat'), cat.seesMoving('Ann'), cat.seesMoving('Ben'), ben.seesMoving('Cat'),
  ]);
  await Promise.all([ben.seesTile('Ann', 'muted', muted), cat.seesTile('Ann', 'muted', muted), ann.seesTile('Ben', 'muted', muted)]);
  await ann.click('mic');
  await Promise.all([ben.seesTile('Ann', 'not muted', heard), cat.seesTile('Ann', 'not muted', heard)]);
  await ann.write('Ann after');
  await ben.write('Ben after');
  for (const member of [ann, ben, cat]) {
    await member.reads('Ann after');
    await member.reads('Ben after');
  }
  const all = ['Ann after', 'Ann before', 'Ann into the silence', 'Ann knows of it', 'Ben after', 'Ben into the silence'];
  for (const member of [ann, ben]) {
    for (const line of all) await member.reads(line);
    assert.deepEqual((await member.lines()).sort(), all, `${member.name} has each line once`);
  }
  const ofCat = await cat.lines();
  assert.equal(ofCat.length, new Set(ofCat).size, 'Cat has no line twice');
});
