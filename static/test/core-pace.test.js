import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drained } from '../js/core/pace.js';

const channel = (bufferedAmount) => Object.assign(new EventTarget(), { bufferedAmount });

test('a receiver that takes nothing is dropped soon where others wait, late where none does', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  for (const [others, seconds] of [[['ben'], 4], [[], 31]]) {
    const targets = new Map(['deaf', ...others].map((id) => [id, { open: true, channel: channel(id === 'deaf' ? 9 : 0) }]));
    const to = new Set(targets.keys());
    const dropped = [];
    const waits = drained(targets, to, 5, (id) => dropped.push(id));
    for (let second = 0; second < seconds; second++) {
      assert.deepEqual(dropped, [], `after ${second} s`);
      t.mock.timers.tick(1000);
      await new Promise(setImmediate);
    }
    await waits;
    assert.deepEqual([dropped, [...to]], [['deaf'], others]);
  }
});
