// What the core talks to, without a browser: a WebSocket whose server is the test, and a connection without media.

export class FakeSocket extends EventTarget {
  /** @type {FakeSocket[]} */
  static made = [];
  /** Called with every frame; answers acks unless it returns something. */
  static serve = () => undefined;

  constructor(url) {
    super();
    this.url = url;
    this.sent = [];
    this.closed = false;
    FakeSocket.made.push(this);
  }

  static get last() {
    return FakeSocket.made.at(-1);
  }

  open() {
    this.dispatchEvent(new Event('open'));
  }

  send(text) {
    const frame = JSON.parse(text);
    this.sent.push(frame);
    const data = FakeSocket.serve(frame, this);
    if (frame.id !== undefined && data !== null) this.hear('ack', data ?? {}, frame.id);
  }

  hear(event, data, id, seq) {
    if (!this.closed) this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify({ event, data, id, seq }) }));
  }

  close(code = 1000, reason = '') {
    if (this.closed) return;
    this.closed = true;
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }

  /** Data of the frames of an event so far. */
  of(event) {
    return this.sent.filter((frame) => frame.event === event).map(({ data }) => data);
  }
}

export class FakeStream {
  #tracks = [];
  getTracks() { return [...this.#tracks]; }
  getVideoTracks() { return this.#tracks.filter(({ kind }) => kind === 'video'); }
  getAudioTracks() { return this.#tracks.filter(({ kind }) => kind === 'audio'); }
  addTrack(track) { this.#tracks.push(track); }
  removeTrack(track) { this.#tracks = this.#tracks.filter((one) => one !== track); }
}

export function track(kind) {
  return Object.assign(new EventTarget(), { kind, id: Math.random(), readyState: 'live', muted: false, stop() { this.readyState = 'ended'; } });
}

/** `come`: frames or packets so far, as getStats tells them; also the RTP timestamp. */
const receiver = (kind) => {
  const made = { track: track(kind), come: 0, getSynchronizationSources: () => (made.come > 0 ? [{ rtpTimestamp: made.come, audioLevel: 0 }] : []) };
  made.getStats = async () => new Map([['i', { type: 'inbound-rtp', kind, framesDecoded: made.come, packetsReceived: made.come }]]);
  return made;
};

/** A description: a line for each [mid, kind, direction, stream id]. */
export function sdp(...lines) {
  return lines.map(([mid, kind, direction, id]) => `m=${kind} 9 X 0\r\na=mid:${mid}\r\na=${direction}\r\n${id ? `a=msid:${id} t${mid}\r\n` : ''}`).join('');
}

export class FakeChannel extends EventTarget {
  readyState = 'connecting';
  bufferedAmount = 0;
  sent = [];
  send(text) {
    if (this.readyState !== 'open') throw new Error('not open');
    this.sent.push(JSON.parse(text));
  }

  open() {
    this.readyState = 'open';
    this.dispatchEvent(new Event('open'));
  }

  hear(message) {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }

  close() {
    this.readyState = 'closed';
    this.dispatchEvent(new Event('close'));
  }
}

/** Keeps the rules of signalingState, which is where mistakes show. */
export class FakeConnection extends EventTarget {
  /** @type {FakeConnection[]} */
  static made = [];
  signalingState = 'stable';
  connectionState = 'new';
  localDescription = null;
  remoteDescription = null;
  sctp = { maxMessageSize: 262_144 };
  restarts = 0;
  offers = 0;
  candidates = [];
  channel = null;
  #transceivers = [];

  constructor() {
    super();
    FakeConnection.made.push(this);
  }

  addTrack(added) {
    // One that a description of the other side has made is used first.
    const free = this.#transceivers.find(({ receiver, sender, direction }) => receiver.track.kind === added.kind && !sender.track && direction === 'recvonly' && !sender.used);
    const sender = free?.sender ?? { track: null, replaceTrack: async (next) => { sender.track = next; }, getParameters: () => ({}) };
    Object.assign(sender, { track: added, used: true });
    if (free) free.direction = 'sendrecv';
    else this.#transceivers.push({ sender, mid: null, direction: 'sendrecv', currentDirection: null, receiver: receiver(added.kind) });
    return sender;
  }

  addTransceiver(kind, { direction }) {
    const sender = { track: null, replaceTrack: async (next) => { sender.track = next; } };
    this.#transceivers.push({ sender, mid: null, direction, currentDirection: null, receiver: receiver(kind) });
  }

  getTransceivers() { return this.#transceivers; }
  getReceivers() { return this.#transceivers.map(({ receiver }) => receiver); }
  restartIce() { this.restarts++; }

  createDataChannel() {
    this.channel = new FakeChannel();
    return this.channel;
  }

  async setLocalDescription() {
    const answer = this.signalingState === 'have-remote-offer';
    if (!answer) this.offers++;
    this.signalingState = answer ? 'stable' : 'have-local-offer';
    this.localDescription = { type: answer ? 'answer' : 'offer', sdp: `sdp ${this.offers}` };
    this.#transceivers.forEach((transceiver, index) => {
      transceiver.mid ??= String(index);
      if (answer) transceiver.currentDirection = common(transceiver.direction, transceiver.offered ?? 'sendrecv');
    });
  }

  async setRemoteDescription(description) {
    if (description.type === 'answer' && this.signalingState !== 'have-local-offer') throw new Error('wrong state: answer');
    this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
    this.remoteDescription = description;
    if (description.type === 'offer') {
      for (const [, kind, mid, direction] of description.sdp.matchAll(/m=(\w+).*\r\na=mid:(\S+)\r\na=(\w+)/g)) this.#offered(kind, mid, direction);
    }
    if (description.type === 'answer') for (const transceiver of this.#transceivers) transceiver.currentDirection = transceiver.direction;
  }

  #offered(kind, mid, offered) {
    const all = this.#transceivers;
    let one = all.find((known) => known.mid === mid) ?? all.find((known) => known.mid === null && known.receiver.track.kind === kind);
    if (!one) {
      const sender = { track: null, replaceTrack: async (next) => { sender.track = next; }, getParameters: () => ({}) };
      all.push(one = { sender, direction: 'recvonly', currentDirection: null, receiver: receiver(kind) });
    }
    Object.assign(one, { mid, offered });
  }

  async addIceCandidate(candidate) {
    if (!this.remoteDescription) throw new Error('no remote description');
    this.candidates.push(candidate);
  }

  become(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  find(candidate) {
    this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { candidate, toJSON: () => ({ candidate }) } }));
  }

  async getStats() { return new Map(); }
  close() { this.connectionState = 'closed'; }
}

/** What comes of one side's direction and the other's. */
function common(mine, theirs) {
  const sends = /send/.test(mine) && /recv/.test(theirs);
  const receives = /recv/.test(mine) && /send/.test(theirs);
  return sends && receives ? 'sendrecv' : sends ? 'sendonly' : receives ? 'recvonly' : 'inactive';
}

export class FakeDevices extends EventTarget {
  audioTrack = null;
  videoTrack = null;
  loud = 0;
  level() { return this.loud; }
  async setVideo(on) {
    this.videoTrack = on ? track('video') : null;
    this.dispatchEvent(new Event('change'));
  }

  async setAudio(on) {
    this.audioTrack = on ? track('audio') : null;
    this.dispatchEvent(new Event('change'));
  }
}

export function install() {
  Object.assign(globalThis, { MediaStream: FakeStream, RTCPeerConnection: FakeConnection });
}

/** Lets everything that is ready run: promises and what they set off. */
export async function settle() {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

/** Lets modules load and files be read. */
export async function turns(count = 20) {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => { setImmediate(resolve); });
}
