// One mesh client in a browser page of its own, as the tests speak of it. Everything named `sees...`, `receives` or
// `has...` waits for the thing, as `until` does; `seesTiles(0)` waits for the last tile to go.

import assert from 'node:assert/strict';
import { beatsOf, startBeats } from './beats.js';
import { openPage } from './browser.js';
import { until } from './wait.js';

/** How much more must have come since the first look before media counts as flowing. */
const FRAMES = 5;

export class Member {
  constructor(name, { page, lines, close }) {
    this.name = name;
    this.page = page;
    this.console = lines;
    this.close = close;
  }

  /**
   * Opens the mesh page against `serverURL` and waits for its socket.
   * @param {{browser: object, files: {url: string}, server?: {url: string}}} stage
   * @param {string} name its user name, unless `join` says otherwise
   * @param {{serverURL?: string, query?: string, probed?: boolean}} [options] `query`: `audio=off`, `video=off` or both
   *   with `&`; `probed` as in openPage
   */
  static async open(stage, name, { serverURL = stage.server.url, query = '', probed = false } = {}) {
    const url = `${stage.files.url}/mesh/index.html?server=${encodeURIComponent(serverURL)}&${query}`;
    const member = new Member(name, await openPage(stage.browser, url, { width: 640, height: 480, probed }));
    await member.connected();
    return member;
  }

  connected() {
    return until(`${this.name} is connected`, () => this.page.evaluate(() => window.mesh?.client.socket.connected));
  }

  /** Calls a method of the page's client. */
  call(method, ...args) {
    return this.page.evaluate((name, list) => window.mesh.client[name](...list), method, args);
  }

  async join(room, username = this.name) {
    this.id = await this.socketID(); // what the others know it by from now on
    await this.call('join', username, room);
  }

  leave() {
    return this.call('leave');
  }

  stats() {
    return this.page.evaluate(() => window.mesh.stats());
  }

  tiles(streamType = 'user') {
    return this.page.evaluate((type) => window.mesh.tiles().filter((tile) => tile.streamType === type), streamType);
  }

  /** Waits for exactly `count` tiles, and connectors behind them, of a stream type. */
  seesTiles(count, streamType = 'user') {
    return until(`${this.name} has ${count} ${streamType} tiles`, async () => {
      const tiles = await this.tiles(streamType);
      const behind = (await this.stats()).filter((connector) => connector.streamType === streamType);
      if (tiles.length === count && behind.length === count) return true;
      throw new Error(`${tiles.length} tiles, ${behind.length} connectors`);
    });
  }

  /**
   * Waits until every connector of a stream type receives: frames are decoded, samples and sound energy come, and the
   * channel is open. Kinds not listed in `kinds` are not looked at.
   */
  async receives(count, { streamType = 'user', kinds = ['video', 'audio'] } = {}) {
    await this.seesTiles(count, streamType);
    const first = new Map();
    await until(`${this.name} receives ${kinds.join(' and ')} from ${count} ${streamType}`, async () => {
      const all = (await this.stats()).filter((connector) => connector.streamType === streamType);
      assert.equal(all.length, count);
      for (const now of all) {
        if (!first.has(now.id)) first.set(now.id, now);
        const then = first.get(now.id);
        const brief = JSON.stringify({ then: [then.frames, then.samples, then.energy], now });
        if (kinds.includes('video')) assert.ok(now.frames >= then.frames + FRAMES, `frames: ${brief}`);
        if (kinds.includes('audio')) {
          assert.ok(now.samples > then.samples && now.energy > then.energy, `sound: ${brief}`);
        }
        assert.equal(now.channel, 'open', brief);
      }
      return true;
    });
  }

  /** Waits until `sender`'s camera shows moving pictures here, whoever else is in the room. */
  receivesFrom({ id, name }) {
    let first;
    return until(`${this.name} receives pictures of ${name}`, async () => {
      const found = (await this.stats()).find((connector) => connector.memberId === id && connector.streamType === 'user' && connector.tracks.includes('video'));
      assert.ok(found, 'no tracks');
      first ??= found.frames;
      if (found.frames >= first + FRAMES) return true;
      throw new Error(`${first}, now ${found.frames} frames`);
    });
  }

  /** Waits until this member sends its camera and microphone on `legs` connectors, and checks it is on no others. */
  async uploadsOn(legs, streamType = 'user') {
    const sending = async () => (await this.stats()).filter((connector) => connector.streamType === streamType && connector.sent > 0).length;
    await until(`${this.name} sends on ${legs} connectors`, async () => await sending() >= legs);
    assert.equal(await sending(), legs, `${this.name} sends on more than ${legs} connectors`);
  }

