// Runs test files one after the other, each in a process of its own:  node run.js FILE...
//
// Browsers on a busy machine of two cores fail now and then for reasons of their own. A file that fails is run once more,
// after all others; if it passes then, the run passes, and says so at its end. A file that fails twice fails the run, and
// so do more than a few that fail once: that is no bad luck.

import { spawnSync } from 'node:child_process';

const BAD_LUCK = 2;

/** @param {string} file */
function passes(file) {
  const began = Date.now();
  const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', file], { stdio: 'inherit' });
  console.log(`${status === 0 ? 'passed' : 'FAILED'} ${file} in ${((Date.now() - began) / 1000).toFixed(0)} s\n`);
  return status === 0;
}

const failed = process.argv.slice(2).filter((file) => !passes(file));
const lost = failed.length > BAD_LUCK ? failed : failed.filter((file) => !passes(file));
for (const file of failed) console.log(lost.includes(file) ? `FAILED: ${file}` : `passed the second time only, see above: ${file}`);
process.exitCode = lost.length > 0 ? 1 : 0;
