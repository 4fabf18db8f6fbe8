// Headless Chromium with fake devices, and the web server for the mesh client's files.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

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

/** A browser with a profile of its own, which goes when it is closed. */
export function launchBrowser() {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true, // puppeteer's name for --headless=new
    args: FLAGS,
    protocolTimeout: 60_000,
  });
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
