// One RTCPeerConnection to one member, and how it is negotiated. Knows neither sockets nor the room.
//
// Who offered first stays the offerer (`side`); the answerer asks for an offer by `getOffer`. Everything done to the
// connection runs in one queue, at most one negotiation is under way, and wishes that come meanwhile are one wish. The
// other end may be a browser or a server, which may offer anything at any time: it is always answered. Where it is the
// member SERVER, negotiations go over the socket (PROTOCOL.md 5.3), and only the server offers what it has offered.

import { Health } from './health.js';
import { decodePeer, randomId, SERVER } from './protocol.js';
import { KINDS, ownersOf, Senders } from './tracks.js';

/** @import {ConnectorHooks, Kind, PeerMessage, Side, StreamOwner, StreamType, Tracks} from './types.js' */
/** @typedef {'channel' | 'signal'} Way of a renegotiation: the data channel, or the server by reconnectWork */

const ANSWER_MS = 8000; // then an offer or a request counts as lost
const TRIES = 3;
/** @param {RTCSessionDescription | null} description */
const credentials = (description) => /^a=ice-ufrag:(.*)$/m.exec(description?.sdp ?? '')?.[1];

export class Connector {
  /** Of the other side; '' until known. */
  remoteId = '';
  /** @type {RTCDataChannel | null} */
  channel = null;
  closed = false;
  /** The answer has come, or gone out. */
  answered = false;
  /** Of a downlink: whose its lines are, by mid. @type {Map<string, StreamOwner>} */
  owners = new Map();
  #queue = Promise.resolve();
  /** @type {Senders} */
  #senders;
  /** Found before both ids were known. @type {RTCIceCandidate[]} */
  #found = [];
  /** Came before the description they belong to. @type {RTCIceCandidateInit[]} */
  #heard = [];
  /** Kinds to be renegotiated, and whether one needs a line of its own. @type {Map<Kind, 'add' | 'remove'>} */
  #wishes = new Map();
  /** How an offer of ours was asked for, by the other end or by ourselves; by 'signal' it restarts ICE. @type {Way | null} */
  #asked = null;
  /** The offer that is out restarts ICE. */
  #restarts = false;
  #tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #waiting;

  /**
   * @param {object} options
   * @param {string} options.memberId
   * @param {StreamType} options.streamType
   * @param {Side} options.side
   * @param {RTCConfiguration} options.configuration
   * @param {MediaStream} options.stream that the tracks sent belong to
   * @param {() => boolean} options.sfu whether a server is the other end
   * @param {ConnectorHooks} options.hooks
   * @param {(configuration: RTCConfiguration) => RTCPeerConnection} [options.make] for tests
   */
  constructor({ memberId, streamType, side, configuration, stream, sfu, hooks, make = (given) => new RTCPeerConnection(given) }) {
    this.id = randomId();
    this.memberId = memberId;
    this.streamType = streamType;
    this.side = side;
    this.sfu = sfu;
    this.hooks = hooks;
    this.pc = make(configuration);
    this.#senders = new Senders(this.pc, stream);
    this.health = new Health(this.pc, {
      restart: (attempt) => this.#restart(attempt),
      changed: () => {
        if (this.pc.connectionState === 'connected') this.#run(() => this.#senders.limit());
        this.#changed();
      },
    });
    this.#listen();
  }

