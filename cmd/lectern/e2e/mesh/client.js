// A mesh client of the existing chat-room protocol, written from its recorded behaviour and kept faithful to its
// quirks, each of which is marked where it lives. It knows nothing of the server's extensions.

import { io } from '/socket.io-client/socket.io.esm.min.js';
import { Connector } from './connector.js';
import { cut, Inbox } from './files.js';
import { LocalMedia } from './media.js';

const LIST_DEBOUNCE_MS = 100;

/**
 * Events: `list` (detail: the connectors shown, display ones excluded), `message` (a chat or a complete file),
 * `failure` (an `error` of the server), `display` (own shared stream or null).
 */
export class MeshClient extends EventTarget {
  /**
   * Quirk: default Socket.IO options, so polling first, then the upgrade; no auth, no acks.
   * @param {{url: string, constraints: MediaStreamConstraints, configuration?: RTCConfiguration}} options
   */
  constructor({ url, constraints, configuration = {} }) {
    super();
    this.configuration = configuration;
    this.media = new LocalMedia(constraints);
    this.user = { id: crypto.randomUUID() }; // stable for the page's life
    this.state = '';
    this.sharing = false;
    this.connectors = new Map();
    this.inboxes = new WeakMap();
    this.wire = []; // every signaling message, for the tests
    this.channelWire = []; // every renegotiation message on a data channel, for the tests
    this.rejections = []; // what the original leaves as an unhandled rejection or a console line
    this.socket = io(url);
    this.listen();
  }

  listen() {
    const { socket } = this;
    socket.onAny((event, data) => this.wire.push({ from: 'server', event, data }));
    socket.onAnyOutgoing((event, data) => this.wire.push({ from: 'client', event, data }));
    // Quirk: on every connection, the first included, a client that believes it is in a room says `reconnect`.
    socket.on('connect', () => {
      if (this.state === 'join') socket.emit('reconnect', this.user);
    });
    const on = (event, handler) => socket.on(event, (data) => this.run(event, () => handler.call(this, data)));
    on('getOffer', this.onGetOffer);
    on('offer', this.onOffer);
    on('answer', this.onAnswer);
    on('icecandidate', this.onCandidate);
    on('leave', ({ connectorId }) => this.closeConnector(connectorId));
    on('reconnect', this.onReconnect);
    on('error', this.onError);
  }

  /** Runs a handler the way an event emitter does: not awaited, and what it throws only leaves a trace. */
  async run(what, handler) {
    try {
      await handler();
    } catch (error) {
      this.rejections.push(`${what}: ${error.name}: ${error.message}`);
    }
  }

  /**
   * Quirk: the connector is entered in the list only after the capture has resolved, which may take as long as a
   * permission prompt; whatever the server says about it meanwhile finds nothing.
   */
  async makeConnector(side, streamType, memberId) {
    const connector = new Connector({ side, streamType, memberId, configuration: this.configuration });
    if (streamType === 'user') connector.addLocal(await this.media.user(), this.media.enabled);
    if (streamType === 'display') connector.addDisplay(await this.media.display());
    this.inboxes.set(connector, new Inbox());
    connector.addEventListener('change', () => this.listChanged());
    connector.addEventListener('message', ({ detail }) => {
      this.run('channel', () => this.onChannel(connector, detail));
    });
    connector.addEventListener('candidate', ({ detail: candidate }) => {
      this.socket.emit('icecandidate', { remoteConnectorId: connector.remoteId, memberId: connector.memberId, candidate });
      this.listChanged();
    });
    connector.listen();
    this.connectors.set(connector.id, connector);
    return connector;
  }

  async callMember(streamType, memberId) {
    const connector = await this.makeConnector('offer', streamType, memberId);
    const offer = await connector.offer();
    this.socket.emit('offer', { connectorId: connector.id, memberId, offer, streamType });
  }

  /** Quirk: a sharer makes two offers to a newcomer, the display first; neither waits for the other. */
  async onGetOffer({ memberId }) {
    if (this.sharing) this.run('display offer', () => this.callMember('display', memberId));
    await this.callMember('user', memberId);
  }