  /** Begins to note the times between the pictures of `sender`'s tile here. */
  async watchGaps(sender) {
    await Promise.all([this, sender].map(({ page }) => startBeats(page)));
    await this.page.evaluate(async (id) => {
      const all = await window.mesh.stats();
      const connector = all.find(({ memberId, streamType }) => memberId === id && streamType === 'user');
      const tile = document.querySelector(`[data-connector-id="${connector.id}"]`);
      const now = () => performance.timeOrigin + performance.now();
      window.gap = { last: now(), longest: [0, 0] };
      const look = () => {
        const at = now();
        if (at - window.gap.last > window.gap.longest[1] - window.gap.longest[0]) window.gap.longest = [window.gap.last, at];
        window.gap.last = at;
        tile.requestVideoFrameCallback(look);
      };
      tile.requestVideoFrameCallback(look);
    }, sender.id);
  }

  /** The longest time without a new picture since `watchGaps`, in beats that both pages had meanwhile. */
  async longestGap(sender) {
    const [from, to] = await this.page.evaluate(() => window.gap.longest);
    return beatsOf([this.page, sender.page], from, to);
  }

  /** Waits for exactly `count` user connectors with an open channel, tiles or not. */
  seesConnectors(count) {
    return until(`${this.name} has ${count} connectors`, async () => {
      const all = (await this.stats()).filter(({ streamType }) => streamType === 'user');
      if (all.length === count && all.every(({ channel }) => channel === 'open')) return true;
      throw new Error(JSON.stringify(all.map(({ connection, channel }) => ({ connection, channel }))));
    });
  }

  /** Waits until the tracks of `sender`'s camera and microphone here are of these kinds, and nothing is pending. */
  async seesTracksOf(sender, kinds) {
    const { id } = sender;
    const wanted = [...kinds].sort().join();
    await until(`${this.name} has tracks ${wanted} of ${sender.name}`, async () => {
      const all = (await this.stats()).filter(({ memberId, streamType }) => memberId === id && streamType === 'user');
      const [{ tracks, signaling }] = all;
      if (all.length === 1 && tracks.join() === wanted && signaling === 'stable') return true;
      throw new Error(`${all.length} connectors, ${tracks}, ${signaling}`);
    });
  }

  hasText(username, text) {
    return until(`${this.name} has "${text}" of ${username}`, async () => {
      const found = (await this.messages()).filter((message) => message.username === username && message.text === text);
      assert.ok(found.length < 2, 'a message came twice');
      return found.length === 1;
    });
  }

  /** Signaling messages so far, optionally only those of one side. */
  wire(from) {
    return this.page.evaluate((side) => window.mesh.client.wire.filter((line) => !side || line.from === side), from);
  }

  async forgetWire() {
    await this.page.evaluate(() => {
      window.mesh.client.wire.length = 0;
      window.mesh.client.channelWire.length = 0;
    });
  }

  messages() {
    return this.page.evaluate(() => window.mesh.messages.map(({ username, type, text }) => ({ username, type, text })));
  }

  /** Breaks the engine's transport; the client comes back by itself. */
  dropSocket() {
    return this.page.evaluate(() => window.mesh.client.socket.io.engine.close());
  }

  socketID() {
    return this.page.evaluate(() => window.mesh.client.socket.id);
  }

  /** Drops the socket and waits until the client is back on a new one. */
  async bounceSocket() {
    const before = await this.socketID();
    await this.dropSocket();
    await this.backSince(before);
  }

  backSince(before) {
    return until(`${this.name} is back on a new socket`, async () => {
      const id = await this.socketID();
      return id && id !== before;
    });
  }

  /** Ends the page's process without a word to anyone. */
  async crash() {
    const session = await this.page.createCDPSession();
    session.send('Page.crash').catch(() => {}); // never answered
    await new Promise((resolve) => this.page.once('error', resolve));
  }

  /** What a failure's report needs to know about this page. */
  async report() {
    const state = await Promise.race([
      this.page.evaluate(async () => JSON.stringify({
        state: window.mesh?.client.state, socket: window.mesh?.client.socket.connected,
        rejections: window.mesh?.client.rejections.slice(-5), failures: window.mesh?.failures,
        stats: await window.mesh?.stats(),
        wire: window.mesh?.client.wire.slice(-25).map(({ from, event, data }) => [from, event, JSON.stringify(data)?.slice(0, 160)]),
      }, null, 1)),
      new Promise((resolve) => setTimeout(() => resolve('(no answer)'), 3000)),
    ]).catch((error) => error.message);
    return `--- ${this.name}\n${state}\n${this.console.slice(-15).join('\n')}`;
  }
}
