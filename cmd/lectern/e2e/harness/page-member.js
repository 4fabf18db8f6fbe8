// One person at the bundled page, who does what a person can: looks, clicks and types. Test ids are listed at the top
// of static/js/main.js. Everything named `sees...` or `hears...` waits for the thing, as `until` does.

import { until } from './wait.js';

/** How much more must have come since the first look before media counts as flowing. */
const FRAMES = 5;

export class PageMember {
  constructor(name, { page, lines }) {
    this.name = name;
    this.page = page;
    this.console = lines;
  }

  /**
   * Opens the page at a path or address and waits for its first view.
   * @param {object} cast of a scenario
   * @param {string} name
   * @param {string} [path]
   * @param {object} [options] of openPage in browser.js
   */
  static async open(cast, name, path = `/r/${cast.room}`, options) {
    const member = new PageMember(name, await cast.openPage(path, options));
    await member.see(new URL(path, 'http://x').pathname === '/' ? 'landing' : 'ready');
    return member;
  }

  /** Opens the page and joins by its form. */
  static async join(cast, name, path, options) {
    const member = await PageMember.open(cast, name, path, options);
    await member.enter();
    await member.see('room');
    return member;
  }

  /** Gives the name and presses join, when the devices have started. */
  async enter(button = 'join') {
    await until(`${this.name} sees the own picture`, () => this.page.evaluate(() => document.querySelector('[data-testid="ready-preview"]')?.videoWidth > 0));
    await this.fill('name-input', this.name);
    await this.click(button);
  }

  selector(testid) {
    return `[data-testid="${testid}"]`;
  }

  /** Waits until something is visible, and returns it. */
  see(testid, suffix = '') {
    return until(`${this.name} sees ${testid}${suffix}`, async () => {
      for (const found of await this.page.$$(this.selector(testid) + suffix)) if (await found.isVisible()) return found;
      return null;
    });
  }

  /** Waits until something is not visible. */
  gone(testid, suffix = '') {
    return until(`${this.name} sees no ${testid}${suffix}`, async () => {
      for (const found of await this.page.$$(this.selector(testid) + suffix)) if (await found.isVisible()) return false;
      return true;
    });
  }

  /** Clicks by the document, so that a tooltip in the way does not matter. */
  async click(testid, suffix = '') {
    const found = await this.see(testid, suffix);
    await found.evaluate((element) => element.click());
  }

  async fill(testid, text) {
    const field = await this.see(testid);
    await field.evaluate((element) => { element.value = ''; });
    await field.type(text);
  }

  text(testid, suffix = '') {
    return this.page.evaluate((selector) => document.querySelector(selector)?.textContent ?? null, this.selector(testid) + suffix);
  }

  /** What all tiles show, in the order of the document. */
  tiles() {
    return this.page.evaluate(() => [...document.querySelectorAll('[data-testid="tile"]')].map((tile) => {
      const video = tile.querySelector('video');
      const shown = (testid) => tile.querySelector(`[data-testid="${testid}"]`).checkVisibility();
      return {
        label: tile.getAttribute('aria-label'), name: tile.querySelector('[data-testid="tile-name"]').textContent, kind: tile.dataset.kind, self: tile.dataset.self === 'true',
        frames: video.getVideoPlaybackQuality().totalVideoFrames, picture: !tile.classList.contains('no-picture'),
        avatar: shown('tile-avatar'), muted: shown('tile-muted'), trouble: shown('tile-spinner'), speaking: tile.classList.contains('speaking'),
      };
    }));
  }

  /** Waits for a tile of somebody that fits. */
  seesTile(name, what, fits = () => true, kind = 'camera') {
    return until(`${this.name} sees ${name}'s ${kind}: ${what}`, async () => {
      const tiles = await this.tiles();
      const found = tiles.find((tile) => tile.kind === kind && !tile.self && tile.name.includes(name));
      if (found && fits(found)) return found;
      throw new Error(JSON.stringify(tiles));
    });
  }

  /** Waits for exactly so many tiles of a kind, one's own included. */
  seesTiles(count, kind = 'camera') {
    return until(`${this.name} has ${count} ${kind} tiles`, async () => {
      const tiles = (await this.tiles()).filter((tile) => tile.kind === kind);
      if (tiles.length === count) return true;
      throw new Error(JSON.stringify(tiles));
    });
  }

  /** Waits until somebody's pictures move. */
  async seesMoving(name, kind = 'camera') {
    const { frames } = await this.seesTile(name, 'a picture', (tile) => tile.picture && tile.frames > 0, kind);
    await this.seesTile(name, 'moving pictures', (tile) => tile.frames >= frames + FRAMES, kind);
  }

  /** Waits until somebody's voice shows. */
  hears(name) {
    return this.seesTile(name, 'speaking', (tile) => tile.speaking);
  }

  /** Writes into the chat, which must be open. */
  async write(text) {
    await this.fill('chat-input', text);
    await this.page.keyboard.press('Enter');
  }

  /** Waits for a message of the chat that contains a text. */
  reads(text) {
    return until(`${this.name} reads ${text}`, () => this.page.evaluate((wanted) => (
      [...document.querySelectorAll('[data-testid="message-text"]')].some((message) => message.textContent.includes(wanted))), text));
  }

  /** All messages of the chat, from the first. */
  lines() {
    return this.page.$$eval(this.selector('message-text'), (all) => all.map(({ textContent }) => textContent));
  }

  /** Breaks nothing out of the page: true if nothing is wider than the window. */
  fits() {
    return this.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth
      && [...document.querySelectorAll('button')].every((button) => {
        const { left, right, width } = button.getBoundingClientRect();
        return width === 0 || !button.checkVisibility() || (left >= -1 && right <= window.innerWidth + 1);
      }));
  }
}
