// Members who say something all the time, and whether all others heard it once and in order. A line is "name n".
//
//   const talk = new Talk(members);                 // of a Crowd
//   await talk.begin([ann, ben], 50);                // a line every 50 ms, each
//   ...
//   const said = await talk.end();                   // {lines, threw, lost, doubled, disordered, …}

import { until } from './wait.js';

/** Runs in the page. Quirk: the existing client throws where a channel is not open; how often is counted. */
function begin(name, every) {
  const say = window.mesh ? (text) => window.mesh.client.chat(text) : (text) => {
    const field = document.querySelector('[data-testid="chat-input"]');
    field.value = text;
    field.form.requestSubmit();
  };
  const talk = { count: 0, threw: [], errors: [] };
  window.talk = talk;
  talk.timer = setInterval(() => {
    const n = talk.count++;
    try {
      say(`${name} ${n}`);
    } catch (error) {
      talk.threw.push(n);
      talk.errors.push(`${error.name}: ${error.message}`);
    }
  }, every);
}

/** Runs in the page: all lines of text it shows. */
function heard() {
  if (window.mesh) return window.mesh.messages.filter(({ type }) => type === 'text').map(({ text }) => text);
  return [...document.querySelectorAll('[data-testid="message-text"]')].map((line) => line.textContent);
}

/** While it is closed, the page announces each line. */
async function openChat(member) {
  if (member.old) return;
  await member.click('chat-toggle');
  await member.see('chat-input');
}

export class Talk {
  /** @param {object[]} members all who are to hear; more may be added with `hears` */
  constructor(members) {
    // By member, and sender's name: the first line it must have, and from which on they must be in order and once. Before
    // that the existing client's lines wait each for itself until the newcomer's channel is open.
    this.from = new Map();
    this.talkers = [];
    this.members = [...members];
  }

  async begin(talkers, every) {
    this.talkers = talkers;
    for (const member of this.members) this.from.set(member, new Map(talkers.map(({ name }) => [name, 0])));
    await Promise.all(this.members.map(openChat));
    for (const { page, name } of talkers) await page.evaluate(begin, name, every);
  }

  /** From now on a newcomer has to hear everything. */
  async hears(member) {
    await openChat(member);
    const counts = await Promise.all(this.talkers.map(async ({ name, page }) => [name, await page.evaluate(() => window.talk.count)]));
    this.members.push(member);
    this.from.set(member, new Map(counts));
  }

  /** A member who leaves has to hear nothing any more. */
  forget(member) {
    this.members = this.members.filter((one) => one !== member);
  }

  /** Ends the talk, waits for the last lines, and compares. */
  async end() {
    const said = await Promise.all(this.talkers.map(async (talker) => ({
      talker,
      ...await talker.page.evaluate(() => {
        clearInterval(window.talk.timer);
        const { count, threw, errors } = window.talk;
        return { count, threw, errors };
      }),
    })));
    const result = { lines: said.reduce((sum, { count }) => sum + count, 0), threw: 0, errors: new Set(), lost: [], excused: 0, early: [], doubled: [], disordered: [] };
    for (const { threw, errors } of said) {
      result.threw += threw.length;
      for (const error of errors) result.errors.add(error);
    }
    await Promise.all(this.members.map((member) => this.#compare(member, said, result)));
    result.errors = [...result.errors];
    return result;
  }

  async #compare(member, said, result) {
    const others = said.filter(({ talker }) => talker !== member);
    // The last lines may be under way; what never comes is found below.
    await until('the last lines', async () => {
      const all = new Set(await member.page.evaluate(heard));
      return others.every(({ talker, count, threw }) => count === 0 || threw.includes(count - 1) || all.has(`${talker.name} ${count - 1}`));
    }, 10_000).catch(() => {});
    const all = await member.page.evaluate(heard);
    for (const { talker: { name }, count, threw } of others) {
      const numbers = all.filter((text) => text.startsWith(`${name} `)).map((text) => Number(text.slice(name.length + 1)));
      const from = this.from.get(member).get(name);
      const seen = new Set();
      let last = -1;
      for (const n of numbers) {
        const line = `${name} ${n} at ${member.name}`;
        if (seen.has(n)) (n < from ? result.early : result.doubled).push(line);
        else if (n < last && n >= from) result.disordered.push(`${line} after ${last}`);
        seen.add(n);
        last = Math.max(last, n);
      }
      for (let n = from; n < count; n++) {
        if (seen.has(n)) continue;
        // The existing client stopped in the middle of its members.
        if (threw.includes(n)) result.excused++;
        else result.lost.push(`${name} ${n} of ${count} at ${member.name}`);
      }
    }
  }
}
