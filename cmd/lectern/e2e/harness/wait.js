// Waiting for a condition with a deadline. The tests wait for things, never for time alone.

import { setTimeout as delay } from 'node:timers/promises';

export const DEADLINE_MS = 30_000; // generous: the machine may be busy with something else
const POLL_MS = 50;

/**
 * Polls `probe` until it returns something truthy, and returns that. What the probe last returned or threw becomes
 * part of the failure.
 * @template T
 * @param {string} what for the failure message
 * @param {() => T | Promise<T>} probe
 * @param {number} [timeout] milliseconds
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, probe, timeout = DEADLINE_MS) {
  const deadline = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`after ${timeout} ms still not: ${what} (last: ${describe(last)})`);
    await delay(POLL_MS);
  }
}

function describe(value) {
  return value instanceof Error ? value.message : JSON.stringify(value);
}

/** Rejects when `promise` takes longer than `timeout` milliseconds. */
export function within(what, promise, timeout = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${timeout} ms still not: ${what}`)), timeout);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
