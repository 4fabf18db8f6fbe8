// What to say about a device that does not work, and what to do. Pure.

/** @import {DevicesState, DeviceError} from '../core/types.js' */

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

/** @param {string} type */
function known(type) {
  return KNOWN.includes(type) ? type : 'unknown';
}
