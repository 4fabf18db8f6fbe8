// Headless Chromium with fake devices, and the web server for the mesh client's files.
//
//   const browser = await launchBrowser();                        // one per test file: starting it is the dear part
//   const { page, lines, close } = await openPage(browser, `${server.url}/r/demo`);
//   await page.waitForSelector('#join');                          // puppeteer's Page
//   await close();                                                // the page leaves as a closed tab does
//   await browser.close();
//
// Cameras (640x480, green, a running clock) and microphones (a beep a second) are fake and granted without a question,
// and so is the capture of a screen. CHROMIUM names another binary than /usr/bin/chromium.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { probe } from './probe.js';

/** An answer of a browser that has not come by then never comes; one with starved pages may take long. */
export const PROTOCOL_MS = 300_000;

const HERE = fileURLToPath(new URL('..', import.meta.url));
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--lang=en-US',
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--auto-accept-this-tab-capture',
  '--autoplay-policy=no-user-gesture-required', '--mute-audio',
  // Pages that are not in front must run like the one that is.
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
  '--disable-features=WebRtcHideLocalIpsWithMdns,CalculateNativeWinOcclusion,IntensiveWakeUpThrottling',
];

/**
 * A browser with a profile of its own, which goes when it is closed.
 * @param {{without?: string[], flags?: string[]}} [options] flags to leave out (`--use-fake-ui-for-media-stream` for one
 *   in which no device is granted) and to add
 * @returns {Promise<import('puppeteer-core').Browser>}
 */
export function launchBrowser({ without = [], flags = [] } = {}) {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true, // puppeteer's name for --headless=new
    args: [...FLAGS.filter((flag) => !without.includes(flag)), ...flags],
    protocolTimeout: PROTOCOL_MS,
  });
}

/**
 * Opens an address in a context (so with storage, and in a process) of its own. `lines` collects what the page writes on
 * its console and what it fails to catch (`uncaught: ...`).
 * @param {import('puppeteer-core').Browser} browser
 * @param {string} url
 * @param {{width?: number, height?: number, language?: string, probed?: boolean}} [options] viewport in CSS pixels; what
 *   `navigator.languages` and Accept-Language say; whether the page is given what probe.js describes
 * @returns {Promise<{page: import('puppeteer-core').Page, lines: string[], close: () => Promise<void>}>}
 */
export async function openPage(browser, url, { width = 1280, height = 800, language, probed = false } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PROTOCOL_MS);
  const lines = [];
  page.on('console', (line) => lines.push(line.text()));
  page.on('pageerror', (error) => lines.push(`uncaught: ${error.message}`));
  await page.setViewport({ width, height });
  if (language) {
    const devtools = await page.createCDPSession();
    await devtools.send('Network.setUserAgentOverride', { userAgent: await browser.userAgent(), acceptLanguage: language });
  }
  if (probed) await page.evaluateOnNewDocument(probe);
  await page.goto(url);
  return { page, lines, close: () => context.close().catch(() => {}) };
}

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.map': 'application/json' };
const ROOTS = { 'socket.io-client': join(HERE, 'node_modules/socket.io-client/dist'), mesh: join(HERE, 'mesh') };

/** Serves the mesh client from an origin that is not the server's, so that every request of it is cross-origin. */
export async function serveMesh() {
  const server = createServer((request, response) => {
    const [, root, ...rest] = normalize(new URL(request.url, 'http://x').pathname).split('/');
    const file = ROOTS[root] && join(ROOTS[root], rest.join('/') || 'index.html');
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}