  /** Quirk: every stream type but `user` is taken for a remote display, and named so in the answer. */
  async onOffer({ memberId, remoteConnectorId, offer, streamType }) {
    const type = streamType === 'user' ? 'user' : 'remoteDisplay';
    const connector = await this.makeConnector('answer', type, memberId);
    connector.remoteId = remoteConnectorId;
    const answer = await connector.answer(new RTCSessionDescription(offer));
    this.socket.emit('answer', { remoteConnectorId, connectorId: connector.id, memberId, answer, streamType: type });
  }

  /** Quirk: the member id of the answer replaces the one the connector was made for. */
  async onAnswer({ connectorId, remoteConnectorId, memberId, answer }) {
    const connector = this.connectors.get(connectorId);
    if (!connector) return;
    connector.memberId = memberId;
    connector.remoteId = remoteConnectorId;
    await connector.pc.setRemoteDescription(new RTCSessionDescription(answer));
  }

  /** Quirk: the candidate is parsed before the connector is looked up, so a bad one throws even for an unknown id. */
  onCandidate({ connectorId, candidate }) {
    const parsed = new RTCIceCandidate(candidate);
    const connector = this.connectors.get(connectorId);
    if (!connector) return;
    this.run('addIceCandidate', () => connector.pc.addIceCandidate(parsed));
    this.listChanged();
  }

  /**
   * Quirks: `leave` with a member id closes the first connector of that member and throws for an unknown one; without
   * it everything is closed while the state stays `join`. A renegotiation for an unknown connector throws, and the
   * reply's member id is copied from the message.
   */
  async onReconnect({ type, memberId, connectorId, data }) {
    if (type === 'leave') {
      if (!memberId) {
        this.stopSharing();
        this.closeAll();
        return;
      }
      const connector = [...this.connectors.values()].find((candidate) => candidate.memberId === memberId);
      this.closeConnector(connector.id);
      if (connector.streamType === 'display') this.stopSharing();
      return;
    }
    const connector = this.connectors.get(connectorId);
    await connector.renegotiate({ type, data }, (message) => {
      this.socket.emit('reconnectWork', { ...message, connectorId: connector.id, memberId });
    });
  }

  /** Quirk: only the type `repeat` changes the state; the socket stays connected and may join again. */
  onError(error) {
    if (error.type === 'repeat') this.state = '';
    this.dispatchEvent(new CustomEvent('failure', { detail: error }));
  }

  onChannel(connector, { type, data }) {
    const inbox = this.inboxes.get(connector);
    if (type === 'close') {
      this.closeConnector(data.connectorId);
    } else if (type === 'chat') {
      const message = data.type === 'text' ? data : inbox.header(data);
      if (message) this.dispatchEvent(new CustomEvent('message', { detail: message }));
    } else if (type === 'file') {
      const message = inbox.piece(data);
      if (message) this.dispatchEvent(new CustomEvent('message', { detail: message }));
    } else {
      this.channelWire.push({ connectorId: connector.id, type });
      return connector.renegotiate({ type, data }, (reply) => connector.send(reply));
    }
  }

  /** Quirk: joined at once as far as the client knows; there is no answer that says so. */
  join(username, roomname) {
    this.user = { ...this.user, username, roomname };
    this.socket.emit('join', { id: this.user.id, username, roomname });
    this.state = 'join';
  }

  /** Quirk: every connector is named, an unanswered one without `remoteConnectorId`; the socket stays connected. */
  leave() {
    const list = [...this.connectors.values()].map(({ remoteId, memberId }) => ({ remoteConnectorId: remoteId, memberId }));
    this.socket.emit('leave', list);
    this.stopSharing();
    this.closeAll();
    this.state = 'leave';
  }

  /** Quirk: the page's end says nothing to the room; the socket's DISCONNECT packet is all. */
  close() {
    this.closeAll();
    this.media.close();
    this.socket.close();
  }

  userConnectors() {
    return [...this.connectors.values()].filter(({ streamType }) => streamType === 'user');
  }

