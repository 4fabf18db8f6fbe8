// Dark or light. Before a call the system's choice holds unless a person chose; in a call it is dark unless they did.

import { recall, remember } from '../store.js';

const STORED = 'lectern.theme';
const BARS = { dark: '#14171c', light: '#f6f7f9' };

let calling = false;

/** @returns {'system' | 'dark' | 'light'} the person's choice */
export function theme() {
  const stored = recall(STORED);
  return stored === 'dark' || stored === 'light' ? stored : 'system';
}

/** @param {string} choice system, dark or light */
export function setTheme(choice) {
  remember(STORED, choice === 'system' ? null : choice);
  apply(choice);
}

/** @param {boolean} on in a call */
export function inCall(on) {
  calling = on;
  apply(theme());
}

/** @param {string} choice */
function apply(choice) {
  const light = choice === 'light' || (choice !== 'dark' && !calling && matchMedia('(prefers-color-scheme: light)').matches);
  const name = light ? 'light' : 'dark';
  document.documentElement.dataset.theme = name;
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', BARS[name]);
}
