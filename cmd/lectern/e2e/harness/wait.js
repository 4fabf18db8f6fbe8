// Waiting for a condition. The tests wait for things, never for time alone, and a limit is there only so that a hang ends.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a test waits for a thing on a machine that does nothing else. It is generous. */
export const DEADLINE_MS = 30_000;
const POLL_MS = 50;
/** The most of that time that one look uses up: on a busy machine the answer of a page takes long, and so may the thing. */
const LOOK_MS = 2 * POLL_MS;

/** Where nothing can be looked at meanwhile: how much longer a busy machine may take for all. */
export const BUSY_FACTOR = 10;

/**
 * Polls `probe` until it returns something truthy, and returns that. What the probe last returned or threw becomes
 * part of the failure.
 *
 * What counts is not time but the share of it in which a program could run: on a machine whose processors are wanted by
 * four times as many programs, everything takes four times as long, and so does the limit. A look counts as at most LOOK_MS.
 * @template T
 * @param {string} what for the failure message
 * @param {() => T | Promise<T>} probe
 * @param {number} [timeout] milliseconds on an idle machine
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, probe, timeout = DEADLINE_MS) {
  const began = performance.now();
  let left = timeout;
  let last;
  for (;;) {
    const from = performance.now();
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (left <= 0) {
      throw new Error(`after ${Math.round(performance.now() - began)} ms, of which ${timeout} count, still not: ${what} (last: ${describe(last)})`);
    }
    await delay(POLL_MS);
    left -= Math.min(performance.now() - from, LOOK_MS) * share();
  }
}

/** The share of a processor that each program has that wants one, at this moment. Known on Linux only. */
function share() {
  try {
    const running = Number.parseInt(readFileSync('/proc/loadavg', 'utf8').split(' ')[3], 10);
    return Math.min(1, availableParallelism() / running);
  } catch {
    return 1;
  }
}

function describe(value) {
  return value instanceof Error ? value.message : JSON.stringify(value);
}

/** Rejects when `promise` takes longer than `timeout` milliseconds, which a busy machine may take BUSY_FACTOR times. */
export function within(what, promise, timeout = DEADLINE_MS) {
  let timer;
  const most = timeout * BUSY_FACTOR;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${most} ms still not: ${what}`)), most);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
