// Time as pages have it that share two cores with other programs: beats of their timers, not seconds. What a page was not
// let do for want of a processor took no beat of it.
//
//   await startBeats(page);
//   const count = await beatsOf([viewer, sender], from, to);      // ms since 1970, as `performance` tells them

/** Milliseconds between two beats of a page that is let run. A camera of ten pictures a second makes one in four beats. */
const BEAT_MS = 25;

/** Runs in the page. */
function install(every) {
  if (window.beats) return;
  const beats = [];
  window.beats = beats;
  setInterval(() => beats.push(performance.timeOrigin + performance.now()), every);
}

/** Has a page count from now on. */
export function startBeats(page) {
  return page.evaluate(install, BEAT_MS);
}

/** How many beats all of these pages had between two times: the least of them. */
export async function beatsOf(pages, from, to) {
  const counts = await Promise.all(pages.map((page) => page.evaluate((first, last) => window.beats.filter((at) => at > first && at < last).length, from, to)));
  return Math.min(...counts);
}
