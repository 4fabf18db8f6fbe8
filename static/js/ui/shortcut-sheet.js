// The sheet that tells the keys.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

/** @param {boolean} hand whether there is a hand to raise */
export function openShortcuts(hand) {
  const rows = [['M', 'shortcuts.m'], ['V', 'shortcuts.v'], ['S', 'shortcuts.s'], ['C', 'shortcuts.c'],
    ...(hand ? [['H', 'shortcuts.h']] : []), ['F', 'shortcuts.f'], ['?', 'shortcuts.question'], ['Esc', 'shortcuts.esc']];
  return openDialog({ title: 'shortcuts.title', testid: 'shortcuts' },
    h('dl', { class: 'keys' }, ...rows.map(([key, words]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', { t: words })))),
    h('p', { class: 'soft small', t: 'shortcuts.note' }));
}
