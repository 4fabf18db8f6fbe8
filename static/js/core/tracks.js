// What goes out over one connection, and what comes in.
//
// Turning a camera off keeps its transceiver and its line of the description: the sender's track goes, and the direction.
// Existing clients see that as `removetrack`.

/** @import {Kind, StreamOwner} from './types.js' */
/** @import {Connector} from './connector.js' */

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

/** @typedef {{audio: RTCRtpReceiver | null, video: RTCRtpReceiver | null}} Receivers */

/**
 * What comes in of a member now: of each kind the latest that runs. A server may keep many lines of a kind.
 * @param {Connector} connector
 * @param {string} memberId
 * @param {string} stream
 */
export function received(connector, memberId, stream) {
  /** @type {Receivers} */
  const receivers = { audio: null, video: null };
  for (const { receiver, currentDirection, mid } of connector.pc.getTransceivers()) {
    const { track } = receiver;
    if ((currentDirection !== 'sendrecv' && currentDirection !== 'recvonly') || track.readyState !== 'live' || !carries(connector, mid, memberId, stream)) continue;
    const kind = /** @type {Kind} */ (track.kind);
    if (kind === 'video' && track.muted) continue; // nothing has come yet
    if (!receivers[kind] || !track.muted) receivers[kind] = receiver;
  }
  return receivers;
}

/**
 * Whether a line of a connector is a member's. Only a downlink has lines of many.
 * @param {Connector} connector
 * @param {string | null | undefined} mid
 * @param {string} memberId
 * @param {string} stream
 */
export function carries({ streamType, owners }, mid, memberId, stream) {
  if (streamType !== 'downlink') return true;
  const owner = owners.get(mid ?? '');
  return owner?.memberId === memberId && owner.streamType === stream;
}

/**
 * Whose the lines of a description are, by mid.
 * @param {string} sdp
 * @param {readonly StreamOwner[]} streams
 */
export function ownersOf(sdp, streams) {
  const owners = new Map(streams.map((stream) => [stream.streamId, stream]));
  /** @type {Map<string, StreamOwner>} */
  const lines = new Map();
  for (const section of sdp.split(/^m=/m).slice(1)) {
    const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
    const owner = owners.get(/^a=msid:(\S+)/m.exec(section)?.[1] ?? '');
    if (mid && owner) lines.set(mid, owner);
  }
  return lines;
}