  /** Quirk: a connector whose channel is not open throws, and the members after it get nothing. */
  chat(text) {
    const data = this.envelope({ type: 'text', text });
    for (const connector of this.userConnectors()) connector.send({ type: 'chat', data });
    return data.id;
  }

  async sendFile(file) {
    const slices = await cut(file);
    const size = `${(file.size / 1e6).toFixed(2)}MB`;
    const data = this.envelope({ type: 'file', fileInfo: { name: file.name, size, type: file.type, url: '', FQ: slices.length } });
    for (const connector of this.userConnectors()) {
      connector.send({ type: 'chat', data });
      slices.forEach((chunk, index) => connector.send({ type: 'file', data: { id: data.id, index, chunk } }));
    }
    return data.id;
  }

  envelope(rest) {
    return { id: crypto.randomUUID(), isSelf: true, username: this.user.username, HHmmss: '10:00:00', ...rest };
  }

  /** Mutes or unmutes. Quirk: never by `enabled` or `replaceTrack`; always the track off or on, and a renegotiation. */
  async setEnabled(kind, on) {
    this.media.enabled[kind] = on;
    const track = await this.media.fresh(kind);
    this.media.swap(kind, on ? track : null);
    for (const connector of this.userConnectors()) {
      if (on) connector.addKind(track, this.media.stream);
      else connector.removeKind(kind);
      this.run('mute', () => this.restart(connector, kind, on ? 'add' : 'remove'));
    }
  }

  async switchDevice(kind, deviceId) {
    this.media.choose(kind, deviceId);
    const track = await this.media.fresh(kind);
    this.media.swap(kind, track);
    for (const connector of this.userConnectors()) {
      connector.removeKind(kind);
      connector.addKind(track, this.media.stream);
      this.run('switch', () => this.restart(connector, kind, 'add'));
    }
  }

  /** Quirk: the offerer of a connector stays its offerer; the answerer asks for an offer over the channel. */
  async restart(connector, kind, type) {
    if (connector.side === 'offer') connector.send({ type: 'offer', data: { offer: await connector.offer() } });
    else connector.send({ type: 'getOffer', data: { kind, type } });
  }

  /** Quirk: refused while somebody else's display is shown; one connector per user connector, one after the other. */
  async share() {
    const all = [...this.connectors.values()];
    if (this.sharing || all.some(({ streamType }) => streamType === 'remoteDisplay')) throw new Error('already shared');
    for (const { memberId } of this.userConnectors()) await this.callMember('display', memberId);
    const [track] = (await this.media.display()).getVideoTracks();
    track.addEventListener('ended', () => this.cancelShare());
    this.sharing = true;
  }

  /** Quirk: the close message names the receiver's connector, and the sharer closes right behind it. */
  cancelShare() {
    if (!this.sharing) return;
    for (const connector of this.connectors.values()) {
      if (connector.streamType === 'display') connector.send({ type: 'close', data: { connectorId: connector.remoteId } });
    }
    this.stopSharing();
  }

  stopSharing() {
    this.media.stopDisplay();
    this.sharing = false;
    for (const { id, streamType } of [...this.connectors.values()]) {
      if (streamType === 'display') this.closeConnector(id);
    }
  }

  closeConnector(id) {
    this.connectors.get(id)?.close();
    this.connectors.delete(id);
    this.listChanged();
  }

  closeAll() {
    for (const id of [...this.connectors.keys()]) this.closeConnector(id);
  }

  /** Quirk: the list is told 100 ms after the last change, whole, without the connectors of one's own display. */
  listChanged() {
    clearTimeout(this.listTimer);
    this.listTimer = setTimeout(() => {
      const list = [...this.connectors.values()]
        .filter(({ streamType }) => streamType !== 'display')
        .map(({ id, streamType, remoteStream }) => ({ id, streamType, remoteStream }));
      this.dispatchEvent(new CustomEvent('list', { detail: list }));
    }, LIST_DEBOUNCE_MS);
  }
}
