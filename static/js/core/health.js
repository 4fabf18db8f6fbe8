// How one connection fares, and when its path is to be restarted.

/** @import {Connection} from './types.js' */

/**
 * @typedef {object} HealthHooks
 * @property {(attempt: number) => void} restart from 0 on, for as long as the path is broken
 * @property {() => void} changed
 */

const PATIENCE_MS = 3000; // a path may come back by itself
const AGAIN_MS = 8000; // between attempts
const FAILED_MS = 30_000; // then it is called failed, though attempts go on
const HOPELESS = 2; // attempts that are given a chance

export class Health {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #attempt = 0;
  #brokenSince = 0;
  #wasConnected = false;
  #stopped = false;

  /**
   * @param {RTCPeerConnection} pc
   * @param {HealthHooks} hooks
   */
  constructor(pc, hooks) {
    this.pc = pc;
    this.hooks = hooks;
    pc.addEventListener('connectionstatechange', () => this.#moved());
  }

  /** @returns {Connection} */
  get state() {
    const { connectionState } = this.pc;
    if (connectionState === 'connected') return 'connected';
    const broken = this.#brokenSince > 0 ? Date.now() - this.#brokenSince : 0;
    if (broken >= FAILED_MS || connectionState === 'closed') return 'failed';
    return this.#wasConnected ? 'interrupted' : 'connecting';
  }

  /** Restarts did not help. During one, and after it for as long as the next is not over, a browser calls it connecting. */
  get hopeless() {
    return this.#brokenSince > 0 && this.#attempt > HOPELESS;
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #moved() {
    const { connectionState } = this.pc;
    if (connectionState === 'connected') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#wasConnected = true;
      this.#attempt = this.#brokenSince = 0;
    } else if (connectionState === 'disconnected' || connectionState === 'failed') {
      this.#brokenSince ||= Date.now();
      this.#restartIn(connectionState === 'failed' ? 0 : PATIENCE_MS);
    }
    this.hooks.changed();
  }

  /** @param {number} delay */
  #restartIn(delay) {
    if (this.#stopped || (this.#timer !== undefined && delay > 0)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.pc.connectionState === 'connected') return;
      this.#restartIn(AGAIN_MS);
      this.hooks.restart(this.#attempt++);
      this.hooks.changed();
    }, delay);
  }
}
