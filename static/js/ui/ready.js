// Before joining: how one looks and sounds, by what devices, and under what name.

import { keep, say, sayAttribute, t } from '../i18n.js';
import { DevicePicker } from './device-picker.js';
import { announce, h, icon, mark, setIcon, tip } from './dom.js';
import { wordmark } from './landing.js';
import { languagePicker } from './language.js';
import { LevelMeter } from './level-meter.js';
import { deviceProblems } from './problems.js';

/** @import {Devices} from '../core/devices.js' */

/**
 * @typedef {object} ReadyOptions
 * @property {string} room
 * @property {string} name remembered, or ''
 * @property {Devices} devices
 * @property {(name: string, quiet: boolean) => Promise<void>} join rejects with an error that has a `type`
 * @property {AbortSignal} signal ends the view
 * @property {boolean} [listen] to join the audience: no devices then
 * @property {string} [error] type of the error to begin with
 * @property {boolean} [go] joins at once: one was in the room before the page was loaded again
 */

/** @param {ReadyOptions} options */
export function readyView(options) {
  const { devices, signal, room, listen } = options;
  if (listen) {
    return h('div', { class: 'ready', testid: 'ready' },
      h('header', { class: 'top' }, wordmark(), languagePicker()),
      h('main', { class: 'ready-side listen' },
        h('div', {}, h('h1', { t: 'ready.title' }), h('p', { class: 'soft', t: 'ready.room', params: { room } })),
        h('p', { class: 'problem calm', testid: 'ready-listen' }, icon('listen'), h('span', { t: 'ready.listen' })), joinForm(options)));
  }
  const problems = h('div', { class: 'problems', attrs: { 'aria-live': 'polite' } });
  keep(problems, 'problems', () => showProblems(problems, devices));
  devices.addEventListener('change', () => showProblems(problems, devices), { signal });
  return h('div', { class: 'ready', testid: 'ready' },
    h('header', { class: 'top' }, wordmark(), languagePicker()),
    h('main', { class: 'ready-main' },
      h('div', { class: 'ready-look' }, mirror(devices, signal), picker(devices)),
      h('div', { class: 'ready-side' },
        h('div', {}, h('h1', { t: 'ready.title' }), h('p', { class: 'soft', t: 'ready.room', params: { room } })),
        problems, joinForm(options))));
}

/** @param {Devices} devices */
function picker(devices) {
  const element = new DevicePicker().setup(devices, (kind, id) => devices.use(kind, id));
  element.classList.add('ready-devices');
  return element;
}

/**
 * @param {HTMLElement} box
 * @param {Devices} devices
 */
export function showProblems(box, devices) {
  const keys = deviceProblems(devices.state);
  const text = keys.map((key) => t(key));
  if (box.dataset.shown === text.join('\n')) return;
  box.dataset.shown = text.join('\n');
  box.hidden = keys.length === 0;
  box.replaceChildren(...text.map((sentence) => h('p', { class: 'problem', testid: 'ready-problem' }, icon('warn'), h('span', {}, sentence))));
}

/**
 * One's own picture with the two switches on it.
 * @param {Devices} devices
 * @param {AbortSignal} signal
 */
export function mirror(devices, signal) {
  const video = h('video', { testid: 'ready-preview', label: 'ready.preview', attrs: { playsinline: true, autoplay: true } });
  video.muted = true;
  const word = h('p', { class: 'word' });
  const mic = toggle('ready-mic', () => devices.setAudio(!devices.state.audio.on));
  const camera = toggle('ready-camera', () => devices.setVideo(!devices.state.video.on));
  const meter = new LevelMeter().setup(() => devices.level());
  sayAttribute(meter, 'aria-label', 'ready.level');
  const dock = h('div', { class: 'level-dock' }, meter);
  const update = () => {
    const { audio, video: cam } = devices.state;
    showToggle(mic, audio.on, Boolean(audio.error), 'mic', audio.on ? 'bar.mute' : 'bar.unmute');
    showToggle(camera, cam.on, Boolean(cam.error), 'camera', cam.on ? 'bar.cameraOff' : 'bar.cameraOn');
    dock.hidden = !audio.on;
    const live = cam.on && devices.videoTrack !== null;
    video.hidden = !live;
    word.hidden = live;
    say(word, cam.on && !cam.error ? 'ready.starting' : 'ready.cameraOff');
    // A new MediaStream object only when the tracks are others: setting it again would blink.
    const track = live ? devices.videoTrack : null;
    const shown = /** @type {MediaStream | null} */ (video.srcObject)?.getVideoTracks()[0] ?? null;
    if (track !== shown) video.srcObject = track && new MediaStream([track]);
  };
  devices.addEventListener('change', update, { signal });
  signal.addEventListener('abort', () => { video.srcObject = null; });
  update();
  return h('div', { class: 'mirror' }, video, word, dock, h('div', { class: 'mirror-bar' }, mic, camera));
}

