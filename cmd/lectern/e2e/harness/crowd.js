// A room of clients of all kinds that grows, and what each of them sees and hears meanwhile.
//
//   const crowd = new Crowd(cast, { firefox, troupe });
//   await crowd.open({ ann: 'old', ben: 'page', fay: 'firefox', gus: 'synthetic', hal: 'synthetic old' });   // none of them in the room
//   await crowd.enter('ann', 'ben');                             // at once
//   await crowd.settled();                                       // everybody sees and hears everybody
//   await crowd.watch();
//   ...
//   await crowd.judge('the change');

import assert from 'node:assert/strict';
import { beatsOf, startBeats } from './beats.js';
import { Member } from './member.js';
import { PageMember } from './page-member.js';
import { FRAME_MS } from './probe.js';
import { until } from './wait.js';
import { Watch } from './watch.js';

/**
 * The longest that a picture may stand still, in beats that both pages had meanwhile (beats.js): the sender's, and that of
 * who looks. On a machine that does nothing else it is 6.
 */
const STILL_BEATS = 60;
/** Gaps up to this, in ms, are so short that no test need count beats. */
const SHORT_MS = 600;
/** Packets of one synthetic member that another may miss during a change. */
const LOST = 10;
/** A page that is later than this, in ms, has to share its processor. */
const BUSY_MS = 150;

/** The page does not ask for pictures it has no room for: eight, and the chat, must fit. */
const WINDOW = { width: 1280, height: 800, probed: true };

/** What the existing client is known to throw where a channel is not open; also in a timer, when it tries again. */
const KNOWN = /channel is not open|TypeError: Cannot read properties of null|TypeError: Cannot destructure property 'maxMessageSize'|TypeError: this\.\w+(\.\w+)? is null|TypeError: can't access property/;

export class Crowd {
  /**
   * @param {object} cast of a scenario
   * @param {{firefox?: object, troupe?: import('./synthetic.js').Troupe}} [options] for members of these kinds
   */
  constructor(cast, { firefox, troupe } = {}) {
    this.cast = cast;
    this.firefox = firefox;
    this.troupe = troupe;
    this.lost = new Map(); // by synthetic member, at the last forget
    this.all = new Map(); // by name, in the room or not
    this.members = []; // in the room, in the order they came
    this.watches = new Map();
    this.late = 0; // ms, how late a page was at most: how busy the machine was
    this.ids = new Map(); // names by id, of those who have left, too
  }

  /** @param {{[name: string]: 'old' | 'firefox' | 'page' | 'synthetic' | 'synthetic old'}} kinds */
  async open(kinds) {
    await Promise.all(Object.entries(kinds).map(async ([name, kind]) => {
      const member = await this.#open(name, kind);
      member.old = kind === 'old' || kind === 'firefox';
      this.all.set(name, member);
    }));
  }

