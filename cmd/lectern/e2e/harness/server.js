// The server under test: the real binary, on a free port, with its output kept for the report of a failure.
//
//   const server = await startServer(['--grace', '2s']);          // in before()
//   fetch(`${server.url}/healthz`); server.port; server.running; server.memory(); server.log();
//   await server.stop();                                          // in after()

import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until, within } from './wait.js';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const LOG_LINES = 400;

/** For `rooms`. */
export const ADMIN_TOKEN = 'of-the-tests-only';

/** How long after its last test a file's process may live on because a handle was left open. */
const LEFT_OPEN_MS = 20_000;
after(() => {
  setTimeout(() => {
    console.error('left open:', process.getActiveResourcesInfo());
    process.exit(); // with the code the tests have earned
  }, LEFT_OPEN_MS).unref();
});

let built; // path of the binary, made at most once per process

/** The binary named by LECTERN_BIN, or one built now into a temporary directory that goes with the process. */
function binary() {
  if (process.env.LECTERN_BIN) return process.env.LECTERN_BIN;
  if (!built) {
    const folder = mkdtempSync(join(tmpdir(), 'lectern-e2e-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    built = join(folder, 'lectern');
    execFileSync('go', ['build', '-o', built, '.'], { cwd: PACKAGE, stdio: 'inherit' });
  }
  return built;
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Starts the server and waits until it is ready.
 * @param {string[]} flags beyond the address
 * @param {number} [wanted] port, when it must be the one of an earlier server
 */
export async function startServer(flags = [], wanted) {
  const port = wanted ?? await freePort();
  const child = spawn(binary(), ['--listen', `127.0.0.1:${port}`, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const server = new Server(child, port);
  try {
    await until('server ready', () => server.ready());
  } catch (error) {
    await server.stop();
    throw new Error(`${error.message}\n${server.log()}`);
  }
  return server;
}

class Server {
  constructor(child, port) {
    this.child = child;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.lines = [];
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    child.once('error', (error) => this.lines.push(String(error)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.lines.push(...text.split('\n').filter(Boolean));
        this.lines.splice(0, this.lines.length - LOG_LINES);
      });
    }
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async ready() {
    if (!this.running) throw new Error('the server ended');
    return (await fetch(`${this.url}/readyz`)).ok;
  }

  /** Resident memory in bytes. Linux only, like the rest of the tests' environment. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
  }

  /**
   * Runs rooms over HTTP. The server must have been started with `--admin-token` and ADMIN_TOKEN.
   * @param {string} method
   * @param {string} path after /api/rooms
   * @param {object} [body]
   */
  async rooms(method, path, body) {
    const answer = await fetch(`${this.url}/api/rooms${path}`, {
      method, body: body && JSON.stringify(body),
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  }

  /** When it logged a line that contains all of these words, in ms since 1970; the latest. */
  logged(...words) {
    const line = this.lines.findLast((one) => words.every((word) => one.includes(word)));
    return line ? Date.parse(/time=(\S+)/.exec(line)[1]) : null;
  }

  log(lines = 60) {
    return `--- server log, last lines\n${this.lines.slice(-lines).join('\n')}\n---`;
  }

  /** Asks the server to end and returns its exit code; kills it when it takes longer than 10 s. */
  async stop() {
    if (!this.child.pid) return null;
    if (this.running) this.child.kill('SIGTERM');
    try {
      return (await within('server stopped', this.exited, 10_000)).code;
    } catch {
      this.child.kill('SIGKILL');
      await this.exited;
      return null;
    }
  }
}
