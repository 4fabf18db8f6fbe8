// After a call: why it is over, and a way on.

import { h } from './dom.js';
import { wordmark } from './landing.js';
import { languagePicker } from './language.js';

const REASONS = ['left', 'removed', 'elsewhere', 'repeat', 'room-full', 'locked', 'room-closed', 'closed'];

/**
 * @param {object} options
 * @param {string} options.why one of REASONS
 * @param {() => void} options.rejoin
 * @param {() => void} options.home
 */
export function endedView({ why, rejoin, home }) {
  const reason = REASONS.includes(why) ? why : 'closed';
  return h('div', { class: 'ended', testid: 'ended', attrs: { 'data-why': reason } },
    h('header', { class: 'top' }, wordmark(), languagePicker()),
    h('main', { class: 'welcome', attrs: { role: reason === 'left' ? null : 'alert' } },
      h('h1', { t: `ended.${reason}` }),
      h('p', { class: 'soft lead', t: `ended.${reason}Lead` }),
      h('div', { class: 'choices' },
        h('button', { class: 'button primary big', testid: 'ended-rejoin', t: 'ended.rejoin', attrs: { type: 'button', 'data-focus': true }, on: { click: rejoin } }),
        h('button', { class: 'button big', testid: 'ended-home', t: 'ended.home', attrs: { type: 'button' }, on: { click: home } }))));
}
