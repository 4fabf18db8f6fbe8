// What a host may do about a person on stage: a menu at the button of the person's tile.

import { confirmed } from './dialog.js';
import { h } from './dom.js';
import { menuItem, walk } from './menu.js';

/** @import {Room} from '../core/room.js' */
/** @import {Participant} from '../core/types.js' */

const GAP = 6; // pixels between the button and its menu, and the least to the window's edge

/**
 * @param {object} options
 * @param {Room} options.room
 * @param {Participant} options.person
 * @param {HTMLElement} options.button of the tile
 * @param {(result: Promise<unknown>) => Promise<boolean>} options.attempt says what goes wrong
 */
export function openMemberMenu({ room, person, button, attempt }) {
  const { id, name } = person;
  const item = (/** @type {string} */ command, /** @type {string} */ symbol, /** @type {() => Promise<unknown>} */ act) => menuItem(command, symbol, () => {
    menu.hidePopover();
    void attempt(act());
  });
  const menu = h('div', { class: 'menu member-menu', testid: 'member-menu', attrs: { role: 'menu', popover: 'auto' } },
    person.audio !== false && item('mute', 'mic-off', () => room.muteMember(id, 'audio')),
    person.video !== false && item('stop-camera', 'camera-off', () => room.muteMember(id, 'video')),
    item('to-audience', 'listen', () => room.setRole(id, 'audience')),
    item('make-host', 'host', () => ask('host', () => room.setRole(id, 'host'))),
    item('remove', 'remove', () => ask('remove', () => room.removeMember(id))));
  const ask = async (/** @type {string} */ what, /** @type {() => Promise<unknown>} */ act) => {
    if (await confirmed({ title: `confirm.${what}`, text: `confirm.${what}Lead`, yes: `confirm.${what}Yes`, params: { name } })) await act();
  };
  menu.setAttribute('aria-label', name);
  menu.addEventListener('keydown', (event) => walk(menu, event));
  menu.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === 'open') return;
    menu.remove();
  });
  document.body.append(menu);
  menu.showPopover();
  place(menu, button.getBoundingClientRect());
  /** @type {HTMLElement} */ (menu.firstElementChild).focus();
}

/**
 * Below the button where there is room, else above it.
 * @param {HTMLElement} menu
 * @param {DOMRect} at
 */
function place(menu, at) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.min(Math.max(GAP, at.right - width), innerWidth - width - GAP);
  const below = at.bottom + GAP;
  const top = below + height < innerHeight ? below : Math.max(GAP, at.top - GAP - height);
  menu.style.setProperty('left', `${left}px`);
  menu.style.setProperty('top', `${top}px`);
}
