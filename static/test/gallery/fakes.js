// A Room and Devices with the interface of the core's and made-up people.

import { person, slides } from './pictures.js';

const NAMES = ['Ann Cooper', 'Ben', '王小明', 'Chiara Rossi', 'Dmitri', 'Eleni Papadopoulou-Konstantinidou', 'Farid', 'Grace Hopper', '李娜', 'Hugo', 'Ines', 'Jun', 'Katya', 'Liam', 'Mira', 'Noor', 'Olga', 'Pavel', 'Qiang', 'Rosa', 'Sven', 'Tomás', 'Uma', 'Viktor', 'Wendy', 'Xiomara', 'Yusuf', 'Zoë'];

export class FakeDevices extends EventTarget {
  constructor({ trouble = '', picture = true } = {}) {
    super();
    const error = (kind, type) => (type ? Object.assign(new Error(type), { type, kind }) : null);
    const both = ['denied', 'missing', 'in-use', 'insecure', 'unsupported'].includes(trouble) ? trouble : '';
    this.videoTrack = picture && !both ? person(41, 1280, 720).getVideoTracks()[0] : null;
    this.audioTrack = null;
    const none = both === 'missing' || both === 'insecure';
    this.state = {
      audio: { on: !both, deviceId: 'm1', error: error('audio', both) },
      video: { on: !both && picture, deviceId: 'c1', error: error('video', both) },
      output: { deviceId: 's1' },
      microphones: none ? [] : [{ id: 'm1', label: 'Built-in microphone' }, { id: 'm2', label: 'USB headset with a rather long name (046d:0a44)' }],
      cameras: none ? [] : [{ id: 'c1', label: 'Built-in camera' }, { id: 'c2', label: 'Document camera' }],
      speakers: [{ id: 's1', label: 'Built-in speakers' }],
      secure: both !== 'insecure',
    };
  }

