// "You are on stage now": a look at oneself before the others get one. Nothing is sent until the person says so: what is
// shown here is captured apart from what the room sends.

import { DevicePicker } from './device-picker.js';
import { openDialog } from './dialog.js';
import { h } from './dom.js';
import { showProblems, mirror } from './ready.js';

/** @import {Room} from '../core/room.js' */
/** @import {Devices} from '../core/devices.js' */

/**
 * @param {object} options
 * @param {Room} options.room
 * @param {Devices} options.trial devices of its own, not started; stopped in the end
 * @param {string} [options.by] who brought one on stage
 * @param {(result: Promise<unknown>) => Promise<boolean>} options.attempt says what goes wrong
 */
export function openStageDialog({ room, trial, by, attempt }) {
  const ending = new AbortController();
  const { signal } = ending;
  const button = (/** @type {string} */ testid, /** @type {string} */ key, /** @type {string} */ look, /** @type {() => void} */ act) => h('button', {
    class: `button ${look}`, testid, t: key, attrs: { type: 'button' }, on: { click: () => { act(); dialog.close(); } },
  });
  const go = button('stage-go', 'stage.go', 'primary', () => {
    const { audio, video } = trial.state;
    trial.stop(); // some cameras serve one at a time
    if (audio.on) void attempt(room.setAudio(true));
    if (video.on) void attempt(room.setVideo(true));
  });
  const problems = h('div', { class: 'problems', attrs: { 'aria-live': 'polite' } });
  const update = () => {
    showProblems(problems, trial);
    go.disabled = !trial.state.audio.on && !trial.state.video.on;
  };
  trial.addEventListener('change', update, { signal });
  const picker = new DevicePicker().setup(trial, async (kind, id) => {
    await trial.use(kind, id);
    await room.useDevice(kind, id);
  });
  picker.classList.add('ready-devices');
  const dialog = openDialog({ title: 'stage.title', testid: 'stage-dialog', onClose: () => { ending.abort(); trial.stop(); } },
    h('p', { t: by ? 'stage.leadBy' : 'stage.lead', params: { name: by ?? '' }, attrs: { id: 'stage-lead' } }),
    mirror(trial, signal), picker, problems,
    h('div', { class: 'choices end' },
      button('stage-back', 'stage.back', 'plain', () => void attempt(room.stepDown())),
      button('stage-off', 'stage.off', '', () => {}), go));
  dialog.setAttribute('aria-describedby', 'stage-lead');
  void trial.start({ audio: true, video: true });
  update();
  go.focus();
  return dialog;
}
