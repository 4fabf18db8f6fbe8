// The members that were removed from the room, for a host that wants to let one in again.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

/** @import {Room} from '../core/room.js' */

/**
 * @param {Room} room
 * @param {(result: Promise<unknown>) => Promise<boolean>} attempt says what goes wrong
 */
export function openRemoved(room, attempt) {
  const list = h('ul', { class: 'removed', testid: 'removed-list' });
  const ended = new AbortController();
  const update = () => {
    const { removed, role } = room.state;
    if (removed.length === 0 || role !== 'host') return dialog.close();
    list.replaceChildren(...removed.map(({ id, name }) => h('li', { class: 'removed-row', testid: 'removed-row' }, h('span', {}, name),
      h('button', { class: 'button', testid: 'removed-admit', t: 'removed.admit', attrs: { type: 'button' }, on: { click: () => void attempt(room.admitMember(id)) } }))));
  };
  const dialog = openDialog({ title: 'removed.title', testid: 'removed', onClose: () => ended.abort() }, h('p', { class: 'soft', t: 'removed.lead' }), list);
  room.addEventListener('change', update, { signal: ended.signal });
  update();
}
