// One RTCPeerConnection to one member, and how it is negotiated. Knows neither sockets nor the room.
//
// Who offered first stays the offerer (`side`); the answerer asks for an offer by `getOffer`. Everything done to the
// connection runs in one queue, at most one negotiation is under way, and wishes that come meanwhile are one wish. The
// other end may be a browser or a server, which may offer anything at any time: it is always answered.
//
// Turning a camera off keeps its transceiver and its line of the description: the sender's track goes, and the direction.
// Existing clients see that as `removetrack`.

import { decodePeer } from './protocol.js';

/** @import {Connection, Kind, PeerMessage, Side, StreamType, Tracks} from './types.js' */

/** @typedef {'channel' | 'signal'} Way of a renegotiation: the data channel, or the server by reconnectWork */

/**
 * @typedef {object} Hooks
 * @property {(event: string, data: any) => void} signal sends to the server
 * @property {() => boolean} online whether the server can be reached now
 * @property {(message: PeerMessage) => void} message something else than a renegotiation came over the channel
 * @property {() => void} changed tracks, state or channel
 */

/** @type {readonly Kind[]} */
const KINDS = ['video', 'audio']; // the order existing clients offer them in
const ANSWER_MS = 8000; // then an offer or a request counts as lost
const TRIES = 3;
const PATIENCE_MS = 3000; // a connection may come back by itself
const RESTART_MS = 8000; // between attempts to restart it
const FAILED_MS = 30_000; // then it is called failed, though attempts go on

export class Connector {
  /** Of the other side; '' until known. */
  remoteId = '';
  /** @type {RTCDataChannel | null} */
  channel = null;
  closed = false;
  /** The answer has come, or gone out. */
  answered = false;
  #queue = Promise.resolve();
  /** @type {Tracks} */
  #tracks = { audio: null, video: null };
  /** @type {{[kind in Kind]?: RTCRtpSender}} */
  #senders = {};
  /** Found before both ids were known. @type {RTCIceCandidate[]} */
  #found = [];
  /** Came before the description they belong to. @type {RTCIceCandidateInit[]} */
  #heard = [];
  /** Kinds to be renegotiated, and whether one needs a line of its own. @type {Map<Kind, 'add' | 'remove'>} */
  #wishes = new Map();
  /** Somebody asked for an offer of ours, and how. @type {Way | null} */
  #asked = null;
  #tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #waiting;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #mending;
  #restarts = 0;
  #brokenSince = 0;
  #wasConnected = false;
  /** @type {{maxBitrate: number, scaleResolutionDownBy: number} | null} */
  #limit = null;

  /**
   * @param {object} options
   * @param {string} options.memberId
   * @param {StreamType} options.streamType
   * @param {Side} options.side
   * @param {RTCConfiguration} options.configuration
   * @param {MediaStream} options.stream that the tracks sent belong to
   * @param {() => boolean} options.sfu whether a server is the other end
   * @param {Hooks} options.hooks
   * @param {(configuration: RTCConfiguration) => RTCPeerConnection} [options.make] for tests
   */
  constructor({ memberId, streamType, side, configuration, stream, sfu, hooks, make = (given) => new RTCPeerConnection(given) }) {
    this.id = randomId();
    this.memberId = memberId;
    this.streamType = streamType;
    this.side = side;
    this.stream = stream;
    this.sfu = sfu;
    this.hooks = hooks;
    this.since = Date.now();
    this.pc = make(configuration);
    this.#listen();
  }

  /**
   * Offers.
   * @param {Tracks} tracks
   */
  offer(tracks) {
    this.#tracks = tracks;
    for (const kind of KINDS) {
      const track = tracks[kind];
      if (track) this.#senders[kind] = this.pc.addTrack(track, this.stream);
      else if (this.streamType === 'user') this.pc.addTransceiver(kind, { direction: 'recvonly' });
    }
    this.#useChannel(this.pc.createDataChannel('chat'));
    this.#run(async () => {
      await this.pc.setLocalDescription();
      const { id: connectorId, memberId, streamType } = this;
      this.hooks.signal('offer', { connectorId, memberId, offer: this.#description(), streamType });
    });
  }