  #set(change) {
    this.state = { ...this.state, ...change };
    this.dispatchEvent(new Event('change'));
  }

  async start() {}
  async setAudio(on) { this.#set({ audio: { ...this.state.audio, on } }); }
  async setVideo(on) { this.#set({ video: { ...this.state.video, on } }); }
  async use() {}
  stop() {}
  level() { return 0.4 + 0.4 * Math.sin(performance.now() / 250); }
}

/** Options come from the gallery's address. */
export class FakeRoom extends EventTarget {
  #next = 1;

  constructor(devices, { people = 1, screen = '', chat = false, trouble = '', role = 'presenter', audience = 0, hands = 0, mode = 'p2p', locked = false } = {}) {
    super();
    this.devices = devices;
    const members = Array.from({ length: people - (role === 'audience' ? 0 : 1) }, (_, index) => this.#person(index, { screen: screen === 'other' && index === 0 }));
    if (trouble === 'tiles') {
      Object.assign(members[0] ?? {}, { quality: 'poor' });
      Object.assign(members[1] ?? {}, { connection: 'interrupted' });
      Object.assign(members[2] ?? {}, { connection: 'connecting', camera: null });
      Object.assign(members[3] ?? {}, { quality: 'fair', hand: true });
      Object.assign(members[4] ?? {}, { connection: 'failed' });
    }
    const own = devices.videoTrack ? new MediaStream([devices.videoTrack]) : null;
    this.state = {
      phase: 'joined', link: trouble === 'down' ? 'down' : 'up', downSince: trouble === 'down' ? Date.now() - 7000 : null,
      room: 'calm-river-42', mode, role, maxMembers: 50, stage: 16, audience, locked, maxFileBytes: 20e6,
      hands: Array.from({ length: hands }, (_, index) => this.#hand(index)), handCount: hands && hands + (hands > 4 ? 7 : 0),
      self: { ...this.#base('self', 'Maria Lindqvist'), self: true, camera: own, video: own !== null, screen: screen === 'own' ? slides() : null },
      members, messages: [], transfers: [], unread: 0,
    };
    if (chat) this.#talk();
    if (trouble === 'unread') this.state.unread = 3;
    setInterval(() => this.#speak(), 100);
  }

  #hand(index) {
    return { id: `h${index}`, name: NAMES.at(-1 - index), role: index === 1 ? 'presenter' : 'audience', since: Date.now() - index * 70_000 };
  }

  #base(id, name) {
    return { id, name, self: false, role: 'presenter', audio: true, video: true, hand: false, away: false, speaking: false, camera: null, screen: null, connection: 'connected', quality: 'good' };
  }

  #person(index, { screen }) {
    const seen = index % 4 !== 2;
    return {
      ...this.#base(`m${index}`, NAMES[index % NAMES.length]), audio: index % 3 !== 1, video: seen,
      camera: seen ? person(index, 640, 360) : null, screen: screen ? slides() : null,
    };
  }

  #speak() {
    const levels = new Map([['self', 0]]);
    const talking = this.state.members[0];
    if (talking) levels.set(talking.id, 0.55 + 0.3 * Math.sin(performance.now() / 200));
    this.dispatchEvent(new CustomEvent('levels', { detail: levels }));
  }

  #talk() {
    const at = Date.now() - 9 * 60_000;
    const who = (id, name, rest, later) => ({ id: `x${this.#next++}`, from: id, name, self: id === 'self', at: at + later * 60_000, kind: 'text', ...rest });
    const pixels = document.createElement('canvas');
    pixels.width = 480;
    pixels.height = 300;
    const pen = pixels.getContext('2d');
    pen.fillStyle = '#3c8f5c';
    pen.fillRect(0, 0, 480, 300);
    pen.fillStyle = '#e6b93a';
    pen.fillRect(60, 60, 200, 160);
    const base = { direction: 'in', from: 'm0', name: 'Ann Cooper', self: false };
    this.state.transfers = [
      { ...base, id: 't1', file: { name: 'leaf-under-the-microscope.png', size: 348_112, type: 'image/png' }, done: 348_112, state: 'done', url: pixels.toDataURL() },
      { ...base, id: 't2', direction: 'out', from: 'self', self: true, file: { name: 'Worksheet for next week, with answers.pdf', size: 4_812_000, type: 'application/pdf' }, done: 2_100_000, state: 'active' },
      { ...base, id: 't3', file: { name: 'recording.webm', size: 71_000_000, type: 'video/webm' }, done: 3_000_000, state: 'failed' },
      { ...base, id: 't4', file: { name: 'notes.txt', size: 8_120, type: 'text/plain' }, done: 8_120, state: 'done', url: 'data:text/plain,hello' },
    ];
    this.state.messages = [
      who('m0', 'Ann Cooper', { text: 'Good morning! Can everyone see the slides?' }, 0),
      who('m1', 'Ben', { text: 'Yes' }, 0.4),
      who('m1', 'Ben', { text: 'The picture of the leaf is from https://en.wikipedia.org/wiki/Photosynthesis#Light-dependent_reactions (see also www.example.org).' }, 0.6),
      who('self', 'Maria', { text: 'A longer message, so that one sees how lines break: chlorophyll absorbs mostly in the blue portion of the electromagnetic spectrum, and then in the red. It reflects the green, which is why leaves look green to us.\n\nSecond paragraph.' }, 3),
      who('m0', 'Ann Cooper', { kind: 'file', transfer: 't1' }, 5),
      who('m0', 'Ann Cooper', { kind: 'file', transfer: 't4' }, 5.1),
      who('m2', '王小明', { text: '谢谢老师！averyveryverylongwordwithoutanyspaceatallthatmustbreaksomewhere' }, 6),
      who('m0', 'Ann Cooper', { kind: 'file', transfer: 't3' }, 7),
      who('self', 'Maria', { kind: 'file', transfer: 't2' }, 8),
    ];
  }

  #set(change) {
    this.state = { ...this.state, ...change };
    this.dispatchEvent(new Event('change'));
  }

  #own(change) { this.#set({ self: { ...this.state.self, ...change } }); }

  async setAudio(on) { this.#own({ audio: on }); }
  async setVideo(on) { this.#own({ video: on }); }
  async setRole(id, role) {
    this.#set({ hands: this.state.hands.filter((hand) => hand.id !== id), handCount: Math.max(0, this.state.handCount - 1), members: role === 'audience' ? this.state.members.filter((member) => member.id !== id) : this.state.members });
  }

  async stepDown() { this.become('audience'); }
  async removeMember(id) { this.#set({ members: this.state.members.filter((member) => member.id !== id) }); }
  async muteMember() { throw Object.assign(new Error('old'), { type: 'invalid' }); }
  async setLocked(locked) { this.#set({ locked }); this.tell({ kind: locked ? 'locked' : 'unlocked' }); }
  setHidden(refs) { this.hidden = refs; }

  /** As the server would. */
  become(role, by = 'Ann Cooper') {
    this.#set({ role });
    this.tell({ kind: role === 'presenter' ? 'stage' : role, by });
  }

  raise(name) {
    this.#set({ hands: [...this.state.hands, { id: `r${this.#next++}`, name, role: 'audience', since: Date.now() }], handCount: this.state.handCount + 1 });
  }

  tell(notice) { this.dispatchEvent(new CustomEvent('notice', { detail: notice })); }

  async share() { this.#own({ screen: slides() }); }
  async unshare() { this.#own({ screen: null }); }
  setHand(on) { this.#own({ hand: on }); }
  async useDevice() {}
  markRead() { this.#set({ unread: 0 }); }
  cancelTransfer(id) { this.#set({ transfers: this.state.transfers.map((one) => (one.id === id ? { ...one, state: 'cancelled' } : one)) }); }

  sendText(text) {
    const message = { id: `x${this.#next++}`, from: 'self', name: 'Maria', self: true, at: Date.now(), kind: 'text', text };
    this.#set({ messages: [...this.state.messages, message] });
  }

  sendFile() {}

  async stats() {
    return this.state.members.map((member, index) => ({
      memberId: member.id, name: member.name, stream: 'user', via: 'p2p', state: 'connected', codecIn: 'VP8', codecOut: index % 2 ? 'H264' : 'VP8', width: 1280, height: 720,
      fps: 30 - index, bitrateIn: 1.4e6 + 4e5 * Math.sin(performance.now() / 3000 + index), bitrateOut: 9e5, loss: 0.004 * index, rtt: 23 + index * 9, jitter: 3 + index, relay: index === 1,
    }));
  }
}
