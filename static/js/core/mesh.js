// All connectors of a room: in P2P mode one for each member, and more for shared screens; in SFU mode at most three with
// the member SERVER (PROTOCOL.md 5.3); both while a room changes its mode. Turns the server's events into their methods,
// and tells the room what they bring.

import { Connector } from './connector.js';
import { SERVER } from './protocol.js';
import { Streams } from './streams.js';
import { received } from './tracks.js';

/** @import {Connection, PeerMessage, StreamType, Tracks} from './types.js' */
/** @import {Frame} from './protocol.js' */
/** @import {Socket} from './socket.js' */

/**
 * @typedef {object} MeshHooks
 * @property {() => void} changed what members send, or how they are connected
 * @property {(memberId: string, message: PeerMessage) => void} message of the chat
 * @property {(connectorId: string, state: 'connected' | 'failed') => void} fared how a connector to a member does
 * @property {() => void} screenLost the server cannot take one's screen
 */

/** @typedef {{camera: MediaStream, tracks: Tracks, screen: MediaStream | null, connection: Connection}} MemberMedia */

const AGAIN_MS = 1000; // after the server has ended one's screen
const LINGER_MS = 700; // a picture of the mesh stays, when it has ended for one of the server's
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
  #streams;
  /** @type {WeakMap<Connector, string>} */
  #fared = new WeakMap();
  #own = new MediaStream();
  /** @type {Tracks} */
  #tracks = NOTHING;
  /** @type {MediaStream | null} */
  #display = null;
  #shownAgain = false;

  /**
   * @param {Socket} socket
   * @param {MeshHooks} hooks
   */
  constructor(socket, hooks) {
    this.socket = socket;
    this.hooks = hooks;
    this.#streams = new Streams(() => hooks.changed());
  }

  /** @param {boolean} sfu */
  setMode(sfu) {
    this.sfu = sfu;
    this.#shareOut();
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
      case 'leave':
        this.#ended(data.connectorId);
        if (connector?.streamType === 'display' && connector.memberId === SERVER) setTimeout(() => this.#lostScreen(), AGAIN_MS);
        return;
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
    this.#shownAgain = false;
    this.showAll();
  }

  /**
   * The other end is gone. When it has gone over to the server, the last picture stays until that of the server is there:
   * there is a moment between the two.
   * @param {string} id
   */
  #ended(id) {
    const connector = this.connectors.get(id);
    if (!connector || !this.downlink || connector.memberId === SERVER || connector.streamType === 'display') return this.close(id);
    connector.health.stop(); // nothing is to be mended
    setTimeout(() => this.close(id), LINGER_MS);
  }

  /** The server ended the connector of one's screen, not we: it is shown once more. */
  #lostScreen() {
    if (!this.#display || !this.sfu || this.#of('display').length > 0) return;
    if (this.#shownAgain) return this.hooks.screenLost();
    this.#shownAgain = true;
    this.showAll();
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
    this.#streams.forget(memberId);
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
    for (const connector of this.connectors.values()) connector.resume();
    this.showAll();
  }

  /** A screen goes to everyone one is connected to and who has not been shown it; a server shows it to all. */
  showAll() {
    const shown = new Set(this.#of('display').map((connector) => connector.memberId));
    for (const { memberId } of this.sfu && this.uplink ? [this.uplink] : this.#of('user')) {
      if (this.#display && !shown.has(memberId)) {
        shown.add(memberId);
        this.#show(memberId);
      }
    }
  }

  /** What one sends of oneself to the server. */
  get uplink() {
    return this.#of('user', SERVER).at(-1);
  }

  get downlink() {
    return this.#of('downlink').at(-1);
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
   * What a member sends, by whatever way. Two at once, while a room changes its mode, are one picture all the same.
   * @param {string} memberId
   * @returns {MemberMedia}
   */
  media(memberId) {
    const { camera, screen } = this.#streams.of(memberId);
    const tracks = this.#streams.fill(memberId, 'camera', this.#ways(memberId, 'user'));
    const shown = this.#streams.fill(memberId, 'screen', this.#ways(memberId, 'display')).video;
    return { camera, tracks, screen: shown ? screen : null, connection: this.link(memberId)?.state ?? 'connecting' };
  }

  /** The connector by which a member is seen, when all is well. @param {string} memberId */
  link(memberId) {
    const people = this.#of('user', memberId);
    const direct = people.find((connector) => connector.state === 'connected');
    return (this.sfu && this.downlink) || direct || this.downlink || people.at(-1);
  }

  /** Where a member is heard. @param {string} memberId */
  ear(memberId) {
    return this.#streams.of(memberId).ear;
  }

  /** Where a member's camera is seen. @param {string} memberId */
  eye(memberId) {
    return this.#streams.of(memberId).eye;
  }

  /**
   * @param {string} memberId
   * @param {'user' | 'display'} stream
   */
  #ways(memberId, stream) {
    const own = stream === 'user' ? stream : 'remoteDisplay';
    return [...this.connectors.values()].reverse()
      .filter((one) => one.streamType === 'downlink' || (one.streamType === own && one.memberId === memberId))
      .map((one) => received(one, memberId, stream));
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
      sfu: () => this.sfu || memberId === SERVER,
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
  #offered({ memberId, remoteConnectorId, offer, streamType, streams }) {
    const known = [...this.connectors.values()].some((one) => one.memberId === memberId && one.remoteId === remoteConnectorId);
    if (known || !offer) return;
    const user = streamType === 'user';
    const type = user || (streamType === 'downlink' && memberId === SERVER) ? streamType : 'remoteDisplay';
    this.#make(memberId, type, 'answer').answer(remoteConnectorId, offer, user ? this.#tracks : NOTHING, streams);
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
    if (message.type !== 'close') this.hooks.message(connector.memberId === SERVER ? message.memberId ?? SERVER : connector.memberId, message);
    else if (this.connectors.get(message.data?.connectorId)?.memberId === connector.memberId) this.close(message.data.connectorId);
  }

  /** @param {Connector} connector */
  #changed(connector) {
    // Its sharer closed it, and the word of that was lost.
    const ended = connector.channel?.readyState === 'closed' && connector.pc.connectionState !== 'failed';
    if (connector.streamType === 'remoteDisplay' && ended) return this.close(connector.id);
    if (connector.streamType === 'user' && connector.memberId !== SERVER) this.#judge(connector);
    this.hooks.changed();
  }

  /** @param {Connector} connector */
  #judge(connector) {
    const fared = connector.state === 'connected' ? 'connected' : connector.health.hopeless ? 'failed' : null;
    if (!fared || this.#fared.get(connector) === fared) return;
    this.#fared.set(connector, fared);
    this.hooks.fared(connector.id, fared);
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

  /**
   * Copies of one's picture that members are sent, and how much each may take, in bit/s.
   * @returns {[Connector, number][]}
   */
  copies() {
    const copies = this.#of('user').filter(({ memberId }) => memberId !== SERVER);
    return copies.map((connector) => [connector, share(copies.length)]);
  }

  /** The more copies of one's picture are sent, the less each may take: of the line, and of the processor. */
  #shareOut() {
    const copies = this.copies();
    const count = this.sfu && !this.uplink ? 1 : copies.length;
    for (const [connector] of copies) connector.limit(share(count), count > 6 ? 4 : count > 3 ? 2 : 1);
    this.uplink?.limit(share(1), 1);
  }
}

/** @param {number} copies */
function share(copies) {
  return Math.round(Math.min(COPY.most, Math.max(COPY.least, UPLINK / copies)));
}
