// One stay in a room: the only place where its state changes. An EventTarget: 'change' after the state became another
// object; 'levels' (detail: Map of 0 to 1 by member id, one's own as 'self'; 10 a second); 'notice'; 'message'.

import { Chat } from './chat.js';
import { randomId } from './connector.js';
import { captureScreen } from './devices.js';
import { Mesh } from './mesh.js';
import { SignalError } from './protocol.js';
import { Requests } from './requests.js';
import { Socket } from './socket.js';
import { Watch } from './watch.js';

/** @import {ConnectionStats, DeviceKind, Joined, Notice, Participant, Role, RoomState, RosterEntry} from './types.js' */
/** @import {Devices} from './devices.js' */
/** @import {Frame} from './protocol.js' */

const LEVELS_MS = 100;
const MEASURE_MS = 2500;
const LEAVE_MS = 1000;
const TELL = ['forbidden', 'too-large', 'rate', 'media', 'internal'];

/** @type {Omit<Participant, 'id' | 'name'>} */
const NOBODY = Object.freeze({
  self: false, role: 'presenter', audio: null, video: null, hand: false, away: false, speaking: false,
  camera: null, screen: null, connection: 'connecting', quality: 'good',
});

export class Room extends Requests {
  /** @type {RoomState} */
  state = {
    phase: 'idle', ended: null, link: 'down', downSince: null, room: '', mode: 'p2p', role: 'presenter', maxMembers: 0,
    stage: 0, audience: 0, locked: false, hands: [], handCount: 0, maxFileBytes: 0,
    self: { ...NOBODY, id: 'self', name: '', self: true, connection: 'connected' }, members: [], messages: [], transfers: [], unread: 0,
  };

  #identity = { id: randomId(), username: '', roomname: '', capabilities: ['roster'] };
  #token = '';
  /** @type {Map<string, RosterEntry>} */
  #roster = new Map();
  /** @type {Watch} */
  #watch;
  /** What the server knows of us. @type {{[key: string]: boolean}} */
  #told = {};
  #own = new MediaStream();
  #due = false;
  #leaving = new AbortController();
  /** @type {ReturnType<typeof setInterval>[]} */
  #timers = [];

