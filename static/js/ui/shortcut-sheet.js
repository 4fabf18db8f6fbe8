// The sheet that tells the keys.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

/** @param {'' | 'h' | 'hands'} hand what the hand's key does, if anything */
export function openShortcuts(hand) {
  const rows = [['M', 'shortcuts.m'], ['V', 'shortcuts.v'], ['S', 'shortcuts.s'], ['C', 'shortcuts.c'],
    ...(hand ? [['H', `shortcuts.${hand}`]] : []), ['L', 'shortcuts.l'], ['F', 'shortcuts.f'], ['← →', 'shortcuts.arrows'], ['?', 'shortcuts.question'], ['Esc', 'shortcuts.esc']];
  return openDialog({ title: 'shortcuts.title', testid: 'shortcuts' },
    h('dl', { class: 'keys' }, ...rows.map(([key, words]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', { t: words })))),
    h('p', { class: 'soft small', t: 'shortcuts.note' }));
}