  /**
   * Offers.
   * @param {Tracks} tracks
   */
  offer(tracks) {
    for (const kind of KINDS) {
      const track = tracks[kind];
      if (track) this.#senders.add(kind, track);
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
   * @param {readonly StreamOwner[]} [streams] of a downlink
   */
  answer(remoteId, offer, tracks, streams) {
    this.remoteId = remoteId;
    for (const kind of KINDS) {
      const track = tracks[kind];
      if (track) this.#senders.add(kind, track);
    }
    this.#run(async () => {
      await this.#setRemote(offer, streams);
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
      this.#run(() => this.#answerAgain(data, way));
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
    this.#run(async () => {
      for (const kind of KINDS) if (await this.#senders.fit(kind, tracks[kind])) this.#wish(kind, tracks[kind] !== null);
      this.#pump();
    });
  }

  /** The server can be reached again. */
  resume() {
    this.#run(async () => this.#pump());
  }

  /**
   * Limits what the picture may take.
   * @param {number} maxBitrate bit/s
   * @param {number} scale 2: half the width and height
   */
  limit(maxBitrate, scale) {
    this.#run(() => this.#senders.limit({ maxBitrate, scaleResolutionDownBy: scale }));
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

  get state() {
    return this.health.state;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#waiting);
    this.health.stop();
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

  #description() {
    const { type, sdp } = /** @type {RTCSessionDescription} */ (this.pc.localDescription);
    return { type, sdp };
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {readonly StreamOwner[]} [streams] absent: as before
   */
  async #setRemote(description, streams) {
    await this.pc.setRemoteDescription(description);
    if (streams) this.owners = ownersOf(description.sdp ?? '', streams);
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

  /** @param {Kind} kind @param {boolean} on */
  #wish(kind, on) {
    // 'add' makes an existing client add a line to the description, so it is said only where one is missing. A server
    // is told the truth.
    this.#wishes.set(kind, on && (this.sfu() || !this.#senders.placed(kind)) ? 'add' : 'remove');
    this.#tries = 0;
  }

  /** Begins the next negotiation, if one is wanted and none is under way. Runs in the queue. */
  #pump() {
    if (this.#waiting !== undefined || !this.answered || this.closed) return;
    const asked = this.#asked;
    if (!asked && this.#wishes.size === 0) return;
    /** @type {Way} */
    const way = asked === 'signal' || this.memberId === SERVER || this.channel?.readyState === 'closed' ? 'signal' : 'channel';
    if (way === 'channel' ? !this.open : !this.hooks.online()) return;
    this.#waiting = setTimeout(() => this.#unanswered(), ANSWER_MS);
    if (this.side === 'offer' || asked) {
      this.#asked = null;
      this.#restarts = asked === 'signal';
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
   * @param {{offer: RTCSessionDescriptionInit, streams?: StreamOwner[]}} data
   * @param {Way} way
   */
  async #answerAgain({ offer, streams }, way) {
    // Two offers have crossed: the first offerer's holds, the other side gives its own up (JSEP: implicit rollback).
    if (this.side === 'offer' && this.pc.signalingState === 'have-local-offer') return;
    const lost = this.pc.signalingState === 'have-local-offer';
    const before = credentials(this.pc.currentLocalDescription);
    await this.#setRemote(offer, streams);
    await this.pc.setLocalDescription();
    this.#say('answer', { answer: this.#description() }, way);
    if (lost) {
      // The other side's offer is what was asked for, but for new credentials, if it brought none.
      const restart = (this.#restarts || this.#asked === 'signal') && credentials(this.pc.currentLocalDescription) === before;
      this.#asked = restart ? 'signal' : null; // the browser still owes the restart
    }
    for (const kind of this.#wishes.keys()) if (this.#senders.agreed(kind)) this.#wishes.delete(kind);
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
    const open = KINDS.filter((kind) => !this.#senders.agreed(kind));
    const stuck = this.pc.signalingState !== 'stable';
    if (++this.#tries >= TRIES || (open.length === 0 && !stuck && !this.#asked)) return;
    const tries = this.#tries;
    for (const kind of open) this.#wish(kind, this.#senders.sends(kind));
    this.#tries = tries;
    if (stuck) this.#asked = this.pc.connectionState === 'connected' ? 'channel' : 'signal';
    this.#run(async () => this.#pump());
  }

  /**
   * A new path for the same connection. Existing clients make an offer when asked, but one without new credentials:
   * then the answerer offers itself the next time.
   * @param {number} attempt
   */
  #restart(attempt) {
    if (!this.answered || !this.hooks.online()) return;
    this.#run(async () => {
      if (this.side === 'answer' && (attempt % 2 === 0 || this.memberId === SERVER)) {
        this.#say('getOffer', undefined, 'signal');
        return;
      }
      this.pc.restartIce();
      this.#asked = 'signal';
      clearTimeout(this.#waiting); // whatever was under way went over the path that is broken
      this.#waiting = undefined;
      this.#pump();
    });
  }
}
