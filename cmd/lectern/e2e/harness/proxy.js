// A TCP proxy before the server, to break connections in ways a browser cannot by itself.

import { connect, createServer } from 'node:net';

/**
 * Starts a proxy on a free port of 127.0.0.1 before the server on `targetPort`; clients use its `url`. Set `refusing`
 * to keep clients from coming back, `cut()`, `linger()` and `silence()` break what is open, `close()` ends it.
 * @param {number} targetPort
 */
export async function startProxy(targetPort) {
  const proxy = new Proxy(targetPort);
  await proxy.listen();
  return proxy;
}

/** Whether a close frame is among the frames of a client (RFC 6455 section 5.2). */
function hasGoodbye(frames) {
  for (let at = 0; at + 2 <= frames.length;) {
    if ((frames[at] & 15) === 8) return true;
    const short = frames[at + 1] & 127;
    if (short === 126 && at + 4 > frames.length) return false;
    const length = short === 126 ? frames.readUInt16BE(at + 2) : short;
    at += (short === 126 ? 4 : 2) + 4 + length; // with the mask; no page says 64 KiB in one frame here
  }
  return false;
}

class Proxy {
  constructor(targetPort) {
    this.targetPort = targetPort;
    this.pairs = new Set();
    this.lingering = new Set();
    this.rest = new Set(); // all whose client is gone
    this.silent = new Set();
    this.refusing = false;
    this.server = createServer((client) => this.accept(client));
  }

  listen() {
    return new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () => {
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        resolve();
      });
    });
  }

  accept(client) {
    if (this.refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(this.targetPort, '127.0.0.1');
    const pair = { client, upstream, upgraded: false };
    this.pairs.add(pair);
    client.on('data', (bytes) => { pair.upgraded ||= /\r\nupgrade: websocket/i.test(bytes.toString('latin1')); });
    const end = () => {
      if (!this.pairs.delete(pair)) return; // already broken on purpose
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', () => {}).on('close', end);
    client.pipe(upstream);
    upstream.pipe(client);
  }

  /** Breaks every connection on both sides, as a router that restarts does. */
  cut() {
    for (const { client, upstream } of this.take()) {
      client.destroy();
      upstream.destroy();
    }
  }

  /**
   * Breaks every connection on the client's side only, as a change of network does: the server hears nothing more,
   * and its writes go nowhere, until it gives the connection up itself. `lingering` holds the WebSockets among them
   * until then; an idle HTTP connection may stay for minutes.
   */
  linger() {
    for (const { client, upstream, upgraded } of this.take()) {
      client.unpipe(upstream);
      upstream.unpipe(client);
      client.destroy();
      upstream.resume();
      this.rest.add(upstream);
      if (!upgraded) continue;
      this.lingering.add(upstream);
      upstream.on('close', () => this.lingering.delete(upstream));
    }
  }

  /**
   * Lets nothing pass on the open WebSockets any more, as a network that is away: neither end notices. What the clients
   * say is kept for `deliver()`, their goodbyes too. The proxy refuses new connections meanwhile.
   */
  silence() {
    this.refusing = true;
    for (const { client, upstream, upgraded } of this.take()) {
      client.unpipe(upstream);
      upstream.unpipe(client);
      if (!upgraded) { // a connection of HTTP that is idle may stay for minutes
        client.destroy();
        upstream.destroy();
        continue;
      }
      const kept = { client, upstream, said: [], lost: '' };
      client.on('data', (bytes) => kept.said.push(bytes)).resume();
      upstream.on('data', (bytes) => { kept.lost += bytes.toString('latin1'); }).resume();
      this.silent.add(kept);
      this.rest.add(upstream);
    }
  }

  /** What the server has said into the silence. */
  get lost() {
    return [...this.silent].map(({ lost }) => lost).join('');
  }

  /** Whether the clients have given up their silent connections: each has said goodbye, and may wait long for an answer. */
  get left() {
    return [...this.silent].every(({ client, said }) => client.destroyed || hasGoodbye(Buffer.concat(said)));
  }

  /** The network is back: what the clients said arrives first, late, and only then does anybody get in. */
  async deliver() {
    await Promise.all([...this.silent].map(({ upstream, said }) => new Promise((resolve) => {
      if (upstream.destroyed) resolve();
      else upstream.once('close', resolve).end(Buffer.concat(said));
    })));
    this.silent.clear();
    this.refusing = false;
  }

  take() {
    const pairs = [...this.pairs];
    this.pairs.clear();
    return pairs;
  }

  close() {
    this.cut();
    for (const upstream of this.rest) upstream.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
