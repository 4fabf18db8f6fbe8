// All connectors of a room: one for each member, and more for shared screens. Turns the server's events into their
// methods, and tells the room what they bring.

import { Connector } from './connector.js';

/** @import {Connection, PeerMessage, StreamType, Tracks} from './types.js' */
/** @import {Frame} from './protocol.js' */
/** @import {Socket} from './socket.js' */

/**
 * @typedef {object} MeshHooks
 * @property {() => void} changed what members send, or how they are connected
 * @property {(connector: Connector, message: PeerMessage) => void} message of the chat
 */

/** @typedef {{camera: MediaStream, tracks: Tracks, screen: MediaStream | null, connection: Connection}} MemberMedia */

const CLOSING_MS = 2000; // a `close` may wait this long for its channel
const UPLINK = 3_000_000; // bit/s for all copies of one's picture
const COPY = { most: 1_700_000, least: 200_000 };
const SCREEN = 2_500_000;

/** @type {Tracks} */
const NOTHING = Object.freeze({ audio: null, video: null });

export class Mesh {
  /** By own id. @type {Map<string, Connector>} */
  connectors = new Map();
  /** @type {RTCConfiguration} */
  configuration = {};
  sfu = false;
  /** One for each member, so that a tile keeps what it plays. @type {Map<string, {camera: MediaStream, screen: MediaStream}>} */
  #streams = new Map();
  #own = new MediaStream();
  /** @type {Tracks} */
  #tracks = NOTHING;
  /** @type {MediaStream | null} */
  #display = null;

  /**
   * @param {Socket} socket
   * @param {MeshHooks} hooks
   */
  constructor(socket, hooks) {
    this.socket = socket;
    this.hooks = hooks;
  }

  /**
   * An event of the server. Ids that are not known any more are those of connectors that have just ended.
   * @param {Frame} frame
   */
  handle({ event, data }) {
    const connector = this.connectors.get(data.connectorId);
    switch (event) {
      case 'getOffer': return this.#getOffer(String(data.memberId));
      case 'offer': return this.#offered(data);
      case 'answer': return connector?.accept(data.remoteConnectorId, data.answer);
      case 'icecandidate': return connector?.addCandidate(data.candidate);
      case 'leave': return this.close(data.connectorId);
      case 'reconnect':
        if (data.type === 'leave') this.closeAll();
        else connector?.renegotiate(data, 'signal');
        return;
      default:
    }
  }

