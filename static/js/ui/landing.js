// The front door: one field, one button.

import { say } from '../i18n.js';
import { h, icon } from './dom.js';
import { languagePicker } from './language.js';
import { MAX_ROOM, randomRoom, roomFault, roomFrom } from './names.js';

/**
 * @param {(room: string) => void} go
 */
export function landingView(go) {
  const input = h('input', {
    class: 'input', testid: 'room-input',
    attrs: { id: 'room', name: 'room', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'room-hint', 'data-focus': matchMedia('(hover: hover)').matches },
  });
  input.value = randomRoom();
  const hint = h('p', { class: 'soft hint', t: 'landing.hint', attrs: { id: 'room-hint' } });
  const other = h('button', {
    class: 'round in-field', testid: 'room-other', tip: 'landing.other', attrs: { type: 'button', 'data-tip-end': '' },
    on: { click: () => { input.value = randomRoom(); input.focus(); } },
  }, icon('shuffle'));
  const form = h('form', {
    class: 'door', attrs: { novalidate: true },
    on: {
      submit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const room = roomFrom(input.value);
        const fault = roomFault(room);
        if (fault) {
          say(hint, `landing.${fault}`, { n: MAX_ROOM });
          hint.classList.add('wrong');
          input.setAttribute('aria-invalid', 'true');
          input.focus();
          return;
        }
        go(room);
      },
    },
  },
  h('label', { class: 'unseen', t: 'landing.room', attrs: { for: 'room' } }),
  h('div', { class: 'with-button' }, input, other),
  h('button', { class: 'button primary big', testid: 'go', t: 'landing.go', attrs: { type: 'submit' } }));

  return h('main', { class: 'landing', testid: 'landing' },
    h('header', { class: 'top' }, wordmark(), languagePicker()),
    h('div', { class: 'welcome' },
      h('h1', { t: 'landing.title' }),
      h('p', { class: 'soft lead', t: 'landing.lead' }),
      form, hint));
}

/** The name of the product with its mark. */
export function wordmark() {
  const mark = h('img', { attrs: { src: '/icon.svg', alt: '', width: 28, height: 28 } });
  return h('a', { class: 'wordmark', attrs: { href: '/' } }, mark, h('span', {}, 'Lectern'));
}
