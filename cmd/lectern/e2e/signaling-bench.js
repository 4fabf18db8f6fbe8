// What relaying costs, beside the same relay on socket.io; not a test. Run with make bench-signaling.
//
//   LECTERN_BIN=…/lectern node signaling-bench.js [rounds [step]]
//
// Each round gives both servers the same load, in turns: 50 pairs that send each other offers of 5 KB, then candidates; and
// rooms whose members join and answer nothing. What counts is the server's own CPU time and the time to the last message.
// The clients are bare WebSockets that speak Socket.IO, so that they leave the machine to the server. A step that does not
// end in STEP_MS ends the run, with what the server had sent by then.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
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
const STEP_MS = 30_000;
const rounds = Number(process.argv[2] ?? 3);
const only = process.argv[3] ?? ''; // of the steps: those whose name has this

const cpu = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

class Client {
  events = 0; // that came
  connector = randomUUID(); // to the other one of a pair
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

/** What a client sends to another, about the one connector that each of them has. */
const message = {
  offer: (from, to) => ({ connectorId: from.connector, memberId: to.id, offer: { type: 'offer', sdp }, streamType: 'user' }),
  answer: (from, to) => ({ remoteConnectorId: to.connector, connectorId: from.connector, memberId: to.id, answer: { type: 'answer', sdp } }),
  icecandidate: (_, to) => ({
    remoteConnectorId: to.connector, memberId: to.id, candidate: {
      candidate: 'candidate:28 1 udp 2122194687 192.0.2.2 45966 typ host generation 0 ufrag 8MBv network-id 1',
      sdpMid: '0', sdpMLineIndex: 0, usernameFragment: '8MBv',
    },
  }),
};

/** Fails if what is awaited does not come in time; came says how far it got. */
async function within(what, came, awaited) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end in ${STEP_MS / 1000} s: ${came()}`)), STEP_MS);
  });
  try {
    return await Promise.race([awaited, late]);
  } finally {
    clearTimeout(timer);
  }
}

const open = (server, n) => Promise.all(Array.from({ length: n }, () => Client.open(server.url)));

/** Microseconds of the server's CPU time for each message relayed among pairs. */
async function relay(server, event) {
  const clients = await open(server, PAIRS * 2);
  const pairs = Array.from({ length: PAIRS }, (_, i) => clients.slice(2 * i, 2 * i + 2));
  const came = () => `${clients.reduce((n, c) => n + c.events, 0)} events came`;
  await within('meeting', came, Promise.all(pairs.map((pair, i) => meet(pair, `${event} ${i} ${server.round}`))));
  const began = cpu(server.pid);
  await within(`relaying an ${event}`, came, Promise.all(pairs.flatMap(([a, b]) => [flow(a, b, event), flow(b, a, event)])));
  const spent = cpu(server.pid) - began;
  for (const client of clients) client.ws.close();
  return (spent * 1000) / (PAIRS * 2 * MESSAGES[event]);
}

/** Has two clients join a room and connect: the one that is asked for an offer makes it, the other answers. */
function meet(pair, room) {
  return new Promise((resolve) => {
    pair.forEach((client, n) => {
      const other = pair[1 - n];
      client.heard = (text) => {
        if (text.startsWith('42["getOffer"')) client.send('offer', message.offer(client, other));
        else if (text.startsWith('42["offer"')) client.send('answer', message.answer(client, other));
        else if (text.startsWith('42["answer"')) resolve();
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
    const next = () => {
      sent++;
      from.send(event, message[event](from, to));
    };
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
  const clients = await open(server, size);
  const all = (size * (size - 1)) / 2;
  let came = 0;
  const began = performance.now();
  await within(`the joining of ${size}`, () => `${came} of ${all} getOffers came`, new Promise((resolve) => {
    for (const client of clients) client.heard = () => { if (++came === all) resolve(); };
    clients.forEach((client, i) => client.join(`storm ${size} ${server.round}`, `m${i}`));
  }));
  const took = (performance.now() - began) / 1000;
  for (const client of clients) client.ws.close();
  return took;
}

async function startPeer() {
  const child = spawn(process.execPath, [fileURLToPath(new URL('peer/relay.js', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await new Promise((resolve) => createInterface(child.stdout).once('line', (line) => resolve([line])));
  stops.push(() => child.kill());
  return { url, pid: child.pid, stop: () => child.kill() };
}

const stops = []; // what ends a server whatever ends this
process.on('exit', () => stops.forEach((stop) => stop()));

const kinds = {
  lectern: async () => {
    const server = await startServer(['--mode', 'p2p', '--log-level', 'warn']);
    stops.push(() => server.child.kill());
    return { url: server.url, pid: server.child.pid, stop: () => server.stop() };
  },
  node: startPeer,
};
const figures = {};
for (let round = 0; round < rounds; round++) {
  const servers = Object.fromEntries(await Promise.all(Object.entries(kinds).map(async ([kind, start]) => [kind, { ...await start(), round }])));
  const measure = async (what, how) => {
    if (!what.includes(only)) return;
    for (const [kind, server] of Object.entries(servers)) ((figures[what] ??= {})[kind] ??= []).push(await how(server));
  };
  for (const event of Object.keys(MESSAGES)) await measure(`${event}, µs of CPU each`, (server) => relay(server, event));
  for (const size of CROWDS) await measure(`${size} join, s`, (server) => storm(server, size));
  await Promise.all(Object.values(servers).map((server) => server.stop()));
}
console.log(`medians of ${rounds} rounds${' '.repeat(12)}lectern    node   ratio`);
for (const [what, { lectern, node }] of Object.entries(figures)) {
  const ratio = median(lectern.map((value, round) => value / node[round]));
  console.log(`${what.padEnd(30)} ${median(lectern).toFixed(3).padStart(9)} ${median(node).toFixed(3).padStart(7)} ${ratio.toFixed(2).padStart(7)}`);
}

process.exit(0);
