// Microphone, camera and speaker: what there is, what is on, what went wrong. An EventTarget: 'change'; 'lost' (detail:
// DeviceLoss) when a device in use ended by itself.

import { Ear } from './levels.js';

/** @import {Device, DeviceError, DeviceKind, DeviceLoss, DevicesState, InputState, Kind} from './types.js' */

const STORED = 'lectern.devices';
const LISTS = /** @type {const} */ ({ audioinput: 'microphones', videoinput: 'cameras', audiooutput: 'speakers' });
const INPUT = /** @type {const} */ ({ audio: 'audioinput', video: 'videoinput' });

/** @type {{[kind in Kind]: MediaTrackConstraints}} */
const WISHES = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
};

/**
 * What a browser's refusal means to a person.
 * @param {unknown} error
 * @returns {DeviceError['type']}
 */
export function errorType(error) {
  switch (/** @type {{name?: unknown}} */ (error ?? {}).name) {
    case 'NotAllowedError':
    case 'SecurityError': return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError': return 'missing';
    case 'NotReadableError':
    case 'AbortError': return 'in-use';
    case 'NotSupportedError': return 'unsupported';
    default: return 'unknown';
  }
}

/**
 * @param {Kind | 'screen'} kind
 * @param {DeviceError['type']} type
 * @returns {DeviceError}
 */
function problem(kind, type) {
  return Object.assign(new Error(`${kind}: ${type}`), { kind, type });
}

/** Why nothing can be captured here at all, or null. @returns {'insecure' | 'unsupported' | null} */
function obstacle() {
  if (!globalThis.isSecureContext) return 'insecure';
  return typeof navigator.mediaDevices?.getUserMedia === 'function' ? null : 'unsupported';
}

/** Asks for a screen, with its sound where the browser has it. Rejects with a DeviceError. */
export async function captureScreen() {
  if (typeof navigator.mediaDevices?.getDisplayMedia !== 'function') throw problem('screen', obstacle() ?? 'unsupported');
  try {
    const options = { video: { frameRate: { ideal: 15, max: 30 } }, audio: true, selfBrowserSurface: 'exclude', surfaceSwitching: 'include', systemAudio: 'include' };
    const stream = await navigator.mediaDevices.getDisplayMedia(options);
    // Letters must stay sharp; a low frame rate does not matter to them.
    for (const track of stream.getVideoTracks()) track.contentHint = 'detail';
    return stream;
  } catch (error) {
    throw problem('screen', errorType(error));
  }
}

export class Devices extends EventTarget {
  /** @type {DevicesState} */
  state = {
    audio: { on: false, deviceId: null, error: null },
    video: { on: false, deviceId: null, error: null },
    output: { deviceId: null },
    microphones: [], cameras: [], speakers: [],
    secure: obstacle() !== 'insecure',
  };

  /** What is captured, a muted microphone too. @type {{[kind in Kind]: MediaStreamTrack | null}} */
  #tracks = { audio: null, video: null };
  /** The latest wish of each kind: what an earlier one brings is let go. */
  #turns = { audio: 0, video: 0 };
  /** @type {{[kind in DeviceKind]?: string}} */
  #chosen = remembered();
  #ear = new Ear();

