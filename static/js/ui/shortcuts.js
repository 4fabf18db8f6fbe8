// Keys that work whenever nobody types, and the sheet that tells them.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

/** Commands by key. */
const COMMANDS = /** @type {{[key: string]: string}} */ ({ m: 'mic', v: 'camera', s: 'share', c: 'chat', h: 'hand', f: 'tile-fullscreen', '?': 'shortcuts' });

/**
 * The command of a key press, or undefined.
 * @param {KeyboardEvent} event
 */
export function commandOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return undefined;
  const target = event.target;
  if (target instanceof Element && target.closest('input:not([type="button"]), textarea, select, dialog, [contenteditable]')) return undefined;
  return COMMANDS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
}

/** @param {boolean} hand whether there is a hand to raise */
export function openShortcuts(hand) {
  const rows = [['M', 'shortcuts.m'], ['V', 'shortcuts.v'], ['S', 'shortcuts.s'], ['C', 'shortcuts.c'],
    ...(hand ? [['H', 'shortcuts.h']] : []), ['F', 'shortcuts.f'], ['?', 'shortcuts.question'], ['Esc', 'shortcuts.esc']];
  return openDialog({ title: 'shortcuts.title', testid: 'shortcuts' },
    h('dl', { class: 'keys' }, ...rows.map(([key, words]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', { t: words })))),
    h('p', { class: 'soft small', t: 'shortcuts.note' }));
}
