// What goes out over one connection, and what comes in.
//
// Turning a camera off keeps its transceiver and its line of the description: the sender's track goes, and the direction.
// Existing clients see that as `removetrack`.

/** @import {Kind, Tracks} from './types.js' */

/** @type {readonly Kind[]} In the order that existing clients offer them in. */
export const KINDS = ['video', 'audio'];

export class Senders {
  /** @type {{[kind in Kind]?: RTCRtpSender}} */
  #senders = {};
  /** @type {{maxBitrate: number, scaleResolutionDownBy: number} | undefined} */
  #limit;

  /**
   * @param {RTCPeerConnection} pc
   * @param {MediaStream} stream that the tracks belong to
   */
  constructor(pc, stream) {
    this.pc = pc;
    this.stream = stream;
  }

  /**
   * Takes the line that the other side has offered, where there is one.
   * @param {Kind} kind
   * @param {MediaStreamTrack} track
   */
  add(kind, track) {
    this.#senders[kind] = this.pc.addTrack(track, this.stream);
  }

  /**
   * Sends a track, another one, or none. True if that is to be negotiated.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async fit(kind, track) {
    const sender = this.#senders[kind];
    const was = sender?.track ?? null;
    if (track === was) return false;
    const turned = Boolean(track) !== Boolean(was);
    if (sender) {
      await sender.replaceTrack(track);
      const line = this.#line(kind);
      if (line && turned) line.direction = track ? 'sendrecv' : 'recvonly';
    } else if (track) this.add(kind, track);
    return turned;
  }

  /** @param {Kind} kind */
  sends(kind) {
    return Boolean(this.#senders[kind]?.track);
  }

  /** Whether a kind has a line of the description. @param {Kind} kind */
  placed(kind) {
    return Boolean(this.#line(kind)?.mid);
  }

  /** Whether the other side has agreed to what is sent of a kind. @param {Kind} kind */
  agreed(kind) {
    const direction = this.#line(kind)?.currentDirection;
    return this.sends(kind) === (direction === 'sendrecv' || direction === 'sendonly');
  }

  /**
   * Limits the picture, or says so again: before it is connected, a browser may not take it.
   * @param {{maxBitrate: number, scaleResolutionDownBy: number}} [limit]
   */
  async limit(limit = this.#limit) {
    this.#limit = limit;
    const sender = this.#senders.video;
    const parameters = sender?.getParameters();
    const [encoding] = parameters?.encodings ?? [];
    if (!limit || !sender || !parameters || !encoding) return;
    if (encoding.maxBitrate === limit.maxBitrate && encoding.scaleResolutionDownBy === limit.scaleResolutionDownBy) return;
    Object.assign(encoding, limit);
    await sender.setParameters(parameters);
  }

  /** @param {Kind} kind */
  #line(kind) {
    const sender = this.#senders[kind];
    return sender && this.pc.getTransceivers().find((transceiver) => transceiver.sender === sender);
  }
}

/**
 * What comes in now: of each kind the latest that runs. A server may keep many lines of a kind.
 * @param {RTCPeerConnection} pc
 * @returns {Tracks}
 */
export function received(pc) {
  /** @type {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} */
  const tracks = { audio: null, video: null };
  for (const { receiver: { track }, currentDirection } of pc.getTransceivers()) {
    if ((currentDirection !== 'sendrecv' && currentDirection !== 'recvonly') || track.readyState !== 'live') continue;
    const kind = /** @type {Kind} */ (track.kind);
    if (kind === 'video' && track.muted) continue; // nothing has come yet
    if (!tracks[kind] || !track.muted) tracks[kind] = track;
  }
  return tracks;
}
