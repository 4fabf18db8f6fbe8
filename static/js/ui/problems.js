// What to say about a device that does not work, and what to do. Pure.

/** @import {DevicesState, DeviceError, DeviceLoss} from '../core/types.js' */
/** @import {Params} from '../i18n.js' */

const KNOWN = ['denied', 'missing', 'in-use', 'insecure', 'unsupported', 'unknown'];

/**
 * Keys of one sentence for each different problem, most often none or one.
 * @param {Pick<DevicesState, 'audio' | 'video' | 'secure'>} state
 * @returns {string[]}
 */
export function deviceProblems({ audio, video, secure }) {
  if (!secure) return ['problem.insecure'];
  const kinds = { audio: audio.error && known(audio.error.type), video: video.error && known(video.error.type) };
  if (kinds.audio && kinds.audio === kinds.video) return [kinds.audio === 'insecure' ? 'problem.insecure' : `problem.both.${kinds.audio}`];
  return /** @type {('audio' | 'video')[]} */ (['audio', 'video'])
    .filter((kind) => kinds[kind])
    .map((kind) => (kinds[kind] === 'insecure' ? 'problem.insecure' : `problem.${kind}.${kinds[kind]}`));
}

/**
 * Key of the sentence for a device that could not be turned on.
 * @param {DeviceError} error
 */
export function deviceProblem(error) {
  const type = known(error.type);
  if (error.kind === 'screen') return `problem.screen.${type === 'in-use' || type === 'missing' ? 'unknown' : type}`;
  return type === 'insecure' ? 'problem.insecure' : `problem.${error.kind}.${type}`;
}

/**
 * Key and parameters of the sentence for a device that ended while it was in use.
 * @param {DeviceLoss} loss
 * @returns {[key: string, params: Params]}
 */
export function lossSentence({ kind, error, device }) {
  if (!error) return [`notice.took.${kind}`, { device }];
  return [error.type === 'missing' ? `notice.lost.${kind}` : deviceProblem(error), {}];
}

/** @param {string} type */
function known(type) {
  return KNOWN.includes(type) ? type : 'unknown';
}
