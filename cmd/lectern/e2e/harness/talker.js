// Clients without media, from Node: the official socket.io-client and the JSON WebSocket, behind one face.

import { once } from 'node:events';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { until, within } from './wait.js';

/** The three ways the official client may be configured. */
export const CONFIGURATIONS = {
  default: {},
  'polling only': { transports: ['polling'] },
  'WebSocket only': { transports: ['websocket'] },
};

/** What both kinds of client can do. `heard` keeps every event, in order. */
class Talker {
  heard = [];
  dropped = 0;

  /** The data of all events of this name so far. */
  all(event) {
    return this.heard.filter((line) => line.event === event).map((line) => line.data);
  }

  /** Waits for the `count`th event of this name. */
  async hears(event, count = 1, timeout = undefined) {
    await until(`${count} × ${event} heard`, () => {
      if (this.all(event).length >= count) return true;
      throw new Error(JSON.stringify(this.heard.slice(-5)).slice(0, 400));
    }, timeout);
    return this.all(event)[count - 1];
  }

  forget() {
    this.heard.length = 0;
  }

  /** Joins; resolved when the server has dealt with it. */
  join(roomname, username, id = crypto.randomUUID()) {
    this.user = { id, username, roomname };
    return this.ask('join', this.user);
  }

  /** Resolved when the server has dealt with everything sent so far. */
  settled() {
    return this.ask('ping', {});
  }
}

export class IOTalker extends Talker {
  constructor(url, options) {
    super();
    this.socket = io(url, { forceNew: true, ...options });
    this.socket.onAny((event, data) => this.heard.push({ event, data }));
    this.socket.on('disconnect', (reason) => {
      this.dropped++;
      this.reason = reason;
    });
  }

  static async open(url, options = {}) {
    const talker = new IOTalker(url, options);
    try {
      if (!talker.socket.connected) await within('connected', once(talker.socket, 'connect'));
    } catch (error) {
      talker.close(); // or it would try for ever
      throw error;
    }
    return talker;
  }

  get id() {
    return this.socket.id;
  }

  get connected() {
    return this.socket.connected;
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  send(event, data) {
    if (data === undefined) this.socket.emit(event);
    else this.socket.emit(event, data);
  }

  ask(event, data) {
    return within(`ack of ${event}`, this.socket.emitWithAck(event, data));
  }

  /** Breaks the connection the way the old client's network does: it comes back by itself. */
  async bounce() {
    const { id } = this;
    this.socket.io.engine.close();
    await until('back on a new socket', () => this.connected && this.id !== id);
  }

  /** Sends text as it is on the underlying WebSocket, past all encoding. */
  raw(data, options) {
    this.socket.io.engine.transport.ws.send(data, options);
  }

  close() {
    this.socket.disconnect();
  }
}

export class WSTalker extends Talker {
  constructor(url) {
    super();
    this.waiting = new Map();
    this.next = 0;
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
    this.socket.on('message', (text) => this.take(JSON.parse(text)));
    this.socket.on('error', () => {});
    this.socket.on('close', (code, reason) => {
      this.dropped++;
      this.reason = `${code} ${reason}`;
    });
  }

  static async open(url) {
    const talker = new WSTalker(url);
    await within('connected', once(talker.socket, 'open'));
    return talker;
  }

  take({ event, data, id }) {
    if (event === 'ack') {
      this.waiting.get(id)?.(data);
      this.waiting.delete(id);
    } else {
      this.heard.push({ event, data });
    }
  }

  get connected() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(event, data) {
    this.socket.send(JSON.stringify({ event, data }));
  }

  ask(event, data) {
    const id = ++this.next;
    const answer = new Promise((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ event, data, id }));
    return within(`ack of ${event}`, answer);
  }

  raw(data, options) {
    this.socket.send(data, options);
  }

  close() {
    this.socket.terminate();
  }
}

/** A description that passes for one; the server does not look into it beyond its size. */
export function sdp(type, size = 200) {
  return { type, sdp: `v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=${'x'.repeat(size)}\r\n` };
}

export function candidate(number = 1) {
  return { candidate: `candidate:${number} 1 udp 2122194687 192.0.2.2 45966 typ host`, sdpMid: '0', sdpMLineIndex: 0 };
}
