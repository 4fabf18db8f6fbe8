// What mesh clients in a call do to see whether everything works between them.

import assert from 'node:assert/strict';
import { until } from './wait.js';

/** Each says a line that all others read. */
export async function chatBothWays(members, text) {
  for (const sender of members) {
    await sender.call('chat', text);
    for (const receiver of members.filter((member) => member !== sender)) await receiver.hasText(sender.name, text);
  }
}

/** Each sends a file that arrives whole at all others. */
export async function sendFileBothWays(members) {
  for (const sender of members) {
    const name = `${sender.name}.bin`;
    const sha256 = await sender.page.evaluate((file) => window.mesh.sendFile(file, 1_048_576), name);
    for (const receiver of members.filter((member) => member !== sender)) {
      const files = await until(`${receiver.name} has ${name}`, async () => {
        const found = (await receiver.page.evaluate(() => window.mesh.received())).filter((file) => file.name === name);
        return found.length > 0 && found;
      });
      assert.deepEqual(files, [{ name, size: 1_048_576, sha256 }]);
    }
  }
}

/** Each turns its camera and microphone off and on, and all others see it. */
export async function muteBothWays(members) {
  for (const muter of members) {
    const others = members.filter((member) => member !== muter);
    for (const [kind, left] of [['video', 'audio'], ['audio', 'video']]) {
      await muter.call('setEnabled', kind, false);
      await Promise.all(others.map((other) => other.seesTracksOf(muter, [left])));
      await muter.call('setEnabled', kind, true);
      await Promise.all(others.map((other) => other.seesTracksOf(muter, ['audio', 'video'])));
    }
    await Promise.all(others.map((other) => other.receives(members.length - 1)));
  }
}
