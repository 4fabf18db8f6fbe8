// One stay in a room: the only place where its state changes. An EventTarget: 'change' after the state became another
// object; 'levels' (detail: Map of 0 to 1 by member id, one's own as 'self'; 10 a second); 'notice'; 'message'.

import { Chat } from './chat.js';
import { enter, knock, lastLines } from './enter.js';
import { Mesh } from './mesh.js';
import { Own, stop } from './own.js';
import { MAX_FILE_BYTES, randomId, SERVER, SignalError } from './protocol.js';
import { Requests } from './requests.js';
import { Roster } from './roster.js';
import { Socket } from './socket.js';
import { nothing, toldOf } from './state.js';
import { Watch } from './watch.js';

/** @import {ConnectionStats, DeviceKind, Joined, Mode, Notice, Role, RoomState} from './types.js' */
/** @import {Devices} from './devices.js' */
/** @import {Frame} from './protocol.js' */
/** @import {Seat} from '../seat.js' */
/** @import {Proven} from './enter.js' */

const LEVELS_MS = 100;
const MEASURE_MS = 2500;
const COUNT_MS = 15_000; // a listener asks how many others there are
const LEAVE_MS = 1000;

export class Room extends Requests {
  state = nothing();

  #identity = { id: randomId(), username: '', roomname: '', capabilities: ['roster', 'downlink', 'resume'], token: /** @type {string | undefined} */ (undefined) };
  #token = '';
  /** Who one was before. @type {Proven} */
  #was = { id: '' };
  /** Our own member id. */
  #me = '';
  #maxFile = 0;
  /** @type {Watch} */
  #watch;
  /** @type {Roster} */
  #roster;
  /** @type {Own} */
  #own;
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
      message: (memberId, message) => this.chat.hear(memberId, message),
      fared: (connectorId, state) => this.socket.send('report', { connectorId, state }),
      screenLost: () => {
        this.unshare();
        this.#notice({ kind: 'error', type: 'media' });
      },
    });
    this.#watch = new Watch(this.mesh);
    this.#roster = new Roster(this.mesh, this.#watch, (notice) => this.#notice(notice));
    this.#own = new Own(devices, this.mesh, {
      self: () => this.state.self,
      here: () => this.state.phase === 'joined',
      up: () => this.socket.up,
      show: (change) => this.#set({ self: { ...this.state.self, ...change } }),
      tell: (now) => this.socket.send('state', now),
    });
    this.chat = new Chat({
      username: () => this.state.self.name,
      me: () => this.#me,
      sfu: () => this.mesh.sfu,
      limit: () => this.state.maxFileBytes,
      post: (line) => this.socket.request('chat', line),
      members: () => this.#roster.ids(),
      name: (id) => this.#roster.name(id),
      capable: (id) => id === SERVER || this.#roster.capable(id),
      to: (id) => this.mesh.to(id),
      show: (lists, fresh) => {
        this.#set({ ...lists, unread: this.state.unread + (fresh && !fresh.self ? 1 : 0) });
        if (fresh) this.#emit('message', fresh);
        if (this.state.phase === 'joined') this.report({ busy: !this.mesh.sfu && lists.transfers.some(({ state }) => state === 'active' || state === 'queued') });
      },
    });
  }

  /**
   * Resolves in the room. Rejects with an error that has a `type`: a word of PROTOCOL.md section 6, or `unreachable`.
   * @param {{room: string, name: string, role?: Role, token?: string}} where the role is a wish
   * @param {Proven} [as]
   */
  async join({ room, name, role, token }, as = { id: '' }) {
    Object.assign(this.#identity, { username: name, roomname: room, token });
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
      this.#own.sync();
      await enter(socket, this.#identity, role, this.#was = { ...as });
    } catch (error) {
      this.#close();
      this.#set({ phase: 'idle' });
      throw error;
    }
    this.#begin();
  }

  /** Who one is, for `join` after a reload. @returns {Omit<Seat, 'audio' | 'video' | 'live' | 'at'>} */
  get seat() {
    const { room, self: { name, hand }, messages } = this.state;
    return { room, name, hand, id: this.#identity.id, token: this.#token, me: this.#me, messages: lastLines(messages) };
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

  /** @param {[kind: DeviceKind, id: string]} device */
  useDevice(...device) { return this.devices.use(...device); }

  /** Shares a screen that the person chooses. Rejects with a DeviceError. */
  share() { return this.#own.share(); }

  unshare() { this.#own.unshare(); }

  /** @param {boolean} on */
  setHand(on) { this.#own.is({ hand: on }); }

  /** @param {string} text */
  sendText(text) { this.chat.say(text); }

  /** Throws a SignalError: too-large, or forbidden in the audience. @param {File} file */
  sendFile(file) {
    if (this.#listens) throw new SignalError('forbidden');
    this.chat.send(file);
  }

  /** @param {string} id */
  cancelTransfer(id) { this.chat.cancel(id); }

  markRead() { this.#set({ unread: 0 }); }

  /**
   * A measurement of every connection; rates are since the last call.
   * @returns {Promise<ConnectionStats[]>}
   */
  stats() {
    return this.#watch.stats((id) => (id === 'self' ? this.state.self.name : this.#roster.name(id) ?? ''), this.state.mode);
  }

  #begin() {
    const { signal } = this.#leaving;
    const { socket } = this;
    socket.addEventListener('open', () => void this.#return(), { signal });
    socket.addEventListener('down', () => this.#set({ link: 'down', downSince: this.state.downSince ?? Date.now() }), { signal });
    socket.addEventListener('closed', (event) => {
      const reason = String(/** @type {CustomEvent} */ (event).detail);
      this.#over(/room was closed/i.test(reason) ? 'room-closed' : /remov|kick/i.test(reason) ? 'removed' : 'elsewhere');
    }, { signal });
    this.devices.addEventListener('change', () => this.#own.sync(), { signal });
    this.#own.sync(); // it may have changed while the server was asked
    const count = () => { if (this.#listens) void this.askAudience().catch(() => {}); };
    this.#timers = [setInterval(() => this.#listen(), LEVELS_MS), setInterval(() => void this.#measure(), MEASURE_MS), setInterval(count, COUNT_MS)];
  }

  /** On a new connection, while we believe to be in the room. */
  async #return() {
    try {
      const role = this.#listens ? 'audience' : undefined;
      await knock(this.socket, 'reconnect', { ...this.#identity, role, resumeToken: this.#token, seen: this.socket.seen });
    } catch (error) {
      const type = error instanceof SignalError ? error.type : '';
      if (type === 'repeat' || type === 'room-full' || type === 'locked' || type === 'removed') this.#over(type);
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
      case 'member':
        this.#roster.take(data);
        return this.#refresh();
      case 'memberGone': return this.#memberGone(String(data.memberId));
      case 'mode': return this.#moved(data.mode === 'sfu' ? 'sfu' : 'p2p');
      case 'role': return this.#became(data.role, data.by);
      case 'hands': return this.#set({ hands: this.#roster.hands(data.hands), handCount: Number(data.count) || 0 });
      case 'removed': return this.#set({ removed: this.#roster.removed(data.removed) });
      case 'audience': return this.#set({ audience: Number(data.count) || 0 });
      case 'lock': {
        const locked = data.locked === true;
        if (locked !== this.state.locked) this.#notice({ kind: locked ? 'locked' : 'unlocked' });
        return this.#set({ locked });
      }
      case 'mute':
        if (this.#own.mute(data.kind)) this.#notice({ kind: 'muted', media: data.kind, by: this.#roster.name(data.by) });
        return;
      case 'chat': return this.chat.heard(data);
      case 'history': return this.chat.remember(data.messages);
      case 'error': return this.#refused(data);
      default:
        if (event === 'reconnect' && data.type === 'leave') this.socket.forget();
        return this.mesh.handle(frame);
    }
  }

  /** @param {Joined} joined */
  #joined({
    memberId, room, username = this.state.self.name, mode, role, members, iceServers, resumeToken, resumed, maxMembers, connectors = [],
    audience = 0, stage = 0, locked = false, maxFileBytes = 0, seen = 0,
  }) {
    if (resumed) this.socket.confirm(seen);
    else this.socket.forget();
    this.#token = resumeToken;
    this.#set({ self: { ...this.state.self, name: username } });
    this.#me = memberId;
    this.#maxFile = maxFileBytes;
    this.mesh.configuration = { iceServers };
    this.mesh.setMode(mode === 'sfu');
    this.#roster.set(members);
    const here = (/** @type {string} */ id) => this.#roster.has(id);
    for (const { memberId: id } of [...this.mesh.connectors.values()]) if (id !== SERVER && !here(id)) this.mesh.closeMember(id);
    if (resumed) this.mesh.keep(connectors);
    this.chat.forget(here);
    this.socket.release();
    const again = this.state.phase === 'joined';
    this.#set({ phase: 'joined', link: 'up', downSince: null, room, mode, maxMembers, audience, stage, locked, maxFileBytes: this.#limit(mode) });
    if (!resumed) this.#set({ hands: this.#roster.hands([]), handCount: 0, removed: [] });
    this.#recall();
    if (again && role !== this.state.role) this.#became(role);
    else this.#is(role);
    this.#refresh(true);
    this.#own.tell(true);
    this.chat.again(resumed);
    this.renew(resumed);
  }

  /** What one said, and the hand one raised, before the page was loaded again. */
  #recall() {
    const { seat } = this.#was;
    this.#was = { id: '' };
    if (!seat) return;
    this.chat.restore(seat.me, seat.messages);
    this.#set({ self: { ...this.state.self, hand: seat.hand } });
  }

  get #listens() { return this.state.role === 'audience'; }

  /** @param {Role} role */
  #is(role) {
    this.#set({ role, self: { ...this.state.self, role } });
    if (this.#listens) this.#own.silence();
  }

  /**
   * @param {Role} role
   * @param {string} [by] member id
   */
  #became(role, by) {
    const { role: before, self } = this.state;
    if (!['host', 'presenter', 'audience'].includes(role)) return;
    this.#set({ self: { ...self, hand: false }, ...(role === 'host' ? {} : { hands: this.#roster.hands([]), handCount: 0, removed: [] }) });
    this.#is(role);
    this.#own.sync(true); // of a listener the server took in nothing but its hand
    if (role === before) return;
    const name = this.#roster.name(by ?? '');
    // Whom one has made host oneself one knows.
    if (before === 'host' && role === 'presenter' && by !== this.#me) this.#notice({ kind: 'unhosted', by: name ?? this.#roster.host() });
    if (before === 'audience') this.#notice({ kind: 'stage', by: name });
    if (role !== 'presenter') this.#notice({ kind: role, by: name });
  }

  /** @param {Mode} mode */
  #moved(mode) {
    if (mode === this.state.mode) return;
    this.mesh.setMode(mode === 'sfu');
    this.#set({ mode, maxFileBytes: this.#limit(mode) });
    this.chat.again();
    this.view();
    this.#notice({ kind: 'mode', mode });
  }

  /** @param {any} data of an error */
  #refused(data) {
    const notice = this.state.phase === 'joined' && toldOf(data);
    if (notice) this.#notice(notice);
  }

  /** @param {Mode} mode */
  #limit(mode) { return mode === 'sfu' ? this.#maxFile : MAX_FILE_BYTES; }

  /** @param {string} id */
  #memberGone(id) {
    this.#roster.drop(id);
    this.chat.forget((member) => this.#roster.has(member));
    this.#refresh(true);
  }

  /** Makes the members anew from what the server tells of them and what comes from them. @param {boolean} [quiet] */
  #refresh(quiet = false) {
    if (this.state.phase !== 'joined') return;
    const members = this.#roster.participants(quiet);
    this.chat.flush();
    this.#set({ members });
  }

  /** Ten times a second: who is how loud. */
  #listen() {
    const { levels, turned } = this.#watch.listen(this.state.members, this.hiddenCameras);
    levels.set('self', this.#own.listen());
    if (turned) this.#refresh();
    this.#emit('levels', levels);
  }

  async #measure() {
    this.chat.sweep();
    await this.#watch.measure(this.state.members);
    this.report({ saturated: !this.mesh.sfu && this.#watch.saturated });
    this.#refresh();
  }

  /** The page goes, and may be back at once: the server keeps one's place for a moment. */
  part() {
    if (this.state.phase !== 'joined') return;
    void this.socket.request('away', {}).catch(() => {});
    this.#over('left');
  }

  /** @param {NonNullable<RoomState['ended']>} why */
  #over(why) { this.#stop(why); this.#close(); }

  /** @param {NonNullable<RoomState['ended']>} why */
  #stop(why) {
    if (this.state.phase === 'ended') return;
    this.#leaving.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.chat.stop();
    if (this.state.self.screen) stop(this.state.self.screen);
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
  #notice(notice) { this.#emit('notice', notice); }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
