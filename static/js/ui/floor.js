// Who has the floor: the one that speaker view shows large. Slow on purpose, so that a cough takes it from nobody. Pure.

/** From this level on, of 0 to 1, somebody is heard. */
export const AUDIBLE = 0.08;
/** A pause as short as this, in milliseconds, is part of speaking. */
const PAUSE_MS = 500;
/** Who speaks as long as this may take the floor. */
const TAKE_MS = 1200;
/** Who is silent as long as this may lose it. */
const KEEP_MS = 1500;

export class Floor {
  /** Member id, or '' while nobody has spoken. */
  holder = '';
  /** When each began to speak, and was last heard. @type {Map<string, {since: number, last: number}>} */
  #heard = new Map();

  /**
   * Call it as levels come; true when somebody else has the floor now.
   * @param {Map<string, number>} levels by member id
   * @param {number} now in milliseconds
   */
  hear(levels, now) {
    for (const [id, level] of levels) {
      if (level < AUDIBLE) continue;
      const was = this.#heard.get(id);
      this.#heard.set(id, { since: was && now - was.last <= PAUSE_MS ? was.since : now, last: now });
    }
    const held = this.#heard.get(this.holder);
    if (held && levels.has(this.holder) && now - held.last < KEEP_MS) return false;
    const before = this.holder;
    let longest = Infinity;
    for (const [id, { since, last }] of this.#heard) {
      if (!levels.has(id)) this.#heard.delete(id);
      else if (now - last <= PAUSE_MS && last - since >= TAKE_MS && since < longest) {
        longest = since;
        this.holder = id;
      }
    }
    return this.holder !== before;
  }
}
