// A relay between pages and the server's media port, to take the network away from media without a word to the browser.

import { createSocket } from 'node:dgram';

/** Relays of the media ports that pages are told of. While `away` is true nothing passes, either way. */
export class MediaRelay {
  constructor() {
    this.away = false;
    this.sockets = [];
    this.ports = new Map();
  }

  /**
   * From now on a page, opened with `probed`, sends its media through here.
   * @param {import('puppeteer-core').Page} page
   */
  stand(page) {
    return page.exposeFunction('relayOf', (address, port) => this.before(address, port));
  }

  /** The port that leads to one of the server's, at the same address. */
  before(address, port) {
    const key = `${address} ${port}`;
    if (!this.ports.has(key)) this.ports.set(key, this.listen(address, Number(port)));
    return this.ports.get(key);
  }

  listen(address, port) {
    const kind = address.includes(':') ? 'udp6' : 'udp4';
    const front = this.open(kind);
    const backs = new Map(); // by the client's address
    front.on('message', (packet, client) => {
      const from = `${client.address} ${client.port}`;
      let back = backs.get(from);
      if (!back) {
        back = this.open(kind);
        back.on('message', (answer) => { if (!this.away) front.send(answer, client.port, client.address); });
        backs.set(from, back);
      }
      if (!this.away) back.send(packet, port, address);
    });
    return new Promise((resolve) => front.bind(0, address, () => resolve(front.address().port)));
  }

  open(kind) {
    const socket = createSocket(kind);
    socket.on('error', () => {}); // a client that is gone
    this.sockets.push(socket);
    return socket;
  }

  close() {
    for (const socket of this.sockets) socket.close();
  }
}
