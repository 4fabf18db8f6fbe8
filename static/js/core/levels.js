// How loud things are, as 0 to 1 on the scale of the ear: quiet rooms are 0, a raised voice is 1.

const SILENT_DB = -50;
const LOUD_DB = -10;
const ASK_MS = 250;

/** @param {number} amplitude 0 to 1, linear */
export function loudness(amplitude) {
  if (!(amplitude > 0)) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(amplitude) - SILENT_DB) / (LOUD_DB - SILENT_DB)));
}

/** Listens to one track. */
export class Ear {
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {AudioContext | null} */
  #context = null;
  #samples = new Float32Array(512);

  /** @param {MediaStreamTrack | null} track */
  listen(track) {
    this.#source?.disconnect();
    this.#source = null;
    if (!track || typeof AudioContext === 'undefined') return;
    if (!this.#context) {
      this.#context = new AudioContext();
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = this.#samples.length;
    }
    // Browsers start it only after a click or a key.
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => this.#wake(), { once: true, capture: true });
    this.#wake();
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(/** @type {AnalyserNode} */ (this.#analyser));
  }

  level() {
    if (!this.#source || !this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return loudness(Math.sqrt(sum / this.#samples.length));
  }

  #wake() {
    if (this.#context?.state === 'suspended') void this.#context.resume().catch(() => {});
  }
}

/** Latest answer of browsers that have to be asked, by receiver. @type {WeakMap<RTCRtpReceiver, {level: number, at: number}>} */
const answers = new WeakMap();

/**
 * How loud what comes in is.
 * @param {RTCRtpReceiver | null} receiver
 */
export function remoteLevel(receiver) {
  if (!receiver) return 0;
  const [source] = receiver.getSynchronizationSources();
  if (source && performance.timeOrigin + performance.now() - source.timestamp > 1000) return 0;
  if (source?.audioLevel !== undefined) return loudness(source.audioLevel);
  // Senders, or a server between, may leave the level out of the packets.
  const last = answers.get(receiver) ?? { level: 0, at: 0 };
  if (performance.now() - last.at > ASK_MS) {
    answers.set(receiver, { ...last, at: performance.now() });
    receiver.getStats().then((report) => report.forEach((/** @type {any} */ entry) => {
      if (entry.type === 'inbound-rtp') answers.set(receiver, { level: loudness(entry.audioLevel ?? 0), at: performance.now() });
    }), () => {});
  }
  return last.level;
}
