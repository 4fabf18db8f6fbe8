// Settings in a call: devices, language, theme.

import { h, icon } from './dom.js';
import { DevicePicker } from './device-picker.js';
import { openDialog } from './dialog.js';
import { languagePicker } from './language.js';
import { setTheme, theme } from './theme.js';

/** @import {Devices} from '../core/devices.js' */
/** @import {Kind} from './device-picker.js' */

const THEMES = /** @type {const} */ ({ system: 'settings.themeSystem', dark: 'settings.themeDark', light: 'settings.themeLight' });

/**
 * @param {Devices} devices
 * @param {(kind: Kind, id: string) => Promise<void>} choose
 */
export function openSettings(devices, choose) {
  const look = h('select', {
    class: 'select', testid: 'theme', label: 'settings.theme', on: { change: () => setTheme(look.value) },
  }, ...Object.entries(THEMES).map(([value, key]) => h('option', { t: key, attrs: { value } })));
  look.value = theme();
  return openDialog({ title: 'settings.title', testid: 'settings' },
    new DevicePicker().setup(devices, choose, true),
    h('hr'),
    h('div', { class: 'picker named' },
      h('div', { class: 'field' }, h('span', { t: 'settings.language', attrs: { 'aria-hidden': 'true' } }), languagePicker()),
      h('div', { class: 'field' }, h('span', { t: 'settings.theme', attrs: { 'aria-hidden': 'true' } }), h('span', { class: 'select-box' }, look, icon('down')))));
}