  /**
   * @param {object} options
   * @param {string} options.url of /ws
   * @param {Devices} options.devices started or not; whatever they do is sent
   * @param {typeof WebSocket} [options.WebSocket] for tests
   */
  constructor({ url, devices, WebSocket }) {
    super(new Socket(url, WebSocket));
    this.devices = devices;
    this.mesh = new Mesh(this.socket, {
      changed: () => this.#refresh(),
      message: (connector, message) => this.chat.hear(connector.memberId, message),
    });
    this.#watch = new Watch(this.mesh);
    this.chat = new Chat({
      username: () => this.state.self.name,
      members: () => [...this.#roster.keys()],
      name: (id) => this.#roster.get(id)?.username,
      capable: (id) => typeof this.#roster.get(id)?.audio === 'boolean',
      to: (id) => this.mesh.to(id),
      show: (lists, fresh) => {
        this.#set({ ...lists, unread: this.state.unread + (fresh && !fresh.self ? 1 : 0) });
        if (fresh) this.#emit('message', fresh);
      },
    });
  }

  /**
   * Resolves in the room. Rejects with an error that has a `type`: a word of PROTOCOL.md section 6, or `unreachable`.
   * @param {{room: string, name: string, role?: Role, token?: string}} where the role is a wish
   */
  async join({ room, name, role, token }) {
    Object.assign(this.#identity, { username: name, roomname: room });
    this.#set({ phase: 'joining', room, self: { ...this.state.self, name } });
    const { signal } = this.#leaving;
    const { socket } = this;
    try {
      await new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve, { signal, once: true });
        socket.addEventListener('down', () => reject(new SignalError('unreachable')), { signal, once: true });
        socket.connect();
      });
      socket.addEventListener('message', (event) => this.#handle(/** @type {CustomEvent<Frame>} */ (event).detail), { signal });
      this.#syncDevices();
      await socket.request('join', { ...this.#identity, role, token });
    } catch (error) {
      this.#close();
      this.#set({ phase: 'idle' });
      throw error;
    }
    this.#begin();
  }

  /** Says so to the others, and ends everything. */
  async leave() {
    if (this.state.phase !== 'joined') return;
    const list = this.mesh.list();
    const said = this.socket.request('leave', list, LEAVE_MS).catch(() => {});
    this.#stop('left');
    await said;
    this.#close();
  }

  /** @param {boolean} on */
  setAudio(on) { return this.devices.setAudio(on); }

  /** @param {boolean} on */
  setVideo(on) { return this.devices.setVideo(on); }

  /**
   * @param {DeviceKind} kind
   * @param {string} id
   */
  useDevice(kind, id) {
    return this.devices.use(kind, id);
  }

  /** Shares a screen that the person chooses. Rejects with a DeviceError. */
  async share() {
    if (this.state.self.screen) return;
    const stream = await captureScreen();
    if (this.state.phase !== 'joined' || this.state.self.screen) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    // The browser has a stop button of its own.
    stream.getVideoTracks()[0]?.addEventListener('ended', () => this.unshare());
    this.#mine({ screen: stream });
    this.mesh.share(stream);
  }

  unshare() {
    const { screen } = this.state.self;
    if (!screen) return;
    for (const track of screen.getTracks()) track.stop();
    this.mesh.unshare();
    this.#mine({ screen: null });
  }

  /** @param {boolean} on */
  setHand(on) {
    this.#mine({ hand: on });
  }

  /** @param {string} text */
  sendText(text) {
    this.chat.say(text);
  }

  /** @param {File} file */
  sendFile(file) {
    this.chat.send(file);
  }

  /** @param {string} id */
  cancelTransfer(id) {
    this.chat.cancel(id);
  }

  markRead() {
    this.#set({ unread: 0 });
  }

  /**
   * A measurement of every connection; rates are since the last call.
   * @returns {Promise<ConnectionStats[]>}
   */
  stats() {
    return this.#watch.stats((id) => this.#roster.get(id)?.username ?? '', this.state.mode);
  }

  #begin() {
    const { signal } = this.#leaving;
    const { socket } = this;
    socket.addEventListener('open', () => void this.#return(), { signal });
    socket.addEventListener('down', () => this.#set({ link: 'down', downSince: this.state.downSince ?? Date.now() }), { signal });
    socket.addEventListener('closed', (event) => {
      const reason = String(/** @type {CustomEvent} */ (event).detail);
      this.#over(/remov|kick/i.test(reason) ? 'removed' : 'elsewhere');
    }, { signal });
    this.devices.addEventListener('change', () => this.#syncDevices(), { signal });
    this.#syncDevices(); // it may have changed while the server was asked
    globalThis.addEventListener?.('pagehide', () => this.#hidden(), { signal });
    this.#timers = [setInterval(() => this.#listen(), LEVELS_MS), setInterval(() => void this.#measure(), MEASURE_MS)];
  }

  /** On a new connection, while we believe to be in the room. */
  async #return() {
    try {
      await this.socket.request('reconnect', { ...this.#identity, resumeToken: this.#token });
    } catch (error) {
      const type = error instanceof SignalError ? error.type : '';
      if (type === 'repeat' || type === 'room-full') this.#over(type);
      else if (type === 'forbidden') this.#over('elsewhere');
      else if (type === 'invalid') this.#over('closed');
      // Else the connection is gone again, or the server is about to go: the socket comes back.
    }
  }

  /** @param {Frame} frame */
  #handle(frame) {
    const { event, data } = frame;
    switch (event) {
      case 'joined': return this.#joined(data);
      case 'member': return this.#member(data);
      case 'memberGone': return this.#memberGone(String(data.memberId));
      case 'mode':
        this.mesh.sfu = data.mode === 'sfu';
        return this.#set({ mode: this.mesh.sfu ? 'sfu' : 'p2p' });
      case 'error':
        // What was asked for with an ack is told where it was asked for.
        if (this.state.phase === 'joined' && TELL.includes(data.type) && data.event !== 'reconnect') this.#notice({ kind: 'error', type: data.type });
        return;
      case 'reconnect':
        if (data.type === 'leave') this.socket.forget();
        return this.mesh.handle(frame);
      default: return this.mesh.handle(frame);
    }
  }

  /** @param {Joined} joined */
  #joined({ room, mode, role, members, iceServers, resumeToken, resumed, maxMembers, connectors }) {
    this.#token = resumeToken;
    this.mesh.configuration = { iceServers };
    this.mesh.sfu = mode === 'sfu';
    this.#roster = new Map(members.map((member) => [member.memberId, member]));
    for (const { memberId } of [...this.mesh.connectors.values()]) if (!this.#roster.has(memberId)) this.mesh.closeMember(memberId);
    if (resumed) this.mesh.keep(connectors ?? []);
    this.chat.forget((id) => this.#roster.has(id));
    this.socket.release();
    this.#told = {};
    this.#set({ phase: 'joined', link: 'up', downSince: null, room, mode, role, maxMembers });
    this.#refresh(true);
    this.#tell();
  }

  /** @param {RosterEntry} entry */
  #member(entry) {
    const before = this.#roster.get(entry.memberId);
    this.#roster.set(entry.memberId, entry);
    const name = entry.username;
    if (!before) this.#notice({ kind: 'joined', name });
    else {
      if (entry.hand && !before.hand) this.#notice({ kind: 'hand', name });
      if (entry.away !== before.away) this.#notice({ kind: entry.away ? 'away' : 'back', name });
    }
    this.#refresh();
  }

  /** @param {string} id */
  #memberGone(id) {
    const name = this.#roster.get(id)?.username;
    if (name === undefined) return;
    this.#roster.delete(id);
    this.#watch.forget(id);
    this.mesh.closeMember(id);
    this.chat.forget((member) => this.#roster.has(member));
    this.#refresh(true);
    this.#notice({ kind: 'left', name });
  }

  /** Makes the members anew from what the server tells of them and what comes from them. @param {boolean} [quiet] */
  #refresh(quiet = false) {
    if (this.state.phase !== 'joined') return;
    const before = new Map(this.state.members.map((member) => [member.id, member]));
    const members = [...this.#roster.values()].map((entry) => this.#participant(entry));
    for (const { id, name, screen } of members) {
      const was = before.get(id);
      if (was && Boolean(screen) !== Boolean(was.screen) && !quiet) this.#notice({ kind: screen ? 'share-started' : 'share-stopped', name });
      if (this.mesh.to(id)) this.chat.flush(id);
    }
    this.#set({ members });
  }

  /**
   * @param {RosterEntry} entry
   * @returns {Participant}
   */
  #participant({ memberId: id, username: name, role, audio, video, hand, away }) {
    const { camera, tracks, screen, connection } = this.mesh.media(id);
    const { speaking, quality } = this.#watch.of(id);
    const known = connection === 'connected';
    return {
      id, name, self: false, role, hand, away, screen, connection,
      // Existing clients do not say what they send; their tracks do.
      audio: audio ?? (known ? tracks.audio !== null : null),
      video: video ?? (known ? tracks.video !== null : null),
      camera: tracks.audio || tracks.video ? camera : null,
      speaking, quality,
    };
  }

  /** Sends, shows and tells what the devices do. */
  #syncDevices() {
    const { devices } = this;
    const { audioTrack: audio, videoTrack: video } = devices;
    this.mesh.setTracks({ audio, video });
    const [shown] = this.#own.getVideoTracks();
    if (shown && shown !== video) this.#own.removeTrack(shown);
    if (video && shown !== video) this.#own.addTrack(video);
    this.#mine({ audio: audio !== null, video: video !== null, camera: video ? this.#own : null });
  }

  /** @param {Partial<Participant>} change of oneself */
  #mine(change) {
    this.#set({ self: { ...this.state.self, ...change } });
    this.#tell();
  }

  /** What changed, to the server and through it to the others. */
  #tell() {
    if (this.state.phase !== 'joined' || !this.socket.up) return;
    const { audio, video, screen, hand } = this.state.self;
    /** @type {{[key: string]: boolean}} */
    const now = { audio: audio === true, video: video === true, screen: screen !== null, hand };
    const changed = Object.entries(now).filter(([key, value]) => this.#told[key] !== value);
    if (changed.length === 0) return;
    this.#told = now;
    this.socket.send('state', Object.fromEntries(changed));
  }

  /** Ten times a second: who is how loud. */
  #listen() {
    const { levels, turned } = this.#watch.listen(this.state.members);
    levels.set('self', this.devices.level());
    if (turned) this.#refresh();
    this.#emit('levels', levels);
  }

  async #measure() {
    this.chat.sweep();
    await this.#watch.measure(this.state.members);
    this.#refresh();
  }

  /** The page goes, perhaps for good: what can still be said is said. */
  #hidden() {
    void this.socket.request('leave', this.mesh.list()).catch(() => {});
    this.#over('left');
  }

  /** @param {NonNullable<RoomState['ended']>} why */
  #over(why) {
    this.#stop(why);
    this.#close();
  }

  /** @param {NonNullable<RoomState['ended']>} why */
  #stop(why) {
    if (this.state.phase === 'ended') return;
    this.#leaving.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.chat.stop();
    for (const track of this.state.self.screen?.getTracks() ?? []) track.stop();
    this.mesh.closeAll();
    this.#set({ phase: 'ended', ended: why, members: [], self: { ...this.state.self, screen: null } });
  }

  #close() {
    this.#leaving.abort();
    this.mesh.closeAll();
    this.socket.close();
  }

  /** @param {Partial<RoomState>} change */
  #set(change) {
    this.state = { ...this.state, ...change };
    if (this.#due) return;
    // What happens at once is drawn once.
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.dispatchEvent(new Event('change'));
    });
  }

  /** @param {Notice} notice */
  #notice(notice) {
    this.#emit('notice', notice);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
