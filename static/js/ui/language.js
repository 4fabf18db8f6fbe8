// Choosing the language.

import { LANGUAGES, keep, language, setLanguage } from '../i18n.js';
import { h, icon } from './dom.js';

/** A select of all languages, each in its own words. */
export function languagePicker() {
  const select = h('select', {
    class: 'select', testid: 'language', label: 'settings.language',
    on: { change: () => void setLanguage(select.value) },
  }, ...Object.entries(LANGUAGES).map(([code, name]) => h('option', { attrs: { value: code, lang: code } }, name)));
  keep(select, 'value', () => { select.value = language(); });
  return h('span', { class: 'select-box language' }, select, icon('down'));
}