  /**
   * Answers. Tracks are added first: so they attach to the lines that may carry them, and an SFU which takes one's
   * pictures on one connector only gets them there.
   * @param {string} remoteId
   * @param {RTCSessionDescriptionInit} offer
   * @param {Tracks} tracks
   */
  answer(remoteId, offer, tracks) {
    this.remoteId = remoteId;
    this.#tracks = tracks;
    for (const kind of KINDS) {
      const track = tracks[kind];
      if (track) this.#senders[kind] = this.pc.addTrack(track, this.stream);
    }
    this.#run(async () => {
      await this.#setRemote(offer);
      await this.pc.setLocalDescription();
      const { id: connectorId, memberId, streamType } = this;
      this.hooks.signal('answer', { remoteConnectorId: remoteId, connectorId, memberId, answer: this.#description(), streamType });
      this.#introduced();
    });
  }

  /**
   * The answer to our first offer.
   * @param {string} remoteId
   * @param {RTCSessionDescriptionInit} answer
   */
  accept(remoteId, answer) {
    this.#run(async () => {
      if (this.answered) return; // told twice after a reconnect
      this.remoteId = remoteId;
      await this.#setRemote(answer);
      this.#introduced();
    });
  }

  /** @param {RTCIceCandidateInit} candidate */
  addCandidate(candidate) {
    this.#run(async () => {
      if (this.pc.remoteDescription) await this.pc.addIceCandidate(candidate).catch(() => {}); // of an earlier generation
      else this.#heard.push(candidate);
    });
  }

  /**
   * A message of a renegotiation, by either way; the reply goes the same one.
   * @param {PeerMessage} message
   * @param {Way} way
   */
  renegotiate({ type, data }, way) {
    if (type === 'getOffer') {
      // Existing clients send a fresh track on a fresh line, and need one to send it on.
      if (data?.type === 'add' && KINDS.includes(data.kind)) this.#run(async () => void this.pc.addTransceiver(data.kind, { direction: 'recvonly' }));
      if (way === 'signal') this.#run(async () => this.pc.restartIce());
      this.#asked = this.#asked === 'signal' ? 'signal' : way;
      this.#run(async () => this.#pump());
    } else if (type === 'offer' && data?.offer) {
      this.#run(() => this.#answerAgain(data.offer, way));
    } else if (type === 'answer' && data?.answer) {
      this.#run(async () => {
        if (this.pc.signalingState !== 'have-local-offer') return;
        await this.#setRemote(data.answer);
        this.#settled();
      });
    }
  }

  /**
   * What is to be sent from now on. A change of device needs no negotiation; on and off do.
   * @param {Tracks} tracks
   */
  setTracks(tracks) {
    this.#tracks = tracks;
    this.#run(async () => {
      for (const kind of KINDS) await this.#fit(kind);
      this.#pump();
    });
  }

  /**
   * Limits what the picture may take.
   * @param {number} maxBitrate bit/s
   * @param {number} scale 2: half the width and height
   */
  limit(maxBitrate, scale) {
    this.#limit = { maxBitrate, scaleResolutionDownBy: scale };
    this.#run(() => this.#applyLimit());
  }

  /**
   * Sends a text on the channel. False when it cannot.
   * @param {string} text
   */
  send(text) {
    if (!this.open) return false;
    try {
      this.channel?.send(text);
      return true;
    } catch {
      return false; // it is closing, or its buffer is full
    }
  }

  get open() {
    return this.channel?.readyState === 'open';
  }

  /** @returns {Connection} */
  get state() {
    const { connectionState } = this.pc;
    if (connectionState === 'connected') return 'connected';
    const broken = this.#brokenSince > 0 ? Date.now() - this.#brokenSince : 0;
    if (broken >= FAILED_MS || (connectionState === 'closed' && !this.closed)) return 'failed';
    return this.#wasConnected ? 'interrupted' : 'connecting';
  }

  /**
   * What comes in now: of each kind the latest that runs.
   * @returns {Tracks}
   */
  received() {
    /** @type {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} */
    const tracks = { audio: null, video: null };
    for (const { receiver: { track }, currentDirection } of this.pc.getTransceivers()) {
      if ((currentDirection !== 'sendrecv' && currentDirection !== 'recvonly') || track.readyState !== 'live') continue;
      const kind = /** @type {Kind} */ (track.kind);
      if (kind === 'video' && track.muted) continue; // nothing has come yet
      if (!tracks[kind] || !track.muted) tracks[kind] = track;
    }
    return tracks;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#waiting);
    clearTimeout(this.#mending);
    this.channel?.close();
    this.pc.close();
  }

  #listen() {
    const { pc } = this;
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (!candidate?.candidate) return;
      if (this.answered) this.#sendCandidate(candidate);
      else this.#found.push(candidate);
    });
    pc.addEventListener('connectionstatechange', () => this.#moved());
    pc.addEventListener('datachannel', ({ channel }) => this.#useChannel(channel));
    pc.addEventListener('track', ({ track }) => {
      for (const type of ['mute', 'unmute', 'ended']) track.addEventListener(type, () => this.#changed());
      this.#changed();
    });
  }

  /** @param {RTCDataChannel} channel */
  #useChannel(channel) {
    this.channel = channel;
    channel.addEventListener('open', () => {
      this.#changed();
      this.#run(async () => this.#pump());
    });
    channel.addEventListener('close', () => this.#changed());
    channel.addEventListener('message', ({ data }) => {
      const message = decodePeer(data);
      if (!message || this.closed) return;
      if (['getOffer', 'offer', 'answer'].includes(message.type)) this.renegotiate(message, 'channel');
      else this.hooks.message(message);
    });
  }

  #changed() {
    if (!this.closed) this.hooks.changed();
  }

  /**
   * One after the other. What fails is the other side's doing or a race with its end, and must not stop the queue.
   * @param {() => Promise<void>} work
   */
  #run(work) {
    this.#queue = this.#queue.then(async () => {
      if (this.closed) return;
      try {
        await work();
      } catch (error) {
        if (!this.closed) console.debug('connector', this.streamType, error);
      }
      this.#changed();
    });
  }

  async #applyLimit() {
    const sender = this.#senders.video;
    const parameters = sender?.getParameters();
    const [encoding] = parameters?.encodings ?? [];
    if (!this.#limit || !sender || !parameters || !encoding) return;
    if (encoding.maxBitrate === this.#limit.maxBitrate && encoding.scaleResolutionDownBy === this.#limit.scaleResolutionDownBy) return;
    Object.assign(encoding, this.#limit);
    await sender.setParameters(parameters);
  }

  #description() {
    const { type, sdp } = /** @type {RTCSessionDescription} */ (this.pc.localDescription);
    return { type, sdp };
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #setRemote(description) {
    await this.pc.setRemoteDescription(description);
    for (const candidate of this.#heard.splice(0)) await this.pc.addIceCandidate(candidate).catch(() => {});
  }

  /** Both sides know each other's id: now candidates mean something to both. */
  #introduced() {
    this.answered = true;
    for (const candidate of this.#found.splice(0)) this.#sendCandidate(candidate);
    this.#pump();
  }

  /** @param {RTCIceCandidate} candidate */
  #sendCandidate(candidate) {
    this.hooks.signal('icecandidate', { remoteConnectorId: this.remoteId, memberId: this.memberId, candidate: candidate.toJSON() });
  }

  /** @param {Kind} kind */
  async #fit(kind) {
    const track = this.#tracks[kind];
    const sender = this.#senders[kind];
    const was = sender?.track ?? null;
    if (track === was) return;
    if (sender) {
      await sender.replaceTrack(track);
      const line = this.#line(sender);
      if (line && Boolean(track) !== Boolean(was)) line.direction = track ? 'sendrecv' : 'recvonly';
    } else if (track) {
      // Takes the line that the other side has offered, where there is one.
      this.#senders[kind] = this.pc.addTrack(track, this.stream);
    }
    if (Boolean(track) !== Boolean(was)) this.#wish(kind, track !== null);
  }

  /** @param {RTCRtpSender} sender */
  #line(sender) {
    return this.pc.getTransceivers().find((transceiver) => transceiver.sender === sender);
  }

  /**
   * @param {Kind} kind
   * @param {boolean} on
   */
  #wish(kind, on) {
    const sender = this.#senders[kind];
    // 'add' makes an existing client add a line to the description, so it is said only where one is missing. A server
    // is told the truth.
    const add = on && (this.sfu() || !(sender && this.#line(sender)?.mid));
    this.#wishes.set(kind, add ? 'add' : 'remove');
    this.#tries = 0;
  }

  /** Whether the other side has agreed to what is sent of a kind. @param {Kind} kind */
  #agreed(kind) {
    const sender = this.#senders[kind];
    const direction = sender && this.#line(sender)?.currentDirection;
    return Boolean(sender?.track) === (direction === 'sendrecv' || direction === 'sendonly');
  }

  /** Begins the next negotiation, if one is wanted and none is under way. Runs in the queue. */
  #pump() {
    if (this.#waiting !== undefined || !this.answered || this.closed) return;
    const asked = this.#asked;
    if (!asked && this.#wishes.size === 0) return;
    /** @type {Way} */
    const way = asked === 'signal' || this.channel?.readyState === 'closed' ? 'signal' : 'channel';
    if (way === 'channel' ? !this.open : !this.hooks.online()) return;
    this.#waiting = setTimeout(() => this.#unanswered(), ANSWER_MS);
    if (this.side === 'offer' || asked) {
      this.#asked = null;
      this.#wishes.clear();
      this.#run(async () => {
        await this.pc.setLocalDescription();
        this.#say('offer', { offer: this.#description() }, way);
      });
      return;
    }
    const [kind, type] = [...this.#wishes].find(([, wish]) => wish === 'add') ?? [...this.#wishes][0];
    this.#wishes.delete(kind);
    if (type === 'remove') for (const [other, wish] of this.#wishes) if (wish === 'remove') this.#wishes.delete(other);
    this.#say('getOffer', { kind, type }, way);
  }

  /**
   * @param {string} type
   * @param {any} data
   * @param {Way} way
   */
  #say(type, data, way) {
    if (way === 'channel') this.send(JSON.stringify({ type, data }));
    else this.hooks.signal('reconnectWork', { type, data, connectorId: this.id, memberId: this.memberId });
  }

  /**
   * @param {RTCSessionDescriptionInit} offer
   * @param {Way} way
   */
  async #answerAgain(offer, way) {
    // Two offers have crossed: the first offerer's holds, the other side gives its own up (JSEP: implicit rollback).
    if (this.side === 'offer' && this.pc.signalingState === 'have-local-offer') return;
    const lost = this.pc.signalingState === 'have-local-offer';
    await this.#setRemote(offer);
    await this.pc.setLocalDescription();
    this.#say('answer', { answer: this.#description() }, way);
    if (lost) this.#asked = null;
    for (const kind of this.#wishes.keys()) if (this.#agreed(kind)) this.#wishes.delete(kind);
    this.#settled();
  }

  #settled() {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#tries = 0;
    this.#pump();
  }

  /** An offer or a request got lost, or the other side did not care for it. */
  #unanswered() {
    this.#waiting = undefined;
    const open = KINDS.filter((kind) => this.#senders[kind] && !this.#agreed(kind));
    const stuck = this.pc.signalingState !== 'stable';
    if (++this.#tries >= TRIES || (open.length === 0 && !stuck)) return;
    const tries = this.#tries;
    for (const kind of open) this.#wish(kind, Boolean(this.#senders[kind]?.track));
    this.#tries = tries;
    if (stuck) this.#asked = this.pc.connectionState === 'connected' ? 'channel' : 'signal';
    this.#run(async () => this.#pump());
  }

  #moved() {
    const { connectionState } = this.pc;
    if (connectionState === 'connected') {
      clearTimeout(this.#mending);
      this.#mending = undefined;
      this.#wasConnected = true;
      this.#restarts = this.#brokenSince = 0;
      this.#run(() => this.#applyLimit());
    } else if (connectionState === 'disconnected' || connectionState === 'failed') {
      this.#brokenSince ||= Date.now();
      this.#mendIn(connectionState === 'failed' ? 0 : PATIENCE_MS);
    }
    this.#changed();
  }

  /** @param {number} delay */
  #mendIn(delay) {
    if (this.#mending !== undefined && delay > 0) return;
    clearTimeout(this.#mending);
    this.#mending = setTimeout(() => {
      this.#mending = undefined;
      if (this.closed || this.pc.connectionState === 'connected') return;
      this.#mendIn(RESTART_MS);
      this.#changed();
      if (this.hooks.online()) this.#run(async () => this.#restart());
    }, delay);
  }

  /**
   * A new path for the same connection. Existing clients make an offer when asked, but one without new credentials:
   * then the answerer offers itself the next time.
   */
  #restart() {
    if (!this.answered) return;
    if (this.side === 'answer' && this.#restarts++ % 2 === 0) {
      this.#say('getOffer', undefined, 'signal');
      return;
    }
    this.pc.restartIce();
    this.#asked = 'signal';
    clearTimeout(this.#waiting); // whatever was under way went over the path that is broken
    this.#waiting = undefined;
    this.#pump();
  }
}

/** A UUID where the page's origin is secure, and as good as one where it is not. */
export function randomId() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
