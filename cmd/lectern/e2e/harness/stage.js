// A stage for scenarios: one server, one browser and one file server per test file; a room and pages per scenario.
//
//   const stage = useStage(['--grace', '60s']);
//   scenario(stage, 'two see each other', async (cast) => {
//     const [ann, ben] = await cast.call('ann', 'ben');           // two mesh clients in cast.room, media flowing
//     const { page } = await cast.openPage(`/r/${cast.room}`);    // any page of the server, with fake devices
//     cast.defer(() => somethingToClose());
//   });

import { after, before, test } from 'node:test';
import { launchBrowser, openPage, serveMesh } from './browser.js';
import { Member } from './member.js';
import { startServer } from './server.js';

/** The servers of these tests run in SFU mode: LECTERN_MODE says so, to them as to us. */
export const SFU = process.env.LECTERN_MODE === 'sfu';
if (SFU) process.env.LECTERN_RTC_PORT ??= '0'; // several servers at once

/** Scenarios that wait for long, or need more than two cores, are played too: make test-e2e-heavy. */
export const HEAVY = process.env.LECTERN_HEAVY === '1';

/** A scenario that has not ended by then hangs; none takes a tenth of it on an idle machine. */
const SCENARIO_MS = 900_000;

/**
 * Declares the server, browser and files of a test file. The returned object is filled before the first scenario.
 * @param {string[]} flags of the server
 */
export function useStage(flags = []) {
  const stage = { server: null, browser: null, files: null };
  before(async () => {
    [stage.server, stage.browser, stage.files] = await Promise.all([startServer(flags), launchBrowser(), serveMesh()]);
  });
  after(async () => {
    await stage.browser?.close();
    await stage.files?.close();
    await stage.server?.stop();
  });
  return stage;
}

/**
 * One scenario: `play(cast)` with a room name of its own. A failure carries the server's log and every page's state;
 * all pages are closed at the end, and the server must still be running.
 */
export function scenario(stage, name, play) {
  test(name, { timeout: SCENARIO_MS }, async () => {
    const cast = new Cast(stage);
    try {
      await play(cast);
      if (!stage.server.running) throw new Error('the server ended');
    } catch (error) {
      const reports = await Promise.all(cast.members.map((member) => member.report()));
      const lines = cast.pages.flatMap((opened) => [`--- ${opened.page.url()}`, ...opened.lines.slice(-15)]);
      error.message = [error.message, ...reports, ...lines, stage.server.log()].join('\n');
      throw error;
    } finally {
      await cast.close();
    }
  });
}

/** A scenario that is played only when HEAVY. */
export function heavyScenario(stage, name, play) {
  if (HEAVY) scenario(stage, name, play);
}

let rooms = 0; // room names must differ within a server's life

class Cast {
  constructor(stage) {
    this.stage = stage;
    this.room = `room-${process.pid}-${++rooms}`;
    this.members = [];
    this.pages = [];
    this.closers = [];
  }

  /** Opens a mesh page without joining. */
  async open(name, options) {
    const member = await Member.open(this.stage, name, options);
    this.members.push(member);
    return member;
  }

  /**
   * Opens a page of the server; it is closed at the end, and its console is in the report of a failure.
   * @param {string} path from the server's root
   * @param {object} [options] of `openPage` in browser.js
   */
  async openPage(path, options) {
    const opened = await openPage(this.stage.browser, new URL(path, this.stage.server.url).href, options);
    this.pages.push(opened);
    return opened;
  }

  /** Opens pages and joins them one after the other; everyone sees everyone at the end. */
  call(...names) {
    return this.callAt({}, ...names);
  }

  /** The same with options for `Member.open`. */
  async callAt(options, ...names) {
    const pages = await Promise.all(names.map((name) => this.open(name, options)));
    for (const [index, member] of pages.entries()) {
      await member.join(this.room);
      // A second one may join only when the first is in: the order decides who offers.
      if (index > 0) await member.seesTiles(index);
    }
    await Promise.all(pages.map((member) => member.receives(pages.length - 1)));
    // Whatever the size of the room, the server takes each camera once.
    await Promise.all(pages.map((member) => member.uploadsOn(SFU ? 1 : pages.length - 1)));
    return pages;
  }

  /** Runs at the scenario's end, in reverse order. */
  defer(close) {
    this.closers.push(close);
  }

  async close() {
    await Promise.all([...this.members, ...this.pages].map((opened) => opened.close()));
    for (const close of this.closers.reverse()) await close();
  }
}
