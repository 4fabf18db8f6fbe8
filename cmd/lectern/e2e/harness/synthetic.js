// Members without a browser, by the Go program of cmd/lectern/synthetic: they send a small grey picture and noise, and count what
// they receive. A room of many members has few browsers and many of these.
//
//   const troupe = await Troupe.start(stage);                       // one process, whatever the number of members
//   const cat = troupe.member('cat', { old: true });                // an existing client; otherwise a capable one
//   await cat.join(room);
//   await cat.receivesFrom([...]);
//   await troupe.close();

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until, within } from './wait.js';

const PACKAGE = fileURLToPath(new URL('../../synthetic', import.meta.url));

/** How many more packets must have come since the first look before media counts as flowing. */
const PACKETS = 5;

let built;

/** The binary named by SYNTHETIC_BIN, or one built now, which goes with this process. */
function binary() {
  if (process.env.SYNTHETIC_BIN) return process.env.SYNTHETIC_BIN;
  if (!built) {
    const folder = mkdtempSync(join(tmpdir(), 'lectern-synthetic-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    built = join(folder, 'synthetic');
    execFileSync('go', ['build', '-o', built, '.'], { cwd: PACKAGE, stdio: 'inherit' });
  }
  return built;
}

/** Where browsers have their candidates: an address of this machine that is not its loopback, if there is one. */
function localAddress() {
  const found = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal);
  return found?.address ?? '127.0.0.1';
}

export class Troupe {
  static async start(stage) {
    return new Troupe(stage, spawn(binary(), ['-local', localAddress()], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  constructor(stage, child) {
    this.stage = stage;
    this.child = child;
    this.next = 0;
    this.waiting = new Map();
    this.exited = new Promise((resolve) => child.once('exit', resolve));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { id, error, look } = JSON.parse(line);
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(look);
    });
  }

  ask(request) {
    const id = ++this.next;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    return within(`the answer of ${request.name} to ${request.do}`, answer);
  }

  member(name, { old = false } = {}) {
    return new Synthetic(this, name, old);
  }

  async close() {
    this.child.stdin.end();
    await within('the synthetic members have ended', this.exited).catch(() => this.child.kill('SIGKILL'));
  }
}

class Synthetic {
  constructor(troupe, name, old) {
    this.troupe = troupe;
    this.name = name;
    this.existing = old;
    this.synthetic = true;
  }

  join(room) {
    return this.troupe.ask({ do: 'join', name: this.name, server: this.troupe.stage.server.url, room, old: this.existing });
  }

  leave() {
    return this.troupe.ask({ do: 'leave', name: this.name });
  }

  look() {
    return this.troupe.ask({ do: 'look', name: this.name });
  }

  /** Waits until camera and microphone of exactly these members come, each over one connector, and go on. */
  async receives(ids) {
    const first = new Map();
    await until(`${this.name} receives picture and sound of ${ids.length}`, async () => {
      const { streams } = await this.look();
      const live = streams.filter(({ active, streamType }) => active > 0 && streamType === 'user');
      assert.deepEqual(live.map(({ member, kind, active }) => `${member} ${kind} ${active}`).sort(),
        ids.flatMap((id) => [`${id} audio 1`, `${id} video 1`]).sort());
      for (const { member, kind, packets, keyframes } of live) {
        const key = `${member} ${kind}`;
        if (!first.has(key)) first.set(key, packets);
        assert.ok(packets >= first.get(key) + PACKETS, `${key}: ${first.get(key)}, now ${packets} packets`);
        assert.ok(kind === 'audio' || keyframes > 0, `${key}: no keyframe`);
      }
      return true;
    });
  }

  /** Packets of the other synthetic members that never came, since each of them began, by `member kind`. */
  async lost() {
    const { streams } = await this.look();
    return new Map(streams.filter(({ stamped }) => stamped).map(({ member, kind, lost }) => [`${member} ${kind}`, lost]));
  }

  async report() {
    const { describe } = await this.look().catch((error) => ({ describe: error.message }));
    return `--- ${this.name}\n${describe}`;
  }

  /** Ends the member; one that never joined has nothing to end. */
  async close() {
    await this.troupe.ask({ do: 'close', name: this.name }).catch(() => {});
  }
}
