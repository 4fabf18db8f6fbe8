// A menu's items, and its keys.

import { h, icon } from './dom.js';

/**
 * @param {string} name of the test id, and of the words (`menu.name`) unless `key` says otherwise
 * @param {string} symbol
 * @param {() => void} run
 * @param {string} [key]
 */
export function menuItem(name, symbol, run, key = `menu.${name}`) {
  return h('button', {
    class: 'menu-item', testid: `menu-${name}`, attrs: { type: 'button', role: 'menuitem', tabindex: -1 }, on: { click: run },
  }, icon(symbol), h('span', { t: key }));
}

/**
 * Arrows, Home and End go from item to item.
 * @param {HTMLElement} menu
 * @param {KeyboardEvent} event
 */
export function walk(menu, event) {
  const items = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll('[role="menuitem"]:not([hidden])')]);
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}
