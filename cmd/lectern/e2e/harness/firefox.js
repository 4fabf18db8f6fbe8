// Headless Firefox with fake devices, with the face of launchBrowser in browser.js: openPage takes what it returns.
//
//   const firefox = await launchFirefox();
//   const { page, lines, close } = await openPage(firefox, url);   // no `language`: that needs Chromium
//   const ann = await Member.open({ ...stage, browser: firefox }, 'ann');
//   await firefox.close();
//
// It is driven over WebDriver BiDi, so there are no DevTools sessions (Member.crash) and no capture of a screen. FIREFOX
// names another binary than /usr/bin/firefox-esr.

import puppeteer from 'puppeteer-core';
import { PROTOCOL_MS } from './browser.js';

const PREFERENCES = {
  'media.navigator.streams.fake': true, // a picture that changes its colour, a tone of 440 Hz
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  // Without these a page that is not in front has its timers held back to one a second.
  'dom.min_background_timeout_value': 4,
  'dom.min_background_timeout_value_without_budget_throttling': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  // OpenH264 would be downloaded, in a process of its own.
  'media.gmp-manager.updateEnabled': false,
  'media.gmp-gmpopenh264.enabled': false,
};

/**
 * A Firefox with a profile of its own, which goes when it is closed.
 * @param {{preferences?: Record<string, string | number | boolean>}} [options] further preferences
 * @returns {Promise<import('puppeteer-core').Browser>}
 */
export function launchFirefox({ preferences = {} } = {}) {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: { ...PREFERENCES, ...preferences },
    protocolTimeout: PROTOCOL_MS,
  });
}
