// Choice of microphone, camera and speaker: the same before the call and in its settings.

import { keep, t } from '../i18n.js';
import { h, icon } from './dom.js';

/** @import {Devices} from '../core/devices.js' */
/** @import {Device, DevicesState} from '../core/types.js' */

/** @typedef {'audioinput' | 'videoinput' | 'audiooutput'} Kind */

/** @type {{kind: Kind, symbol: string, list: 'microphones' | 'cameras' | 'speakers'}[]} */
const KINDS = [
  { kind: 'audioinput', symbol: 'mic', list: 'microphones' },
  { kind: 'videoinput', symbol: 'camera', list: 'cameras' },
  { kind: 'audiooutput', symbol: 'speaker', list: 'speakers' },
];

/** Browsers without it play on the system's speaker. */
const canChooseSpeaker = () => 'setSinkId' in HTMLMediaElement.prototype;

export class DevicePicker extends HTMLElement {
  #leaving = new AbortController();

  /**
   * @param {Devices} devices
   * @param {(kind: Kind, id: string) => Promise<void>} choose
   * @param {boolean} [named] with a name above each
   */
  setup(devices, choose, named = false) {
    this.className = named ? 'picker named' : 'picker';
    for (const entry of KINDS) {
      if (entry.kind === 'audiooutput' && !canChooseSpeaker()) continue;
      const select = h('select', {
        class: 'select', testid: `device-${entry.kind}`, label: `device.${entry.kind}`,
        on: { change: () => void choose(entry.kind, select.value).catch(() => {}).finally(() => fill(select, entry, devices.state)) },
      });
      const box = h('span', { class: 'select-box' }, !named && icon(entry.symbol), select, icon('down'));
      this.append(named ? h('div', { class: 'field' }, h('span', { t: `device.${entry.kind}`, attrs: { 'aria-hidden': 'true' } }), box) : box);
      keep(select, 'options', () => fill(select, entry, devices.state));
      devices.addEventListener('change', () => fill(select, entry, devices.state), { signal: this.#leaving.signal });
    }
    return this;
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {typeof KINDS[number]} entry
 * @param {DevicesState} state
 */
function fill(select, entry, state) {
  const options = choices(state[entry.list], entry.kind, state);
  const drawn = [...select.options].map((option) => `${option.value}\n${option.text}`).join('\n');
  if (drawn !== options.map((option) => `${option.id}\n${option.label}`).join('\n')) {
    select.replaceChildren(...options.map(({ id, label }) => h('option', { attrs: { value: id } }, label)));
  }
  const used = entry.kind === 'audioinput' ? state.audio.deviceId : entry.kind === 'videoinput' ? state.video.deviceId : state.output.deviceId;
  select.value = used ?? '';
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.disabled = state[entry.list].length === 0;
}

/**
 * Browsers name devices only once one may be used.
 * @param {readonly Device[]} devices
 * @param {Kind} kind
 * @param {DevicesState} state
 * @returns {Device[]}
 */
function choices(devices, kind, state) {
  if (devices.length === 0) {
    const speaker = kind === 'audiooutput';
    return [{ id: '', label: t(speaker || !state.secure ? 'device.default' : 'device.none') }];
  }
  return devices.map(({ id, label }, index) => ({
    id, label: label || t('device.unnamed', { kind: t(`device.${kind}`), n: index + 1 }),
  }));
}

customElements.define('device-picker', DevicePicker);