/**
 * @param {string} testid
 * @param {() => Promise<void>} flip
 */
function toggle(testid, flip) {
  const button = h('button', {
    class: 'round control on-video', testid, attrs: { type: 'button' },
    // What went wrong is in the devices' state.
    on: { click: () => void flip().catch(() => {}) },
  }, icon('mic'));
  return button;
}

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} on
 * @param {boolean} failed
 * @param {string} symbol
 * @param {string} key
 */
function showToggle(button, on, failed, symbol, key) {
  const off = !on || failed;
  mark(button, 'off', off);
  button.setAttribute('aria-pressed', String(off));
  setIcon(/** @type {Element} */ (button.firstElementChild), off ? `${symbol}-off` : symbol);
  tip(button, key);
}

/** @param {ReadyOptions} options */
function joinForm({ name, room, listen, join, error, go: atOnce }) {
  const toName = !name || error === 'repeat' || error === 'invalid';
  const input = h('input', {
    class: 'input', testid: 'name-input',
    attrs: { id: 'name', name: 'name', autocomplete: 'nickname', required: true, 'data-focus': toName, 'aria-describedby': 'name-hint' },
  });
  input.value = name;
  const hint = h('p', { class: 'soft small', t: listen ? 'ready.nameHintListen' : 'ready.nameHint', attrs: { id: 'name-hint' } });
  const problem = h('p', { class: 'problem bad', testid: 'join-error', attrs: { hidden: true } }, icon('warn'), h('span'));
  const go = h('button', { class: 'button primary big', testid: 'join', t: 'ready.join', attrs: { type: 'submit', 'data-focus': !toName } });
  const quiet = h('button', { class: 'button plain', testid: 'join-quiet', t: 'ready.joinQuiet', attrs: { type: 'button' }, on: { click: () => void enter(true) } });
  const refuse = (/** @type {string} */ type, /** @type {string} */ asked) => {
    problem.hidden = false;
    const text = /** @type {HTMLElement} */ (problem.lastElementChild);
    say(text, `error.${type}`, { name: asked, room });
    announce(text.textContent ?? '', true);
    if (['repeat', 'invalid', 'name'].includes(type)) input.select();
  };
  const enter = async (/** @type {boolean} */ silent) => {
    const chosen = input.value.trim();
    if (!chosen) {
      say(hint, 'ready.nameEmpty');
      hint.className = 'small wrong';
      input.setAttribute('aria-invalid', 'true');
      input.focus();
      return;
    }
    problem.hidden = true;
    go.disabled = quiet.disabled = true;
    say(go, 'ready.joining');
    try {
      await join(chosen, silent);
    } catch (refused) {
      refuse(errorType(refused), chosen);
    } finally {
      go.disabled = quiet.disabled = false;
      say(go, 'ready.join');
    }
  };
  if (error) refuse(error, name);
  if (atOnce) void enter(false);
  return h('form', {
    class: 'ready-form', attrs: { novalidate: true },
    on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void enter(false); } },
  }, h('div', { class: 'field' }, h('label', { t: 'ready.name', attrs: { for: 'name' } }), input, hint), problem, go, !listen && quiet);
}

const TYPES = ['repeat', 'name', 'room', 'room-full', 'locked', 'removed', 'rate', 'mode', 'forbidden', 'invalid', 'unreachable', 'closing', 'internal'];

/** @param {unknown} error */
function errorType(error) {
  const { type, field } = /** @type {{type?: unknown, field?: unknown}} */ (error ?? {});
  if (type === 'invalid' && field === 'username') return 'name';
  if (type === 'invalid' && field === 'roomname') return 'room';
  return typeof type === 'string' && TYPES.includes(type) ? type : 'internal';
}