  /** @param {Tracks} tracks what one sends of oneself */
  setTracks(tracks) {
    this.#tracks = tracks;
    for (const connector of this.#of('user')) connector.setTracks(tracks);
    this.#shareOut();
  }

  /**
   * Shows a screen to everybody who is here or comes.
   * @param {MediaStream} stream
   */
  share(stream) {
    this.#display = stream;
    for (const memberId of new Set(this.#of('user').map((connector) => connector.memberId))) this.#show(memberId);
  }

  unshare() {
    this.#display = null;
    for (const connector of this.#of('display')) this.#say(connector, () => this.close(connector.id));
  }

  /** @param {string} id */
  close(id) {
    const connector = this.connectors.get(id);
    if (!connector) return;
    this.connectors.delete(id);
    connector.close();
    this.#shareOut();
    this.hooks.changed();
  }

  /** @param {string} memberId */
  closeMember(memberId) {
    for (const connector of [...this.connectors.values()]) if (connector.memberId === memberId) this.close(connector.id);
    this.#streams.delete(memberId);
  }

  closeAll() {
    for (const id of [...this.connectors.keys()]) this.close(id);
  }

  /**
   * After the link was down: whatever the server does not name has ended meanwhile, unless it could not hear of it yet.
   * @param {readonly {connectorId: string}[]} living
   */
  keep(living) {
    const named = new Set(living.map(({ connectorId }) => connectorId));
    for (const { id } of [...this.connectors.values()]) if (!named.has(id) && !this.socket.holds(id)) this.close(id);
    this.showAll();
  }

  /** A screen goes to everyone one is connected to and who has not been shown it. */
  showAll() {
    const shown = new Set(this.#of('display').map((connector) => connector.memberId));
    for (const { memberId } of this.#of('user')) {
      if (this.#display && !shown.has(memberId)) {
        shown.add(memberId);
        this.#show(memberId);
      }
    }
  }

  /** As `leave` wants it. */
  list() {
    return [...this.connectors.values()].map(({ remoteId, memberId }) => ({ remoteConnectorId: remoteId || undefined, memberId }));
  }

  /**
   * The connector that messages to a member go over: the latest whose channel is open.
   * @param {string} memberId
   */
  to(memberId) {
    return this.#of('user', memberId).findLast((connector) => connector.open) ?? null;
  }

  /**
   * What a member sends. Two connectors at once, while a room changes its ways, are one picture all the same.
   * @param {string} memberId
   * @returns {MemberMedia}
   */
  media(memberId) {
    let streams = this.#streams.get(memberId);
    if (!streams) this.#streams.set(memberId, streams = { camera: new MediaStream(), screen: new MediaStream() });
    const people = this.#of('user', memberId);
    const screens = this.#of('remoteDisplay', memberId);
    const tracks = fill(streams.camera, people);
    const screen = fill(streams.screen, screens).video ? streams.screen : null;
    const best = people.find((connector) => connector.state === 'connected') ?? people.at(-1);
    return { camera: streams.camera, tracks, screen, connection: best?.state ?? 'connecting' };
  }

  /**
   * @param {StreamType} streamType
   * @param {string} [memberId]
   */
  #of(streamType, memberId) {
    return [...this.connectors.values()].filter((one) => one.streamType === streamType && (memberId === undefined || one.memberId === memberId));
  }

  /**
   * @param {string} memberId
   * @param {StreamType} streamType
   * @param {'offer' | 'answer'} side
   */
  #make(memberId, streamType, side) {
    const connector = new Connector({
      memberId, streamType, side, configuration: this.configuration,
      stream: streamType === 'display' && this.#display ? this.#display : this.#own,
      sfu: () => this.sfu,
      hooks: {
        signal: (event, data) => this.socket.send(event, data),
        online: () => this.socket.up,
        message: (message) => this.#heard(connector, message),
        changed: () => this.#changed(connector),
      },
    });
    this.connectors.set(connector.id, connector);
    return connector;
  }

  /** The newcomer is offered a shared screen first, as by existing clients. @param {string} memberId */
  #getOffer(memberId) {
    if (this.#display) this.#show(memberId);
    this.#make(memberId, 'user', 'offer').offer(this.#tracks);
    this.#shareOut();
    this.hooks.changed();
  }

  /** @param {string} memberId */
  #show(memberId) {
    if (!this.#display) return;
    const [video = null] = this.#display.getVideoTracks();
    const [audio = null] = this.#display.getAudioTracks();
    const connector = this.#make(memberId, 'display', 'offer');
    connector.offer({ video, audio });
    connector.limit(SCREEN, 1);
  }

  /** @param {any} data */
  #offered({ memberId, remoteConnectorId, offer, streamType }) {
    const known = [...this.connectors.values()].some((one) => one.memberId === memberId && one.remoteId === remoteConnectorId);
    if (known || !offer) return;
    const user = streamType === 'user';
    this.#make(memberId, user ? 'user' : 'remoteDisplay', 'answer').answer(remoteConnectorId, offer, user ? this.#tracks : NOTHING);
    if (user) this.showAll();
    this.#shareOut();
    this.hooks.changed();
  }

  /**
   * @param {Connector} connector
   * @param {PeerMessage} message
   */
  #heard(connector, message) {
    // One member cannot close another's.
    if (message.type !== 'close') this.hooks.message(connector, message);
    else if (this.connectors.get(message.data?.connectorId)?.memberId === connector.memberId) this.close(message.data.connectorId);
  }

  /** @param {Connector} connector */
  #changed(connector) {
    // Its sharer closed it, and the word of that was lost.
    const ended = connector.channel?.readyState === 'closed' && connector.pc.connectionState !== 'failed';
    if (connector.streamType === 'remoteDisplay' && ended) return this.close(connector.id);
    this.hooks.changed();
  }

  /**
   * Ends a screen at the one who watches, then `after`.
   * @param {Connector} connector
   * @param {() => void} after
   */
  #say(connector, after) {
    const close = () => connector.send(JSON.stringify({ type: 'close', data: { connectorId: connector.remoteId } }));
    if (close() || !connector.channel) return after();
    connector.channel.addEventListener('open', () => {
      close();
      after();
    });
    setTimeout(after, CLOSING_MS);
  }

  /** The more copies of one's picture are sent, the less each may take: of the line, and of the processor. */
  #shareOut() {
    const connectors = this.#of('user');
    const count = this.sfu ? 1 : Math.max(1, connectors.length);
    const each = Math.round(Math.min(COPY.most, Math.max(COPY.least, UPLINK / count)));
    for (const connector of connectors) connector.limit(each, count > 6 ? 4 : count > 3 ? 2 : 1);
  }
}

/**
 * Gives a stream the tracks that its connectors bring, the latest connector's first.
 * @param {MediaStream} stream
 * @param {readonly Connector[]} connectors
 * @returns {Tracks}
 */
function fill(stream, connectors) {
  const received = connectors.map((connector) => connector.received()).reverse();
  const audio = received.find((tracks) => tracks.audio)?.audio ?? null;
  const video = received.find((tracks) => tracks.video)?.video ?? null;
  const wanted = [audio, video].filter((track) => track !== null);
  for (const track of stream.getTracks()) if (!wanted.includes(track)) stream.removeTrack(track);
  for (const track of wanted) if (!stream.getTracks().includes(track)) stream.addTrack(track);
  return { audio, video };
}