  async #open(name, kind) {
    const { cast } = this;
    if (kind.startsWith('synthetic')) {
      const member = this.troupe.member(name, { old: kind === 'synthetic old' });
      cast.members.push(member);
      return member;
    }
    if (kind === 'page') return PageMember.open(cast, name, `/r/${cast.room}`, WINDOW);
    if (kind === 'old') return cast.open(name, { probed: true });
    const member = await Member.open({ ...cast.stage, browser: this.firefox }, name, { probed: true });
    cast.members.push(member);
    return member;
  }

  get(...names) {
    return names.map((name) => this.all.get(name));
  }

  /** Has members come in at once; returns when their clients have said so, not when they see anybody. */
  async enter(...names) {
    await Promise.all(this.get(...names).map(async (member) => {
      if (member.old || member.synthetic) await member.join(this.cast.room);
      else {
        await member.enter();
        await member.see('room');
      }
    }));
    this.members.push(...this.get(...names));
  }

  async leave(name) {
    const [member] = this.get(name);
    this.ids.set(await this.idOf(name), name);
    this.members = this.members.filter((one) => one !== member);
    if (member.old || member.synthetic) await member.leave();
    else await member.click('leave');
  }

  /** Waits until everybody sees and hears everybody, over as few connectors as there should be. */
  async settled() {
    const ids = new Map([...await this.#names()].map(([id, name]) => [name, id]));
    await Promise.all(this.members.map((member) => {
      const others = this.members.filter((one) => one !== member);
      if (member.synthetic) return member.receives(others.map(({ name }) => ids.get(name)));
      return member.old ? member.receives(others.length) : this.#seesAll(member);
    }));
  }

  /** Those who are in a browser. */
  get #watchers() {
    return this.members.filter(({ page }) => page);
  }

  async #seesAll(member) {
    await member.seesTiles(this.members.length);
    await Promise.all(this.members.filter((one) => one !== member).map(({ name }) => member.seesMoving(name)));
  }

  /** When the last connection ended that anybody gave up after `at`, both in ms since 1970; call it when all is settled. */
  async lastClosed(at) {
    const ends = await Promise.all(this.#watchers.map(({ page }) => page.evaluate(() => window.probe.connections
      .filter(({ used }) => used).map(({ closed }) => closed))));
    return Math.max(...ends.flat().filter((closed) => closed >= at));
  }

  async watch() {
    for (const member of this.#watchers) {
      if (!this.watches.has(member)) this.watches.set(member, await Watch.start(member));
    }
  }

  /** Begins the figures anew. */
  async forget() {
    await Promise.all([...this.watches.values()].map((watch) => watch.forget()));
    for (const member of this.members) if (member.synthetic) this.lost.set(member, await member.lost());
  }

  /** Names of those who are in the room, by the server's ids. */
  async #names() {
    const list = await this.cast.stage.server.rooms('GET', `/${this.cast.room}/members`);
    return new Map(list.members.map(({ memberId, username }) => [memberId, username]));
  }

  /** The id the server knows a member by. */
  async idOf(name) {
    return [...await this.#names()].find(([, known]) => known === name)?.[0];
  }

  /**
   * What all have seen, with names instead of ids. `gap` is the longest of all pictures that were there before, `where`
   * whose, and `freshGap` that of those that began meanwhile; `stood` those that stood still for more than SHORT_MS, with
   * the beats of it; `still` names pictures that are not to be looked at.
   */
  async seen(still = []) {
    for (const [id, name] of await this.#names()) this.ids.set(id, name);
    const all = { gap: 0, where: '', freshGap: 0, stood: [], drops: [], most: 0, stalled: 0, pictures: 0 };
    await Promise.all([...this.watches].map(async ([member, watch]) => {
      if (!this.members.includes(member)) return;
      const { pictures, drops, stalled } = await watch.report();
      const title = (key) => { const [id, kind] = key.split('/'); return `${this.ids.get(id) ?? id} ${kind}`; };
      all.stalled = Math.max(all.stalled, stalled);
      for (const { key, gap, most, since, fresh } of pictures) {
        if (still.includes(title(key))) continue;
        all.pictures++;
        if (fresh) {
          all.freshGap = Math.max(all.freshGap, gap);
          continue;
        }
        all.most = Math.max(all.most, most);
        const where = `${title(key)} at ${member.name}`;
        if (gap > all.gap) Object.assign(all, { gap, where });
        const sender = this.all.get(title(key).split(' ')[0]);
        // Whether a synthetic sender was let run is not known here.
        if (gap > SHORT_MS && sender?.page && this.members.includes(sender)) all.stood.push({ where, beats: await this.#beats([member, sender], since, since + gap) });
      }
      for (const drop of drops) all.drops.push({ who: title(drop.key), at: member.name, for: drop.for });
    }));
    return all;
  }

  async #beats(members, from, to) {
    for (const { page } of members) await startBeats(page); // those who came late have only begun
    return beatsOf(members.map(({ page }) => page), from, to);
  }

  /**
   * What everybody saw since the last `forget`: no tile was gone, and none stood still for long. Told on the console, for
   * the exact values.
   * @param {string} what
   * @param {{gone?: string[], still?: string[]}} [options] names of who may be gone, and pictures (`ann camera`) that are
   *   not to move
   */
  async judge(what, { gone = [], still = [] } = {}) {
    const seen = await this.seen(still);
    this.late = Math.max(this.late, seen.stalled);
    console.log(`${what}: longest stretch without a new frame ${seen.gap} ms (${seen.where}), ${seen.gap - FRAME_MS} ms beyond the camera's interval; ${seen.freshGap} ms in pictures that began meanwhile; ${seen.pictures} pictures; a page was late by ${seen.stalled} ms at most`);
    for (const { where, beats } of seen.stood) console.log(`  ${where}: ${beats} beats`);
    const drops = seen.drops.filter(({ who }) => !gone.includes(who.split(' ')[0]));
    assert.deepEqual(drops, [], `${what}: tiles were gone`);
    assert.deepEqual(seen.stood.filter(({ beats }) => beats > STILL_BEATS), [], `${what}: pictures stood still`);
    for (const [member, before] of this.lost) {
      for (const [stream, lost] of await member.lost()) {
        const count = lost - (before.get(stream) ?? 0);
        assert.ok(count <= LOST, `${what}: ${member.name} lost ${count} packets of ${stream}`);
      }
    }
    return seen;
  }

  /**
   * Ends a Talk: every line arrived once, in order, at everybody. A line that is on its way when the mesh ends goes both
   * ways at an existing client, and the server knows it for that by the time it takes. On a machine too busy for that it
   * may come twice, or behind the next one; it must not be lost.
   */
  async judgeTalk(talk) {
    const { lines, threw, excused, errors, early, lost, doubled, disordered } = await talk.end();
    const handlers = await this.thrown();
    console.log(`chat: ${lines} lines, lost ${lost.length}, doubled ${doubled.length} (and ${early.length} while somebody came in), out of order ${disordered.length}; existing clients threw ${threw} times while they spoke and ${handlers} times besides, as they do where a channel is not open (${excused} lines did not reach everybody for that)`);
    assert.deepEqual(lost, []);
    if (this.late < BUSY_MS) assert.deepEqual({ doubled, disordered }, { doubled: [], disordered: [] });
    assert.deepEqual(errors.filter((error) => !KNOWN.test(error)), []);
  }

  /** Waits until the room's media goes one way. */
  async goes(mode) {
    await until(`the room is in mode ${mode}`, async () => (await this.cast.stage.server.rooms('GET', `/${this.cast.room}`)).mode === mode);
    if (mode === 'sfu') await until('the change is over', () => this.cast.stage.server.logged('is in SFU mode', `room=${this.cast.room} `));
  }

  /** Nobody's page threw anything but what the existing client is known to throw; how often it did. */
  async thrown() {
    let known = 0;
    for (const member of this.all.values()) {
      if (member.synthetic) continue;
      const thrown = member.console.filter((line) => line.startsWith('uncaught'));
      if (member.old) thrown.push(...await member.page.evaluate(() => window.mesh.client.rejections));
      const harmless = member.old ? thrown.filter((line) => KNOWN.test(line)) : [];
      known += harmless.length;
      assert.deepEqual(thrown.filter((line) => !harmless.includes(line)), [], `${member.name} threw`);
    }
    return known;
  }
}
