// What relaying costs, beside the same relay on socket.io; not a test. Run with make bench-signaling.
//
//   LECTERN_BIN=…/lectern node signaling-bench.js [rounds]
//
// Each round gives both servers, one after the other, the same load: 50 pairs that send each other offers of 5 KB, then
// candidates; and rooms whose members join and answer nothing. What counts is the server's own CPU time and the time to the
// last message. The clients are bare WebSockets that speak Socket.IO, so that they leave the machine to the server.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { startServer } from './harness/server.js';

const PAIRS = 50;
const MESSAGES = { offer: 100, icecandidate: 400 }; // of each member
const WINDOW = 4; // messages of one member that are on their way at once
const CROWDS = [62, 125, 250, 500];
const TICK_MS = 10; // of /proc/PID/stat
const rounds = Number(process.argv[2] ?? 3);

const cpu = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

class Client {
  events = 0; // heard, of the kind that `on` waits for
  static open(url) {
    const client = new Client();
    client.ws = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
    return new Promise((resolve, reject) => {
      client.ws.on('error', reject);
      client.ws.on('message', (data) => {
        const text = data.toString();
        if (text === '2') return client.ws.send('3');
        if (text[0] === '0') return client.ws.send('40');
        if (text.startsWith('40')) {
          client.id = JSON.parse(text.slice(2)).sid;
          return resolve(client);
        }
        client.events++;
        client.heard?.(text);
      });
    });
  }
  send(event, data) {
    this.ws.send(`42${JSON.stringify([event, data])}`);
  }
  join(room, name) {
    this.send('join', { id: `${name}-0123456789abcdef`, username: name, roomname: room });
  }
}

/** An SDP of about 5 KB, with the lines of a browser's. */
const sdp = (() => {
  const head = 'v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=extmap-allow-mixed\r\n';
  const line = (i) => `a=rtpmap:${96 + (i % 30)} VP8/90000\r\na=rtcp-fb:${96 + (i % 30)} goog-remb\r\na=fmtp:${96 + (i % 30)} level-asymmetry-allowed=1;packetization-mode=1\r\n`;
  let text = `${head}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n`;
  for (let i = 0; text.length < 5000; i++) text += line(i);
  return `${text}a=max-message-size:262144\r\n`;
})();

const message = {
  offer: (to, n) => ({ connectorId: `c-${n % 8}-6048337f-9a3c-4d2e-8f50-2f1d0e6b7a11`, memberId: to, offer: { type: 'offer', sdp }, streamType: 'user' }),
  icecandidate: (to) => ({
    remoteConnectorId: '6048337f-9a3c-4d2e-8f50-2f1d0e6b7a11', memberId: to, candidate: {
      candidate: 'candidate:28 1 udp 2122194687 192.0.2.2 45966 typ host generation 0 ufrag 8MBv network-id 1',
      sdpMid: '0', sdpMLineIndex: 0, usernameFragment: '8MBv',
    },
  }),
};

/** Microseconds of the server's CPU time for each message relayed among pairs. */
async function relay(server, event) {
  const pairs = [];
  for (let i = 0; i < PAIRS; i++) {
    const pair = [await Client.open(server.url), await Client.open(server.url)];
    await meet(pair, `${event} ${i} ${server.round}`);
    pairs.push(pair);
  }
  const began = cpu(server.pid);
  await Promise.all(pairs.flatMap(([a, b]) => [flow(a, b, event), flow(b, a, event)]));
  const spent = cpu(server.pid) - began;
  for (const client of pairs.flat()) client.ws.close();
  return (spent * 1000) / (PAIRS * 2 * MESSAGES[event]);
}

/** Has two clients join a room, and the one that is asked for an offer make it: a second offer of that kind is surplus. */
function meet(pair, room) {
  return new Promise((resolve) => {
    pair.forEach((client, n) => {
      const other = pair[1 - n];
      client.heard = (text) => {
        if (text.startsWith('42["getOffer"')) client.send('offer', message.offer(other.id, 0));
        else resolve();
      };
      client.join(room, `m${n}`);
    });
  });
}

/** Sends one member's messages to the other, and resolves when the last has come. */
function flow(from, to, event) {
  const head = `42["${event}"`;
  return new Promise((resolve) => {
    let sent = 0;
    let came = 0;
    const next = () => from.send(event, message[event](to.id, sent++));
    to.heard = (text) => {
      if (!text.startsWith(head)) return;
      if (++came === MESSAGES[event]) return resolve();
      if (sent < MESSAGES[event]) next();
    };
    for (let i = 0; i < WINDOW; i++) next();
  });
}

/** Seconds from the first join of a crowd to the last getOffer. */
async function storm(server, size) {
  const clients = [];
  for (let i = 0; i < size; i++) clients.push(await Client.open(server.url));
  const began = performance.now();
  await new Promise((resolve) => {
    let missing = (size * (size - 1)) / 2;
    for (const client of clients) client.heard = () => { if (--missing === 0) resolve(); };
    clients.forEach((client, i) => client.join(`storm ${size} ${server.round}`, `m${i}`));
  });
  const took = (performance.now() - began) / 1000;
  for (const client of clients) client.ws.close();
  return took;
}

async function startPeer() {
  const child = spawn(process.execPath, [fileURLToPath(new URL('peer/relay.js', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await new Promise((resolve) => createInterface(child.stdout).once('line', (line) => resolve([line])));
  return { url, pid: child.pid, stop: () => child.kill() };
}

const kinds = {
  lectern: async () => {
    const server = await startServer(['--mode', 'p2p', '--log-level', 'warn']);
    return { url: server.url, pid: server.child.pid, stop: () => server.stop() };
  },
  node: startPeer,
};
const figures = {};
for (let round = 0; round < rounds; round++) {
  for (const [kind, start] of Object.entries(kinds)) {
    const server = { ...await start(), round };
    const note = (what, value) => ((figures[what] ??= {})[kind] ??= []).push(value);
    for (const event of Object.keys(MESSAGES)) note(`${event}, µs of CPU each`, await relay(server, event));
    for (const size of CROWDS) note(`${size} join, s`, await storm(server, size));
    await server.stop();
  }
}
console.log(`medians of ${rounds} rounds${' '.repeat(12)}lectern    node   ratio`);
for (const [what, { lectern, node }] of Object.entries(figures)) {
  const [mine, peer] = [median(lectern), median(node)];
  console.log(`${what.padEnd(30)} ${mine.toFixed(2).padStart(9)} ${peer.toFixed(2).padStart(7)} ${(mine / peer).toFixed(2).padStart(7)}`);
}

process.exit(0);