  constructor() {
    super();
    this.state = { ...this.state, output: { deviceId: this.#chosen.audiooutput ?? null } };
    navigator.mediaDevices?.addEventListener?.('devicechange', () => void this.#list());
  }

  /** Null while the microphone is off. */
  get audioTrack() {
    return this.state.audio.on ? this.#tracks.audio : null;
  }

  /** Null while the camera is off or on its way. */
  get videoTrack() {
    return this.#tracks.video;
  }

  /**
   * Turns on what is wanted, by one question to the person. Never rejects: what fails is in the state.
   * @param {{[kind in Kind]: boolean}} wanted
   */
  async start(wanted) {
    const kinds = /** @type {Kind[]} */ (['audio', 'video']).filter((kind) => wanted[kind]);
    const failed = obstacle();
    if (failed) {
      for (const kind of kinds) this.#input(kind, { on: false, error: problem(kind, failed) });
      return;
    }
    void this.#list();
    const turns = kinds.map((kind) => ++this.#turns[kind]);
    for (const kind of kinds) this.#input(kind, { on: true, error: null });
    try {
      const stream = await this.#capture(kinds);
      kinds.forEach((kind, index) => this.#take(kind, turns[index], stream.getTracks().find((track) => track.kind === kind)));
    } catch (error) {
      // One of them is the trouble. Each by itself says which; but nobody is asked again for what was just refused.
      const tried = await Promise.allSettled(kinds.map(async (kind) => {
        if (errorType(error) === 'denied' && !(await granted(kind))) throw error;
        return this.#capture([kind]);
      }));
      // Told together, so that one sentence can say both.
      tried.forEach((result, index) => {
        const kind = kinds[index];
        if (result.status === 'fulfilled') this.#take(kind, turns[index], result.value.getTracks()[0]);
        else if (turns[index] === this.#turns[kind]) this.#fail(kind, result.reason);
      });
    }
    await this.#list();
  }

  /**
   * The microphone stays captured while it is muted, so that it is back at once, unless it is released.
   * @param {boolean} on
   * @param {boolean} [release]
   */
  async setAudio(on, release = false) {
    const track = this.#tracks.audio;
    if (on && track?.readyState === 'live') {
      this.#turns.audio++;
      track.enabled = true;
      this.#input('audio', { on, error: null });
    } else if (on) await this.#open('audio');
    else {
      this.#turns.audio++;
      if (track) track.enabled = false; // silent from here on, whatever takes longer
      if (release) this.#drop('audio');
      this.#input('audio', { on, error: null });
    }
  }

  /**
   * Off means off: the camera's light goes out.
   * @param {boolean} on
   */
  async setVideo(on) {
    if (on) {
      if (!this.#tracks.video) await this.#open('video');
      return;
    }
    this.#turns.video++;
    this.#drop('video');
    this.#input('video', { on, error: null });
  }

  /**
   * Chooses a device, and remembers it. Rejects with a DeviceError; the one used before then goes on.
   * @param {DeviceKind} kind
   * @param {string} id
   */
  async use(kind, id) {
    if (kind === 'audiooutput') {
      this.#remember(kind, id);
      this.#set({ output: { deviceId: id || null } });
      return;
    }
    const input = kind === 'audioinput' ? 'audio' : 'video';
    const before = this.state[input].deviceId;
    if (!this.state[input].on) {
      this.#drop(input); // a muted microphone of the old choice
      this.#remember(kind, id);
      this.#input(input, { deviceId: id });
      return;
    }
    // Phones cannot run two cameras at once.
    if (input === 'video') this.#tracks.video?.stop();
    try {
      await this.#open(input, id);
      this.#remember(kind, id);
    } catch (error) {
      if (before) await this.#open(input, before).catch(() => {});
      throw error;
    }
  }

  /** How loud one's own voice is, 0 to 1; 0 while muted. */
  level() {
    return this.audioTrack ? this.#ear.level() : 0;
  }

  /** Lets go of everything. */
  stop() {
    for (const kind of /** @type {Kind[]} */ (['audio', 'video'])) {
      this.#turns[kind]++;
      this.#drop(kind);
      this.#input(kind, { on: false, error: null });
    }
  }

  /** @param {Partial<DevicesState>} change */
  #set(change) {
    this.state = { ...this.state, ...change };
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {Kind} kind
   * @param {Partial<InputState>} change
   */
  #input(kind, change) {
    this.#set({ [kind]: { ...this.state[kind], ...change } });
  }

  /**
   * @param {Kind} kind
   * @param {string} [exact] device id
   */
  async #open(kind, exact) {
    const turn = ++this.#turns[kind];
    const failed = obstacle();
    if (failed) {
      const error = problem(kind, failed);
      this.#input(kind, { on: false, error });
      throw error;
    }
    this.#input(kind, { on: true, error: null });
    try {
      const stream = await this.#capture([kind], exact);
      this.#take(kind, turn, stream.getTracks()[0]);
    } catch (error) {
      if (turn === this.#turns[kind]) throw this.#fail(kind, error);
    }
    if (turn === this.#turns[kind]) void this.#list();
  }

  /**
   * @param {readonly Kind[]} kinds
   * @param {string} [exact]
   */
  #capture(kinds, exact) {
    const wish = (/** @type {Kind} */ kind) => {
      const ideal = this.#chosen[INPUT[kind]];
      return { ...WISHES[kind], ...(exact ? { deviceId: { exact } } : ideal ? { deviceId: { ideal } } : {}) };
    };
    return navigator.mediaDevices.getUserMedia(Object.fromEntries(kinds.map((kind) => [kind, wish(kind)])));
  }

  /**
   * @param {Kind} kind
   * @param {number} turn
   * @param {MediaStreamTrack | undefined} track
   */
  #take(kind, turn, track) {
    if (turn !== this.#turns[kind]) {
      track?.stop();
      return;
    }
    if (!track) return;
    this.#drop(kind);
    this.#tracks[kind] = track;
    track.addEventListener('ended', () => void this.#unplugged(kind, track));
    if (kind === 'audio') this.#ear.listen(track);
    this.#input(kind, { on: true, deviceId: track.getSettings().deviceId ?? null, error: null });
  }

  /** @param {Kind} kind */
  #drop(kind) {
    this.#tracks[kind]?.stop();
    this.#tracks[kind] = null;
    if (kind === 'audio') this.#ear.listen(null);
  }

  /**
   * @param {Kind} kind
   * @param {unknown} error
   */
  #fail(kind, error) {
    const failed = problem(kind, errorType(error));
    this.#drop(kind);
    this.#input(kind, { on: false, error: failed });
    return failed;
  }

  /**
   * A track ended by itself: unplugged, or no longer allowed. Another device of the kind takes over where there is one.
   * The person is told, unless the person has turned the device off meanwhile.
   * @param {Kind} kind
   * @param {MediaStreamTrack} track
   */
  async #unplugged(kind, track) {
    if (this.#tracks[kind] !== track) return;
    const wanted = this.state[kind].on;
    this.#drop(kind);
    if (wanted) {
      await this.#open(kind).catch(() => {}); // it is in the state
      const { error } = this.state[kind];
      const next = this.#tracks[kind];
      if (error || next) this.#lost({ kind: INPUT[kind], error, device: next?.label ?? '' });
    }
    await this.#list();
  }

  /** @param {DeviceLoss} loss */
  #lost(loss) {
    this.dispatchEvent(new CustomEvent('lost', { detail: loss }));
  }

  async #list() {
    const all = await navigator.mediaDevices?.enumerateDevices?.().catch(() => []) ?? [];
    /** @type {{[list: string]: Device[]}} */
    const lists = { microphones: [], cameras: [], speakers: [] };
    for (const { kind, deviceId, label } of all) {
      // The same device a second time, under a name of Windows.
      if (deviceId !== 'communications') lists[LISTS[kind]]?.push({ id: deviceId, label });
    }
    this.#set(lists);
    this.#seat(lists.speakers);
  }

  /**
   * A chosen speaker that is unplugged gives way to the default one, and is used again when it is back.
   * @param {readonly Device[]} speakers
   */
  #seat(speakers) {
    const wish = this.#chosen.audiooutput || null;
    // Browsers name no device before the person has allowed one.
    const named = speakers.some(({ id }) => id);
    const deviceId = !named || speakers.some(({ id }) => id === wish) ? wish : null;
    if (deviceId === this.state.output.deviceId) return;
    this.#set({ output: { deviceId } });
    if (!deviceId) this.#lost({ kind: 'audiooutput', error: null, device: speakers[0].label });
  }

  /**
   * @param {DeviceKind} kind
   * @param {string} id
   */
  #remember(kind, id) {
    this.#chosen = { ...this.#chosen, [kind]: id };
    try {
      localStorage.setItem(STORED, JSON.stringify(this.#chosen));
    } catch {
      // Then it holds for this visit only.
    }
  }
}

/** @param {Kind} kind */
async function granted(kind) {
  try {
    const name = /** @type {PermissionName} */ (kind === 'audio' ? 'microphone' : 'camera');
    return (await navigator.permissions.query({ name })).state === 'granted';
  } catch {
    return false; // a browser that does not tell
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? '{}') ?? {};
  } catch {
    return {};
  }
}
