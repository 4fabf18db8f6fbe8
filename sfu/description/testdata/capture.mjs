// Captures descriptions of a real browser and shows it all of ours (testdata/written):
//
//   (cd ../../cmd/lectern/e2e && npm ci)
//   node testdata/capture.mjs chromium /usr/bin/chromium
//   node testdata/capture.mjs firefox /usr/bin/firefox-esr
//
// It writes testdata/<browser>/*.sdp, with addresses replaced by documentation ones, and fails where the browser does
// not take a description of ours or does not make of it what it should.
//
// Our answers are to offers captured before: after a change to the offers below, capture, `go test -update`, capture.

import { mkdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../../cmd/lectern/e2e/package.json', import.meta.url));
const puppeteer = require('puppeteer-core');
const HERE = fileURLToPath(new URL('.', import.meta.url));
const [browserName, executablePath] = process.argv.slice(2);
const OUT = `${HERE}${browserName}/`;

const OPTIONS = {
  chromium: {
    args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--disable-gpu',
      '--disable-dev-shm-usage', '--disable-features=WebRtcHideLocalIpsWithMdns'],
  },
  firefox: {
    browser: 'firefox',
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false, 'media.peerconnection.ice.loopback': true,
      'media.gmp-manager.updateEnabled': false,
    },
  },
};

/** Offers and answers between two connections of one page: name -> the description. */
async function samples() {
  const out = {};
  const devices = () => navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const gathered = (pc) => pc.iceGatheringState === 'complete' ? undefined
    : new Promise((resolve) => pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve()));
  const exchange = async (name, a, b) => {
    await a.setLocalDescription(await a.createOffer());
    out[`offer-${name}`] = a.localDescription.sdp;
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription(await b.createAnswer());
    out[`answer-${name}`] = b.localDescription.sdp;
    await a.setRemoteDescription(b.localDescription);
    await Promise.all([gathered(a), gathered(b)]);
    out[`offer-${name}-gathered`] = a.localDescription.sdp;
    out[`answer-${name}-gathered`] = b.localDescription.sdp;
  };
  const pair = () => [new RTCPeerConnection(), new RTCPeerConnection()];
  const stream = await devices();
  const add = (pc) => [...stream.getVideoTracks(), ...stream.getAudioTracks()].map((track) => pc.addTrack(track, stream));

  let [a, b] = pair();
  let senders = add(a);
  a.createDataChannel('chat');
  add(b);
  await exchange('user', a, b);
  a.removeTrack(senders[0]);
  await exchange('muted', a, b);
  a.addTrack(stream.getVideoTracks()[0], stream);
  a.addTransceiver('video');
  await exchange('unmuted', a, b);
  a.getTransceivers().at(-1).stop();
  await exchange('stopped', a, b);

  [a, b] = pair();
  a.addTransceiver('video', { direction: 'recvonly' });
  a.addTransceiver('audio', { direction: 'recvonly' });
  add(b);
  await exchange('recvonly', a, b);

  [a, b] = pair();
  a.addTransceiver('video', { direction: 'inactive' });
  a.addTransceiver('audio', { direction: 'inactive' });
  await exchange('inactive', a, b);

  [a, b] = pair();
  a.createDataChannel('chat');
  await exchange('channel', a, b);

  [a, b] = [new RTCPeerConnection({ bundlePolicy: 'max-bundle' }), new RTCPeerConnection()];
  add(a);
  a.createDataChannel('chat');
  await exchange('maxbundle', a, b);

  [a, b] = pair();
  a.addTransceiver(stream.getVideoTracks()[0], {
    streams: [stream],
    sendEncodings: [{ rid: 'h' }, { rid: 'm', scaleResolutionDownBy: 2 }, { rid: 'l', scaleResolutionDownBy: 4 }],
  });
  await exchange('simulcast', a, b);
  return out;
}

/** Applies our offers one after the other to one connection; the answers and what became of it. */
async function answer(offers, devices) {
  const pc = new RTCPeerConnection();
  const streams = [];
  pc.addEventListener('track', (event) => streams.push(`${event.track.kind}/${event.streams.map((s) => s.id).join()}`));
  if (devices) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) {
      pc.addTrack(track, stream);
    }
  }
  const answers = [];
  for (const sdp of offers) {
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    answers.push(pc.localDescription.sdp);
  }
  return {
    answers, streams,
    size: pc.sctp?.maxMessageSize,
    directions: pc.getTransceivers().filter((t) => t.mid !== null).map((t) => `${t.mid}:${t.currentDirection ?? 'stopped'}`),
  };
}

/** Makes the offer of samples() by this name anew, and applies our answer to it. */
async function offer(name, sdp) {
  const pc = new RTCPeerConnection(name === 'maxbundle' ? { bundlePolicy: 'max-bundle' } : {});
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  if (name === 'user' || name === 'maxbundle') {
    pc.addTrack(stream.getVideoTracks()[0], stream);
    pc.addTrack(stream.getAudioTracks()[0], stream);
  } else if (name === 'simulcast') {
    pc.addTransceiver(stream.getVideoTracks()[0], {
      streams: [stream],
      sendEncodings: [{ rid: 'h' }, { rid: 'm', scaleResolutionDownBy: 2 }, { rid: 'l', scaleResolutionDownBy: 4 }],
    });
  } else if (name !== 'channel') {
    pc.addTransceiver('video', { direction: name });
    pc.addTransceiver('audio', { direction: name });
  }
  if (['user', 'maxbundle', 'channel'].includes(name)) {
    pc.createDataChannel('chat');
  }
  await pc.setLocalDescription(await pc.createOffer());
  await pc.setRemoteDescription({ type: 'answer', sdp });
  return {
    size: pc.sctp?.maxMessageSize,
    directions: pc.getTransceivers().map((t) => `${t.mid}:${t.currentDirection ?? 'stopped'}`),
  };
}

/** No address of the machine goes into the tree. */
function documented(sdp) {
  const seen = new Map();
  const v4 = (address) => {
    if (address === '0.0.0.0' || address === '127.0.0.1') {
      return address;
    }
    seen.has(address) || seen.set(address, `192.0.2.${seen.size + 1}`);
    return seen.get(address);
  };
  const v6 = (address) => {
    seen.has(address) || seen.set(address, `2001:db8::${seen.size + 1}`);
    return seen.get(address);
  };
  return sdp.split('\r\n').map((line) => {
    if (!/^(c=|a=candidate|a=rtcp:)/.test(line)) {
      return line;
    }
    return line.replace(/\d+\.\d+\.\d+\.\d+/g, v4).replace(/(?<= )[0-9a-f]*:[0-9a-f:]+(?= |$)/gi, v6);
  }).join('\r\n');
}

const save = (name, sdp) => writeFileSync(`${OUT}${name}.sdp`, documented(sdp));
const ours = (name) => readFileSync(`${HERE}written/${name}.sdp`, 'utf8');

mkdirSync(OUT, { recursive: true });
const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>capture</title>'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await puppeteer.launch({ executablePath, headless: true, ...OPTIONS[browserName] });
let failed = 0;
const check = (what, got, want) => {
  const ok = JSON.stringify(got) === JSON.stringify(want);
  failed += ok ? 0 : 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what} ${ok ? '' : `got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`}`);
};
try {
  console.log(await browser.version());
  const page = await browser.newPage();
  await page.goto(`http://localhost:${server.address().port}/`);

  const KEPT = /^(offer|answer)-user-gathered$|^(offer|answer)-[a-z]+$/;
  for (const [name, sdp] of Object.entries(await page.evaluate(samples))) {
    KEPT.test(name) && save(name, sdp);
  }

  const SIZE = 262144;
  // name, the offers in order, with devices, directions as the browser has them, streams of its track events
  const scripts = [
    ['uplink', ['sendrecv'], true, ['0:sendrecv', '1:sendrecv'], ['video/lectern-a', 'audio/lectern-a']],
    ['viewer', ['sendonly'], true, ['0:recvonly', '1:recvonly'], ['video/lectern-a', 'audio/lectern-a']],
    ['dark', ['inactive'], true, ['0:inactive', '1:inactive'], []],
    ['taker', ['recvonly'], true, ['0:sendonly', '1:sendonly'], []],
    ['nodevice', ['sendrecv'], false, ['0:recvonly', '1:recvonly'], ['video/lectern-a', 'audio/lectern-a']],
    ['channel', ['channel'], true, [], []],
    ['grown', ['channel', 'grown', 'grown-uplink', 'grown-rejected'], true,
      ['1:recvonly', '2:recvonly', '3:sendonly', '4:stopped'], ['video/lectern-a', 'audio/lectern-a']],
    ['lite', ['lite'], true, ['0:sendrecv'], ['video/lectern-a']],
    ['bare', ['bare'], true, ['0:sendrecv', '1:sendrecv'], ['video/lectern-a', 'audio/lectern-a']],
    // Chromium binds no track it already has to a section that asks for layers.
    ['layers', ['layers'], true, [browserName === 'chromium' ? '0:inactive' : '0:sendonly'], []],
  ];
  for (const [name, offers, devices, directions, streams] of scripts) {
    const got = await page.evaluate(answer, offers.map((o) => ours(`offer-${o}`)), devices).catch((e) => ({ error: String(e) }));
    check(`our ${offers.join(', ')}: error`, got.error, undefined);
    if (got.error) {
      continue;
    }
    got.answers.forEach((sdp, i) => save(`answer-our-${offers[i] === 'channel' ? 'channel' : offers.length > 1 ? offers[i] : name}`, sdp));
    const stopped = (d) => !d.endsWith(':stopped'); // a stopped one may be gone or be listed
    check(`our ${offers.join(', ')}: directions`, got.directions.filter(stopped).sort(), directions.filter(stopped));
    check(`our ${offers.join(', ')}: streams`, got.streams.sort(), streams.sort());
    check(`our ${offers.join(', ')}: message size`, got.size, got.size === null || name === 'lite' || name === 'layers' ? got.size : SIZE);
  }

  const answers = {
    user: ['0:sendrecv', '1:sendrecv'], 'user-inactive': ['0:inactive', '1:inactive'], 'user-rejected': ['1:sendrecv'],
    recvonly: ['0:recvonly', '1:recvonly'], inactive: ['0:inactive', '1:inactive'], channel: [],
    maxbundle: ['0:sendrecv', '1:sendrecv'], simulcast: ['0:sendrecv'],
  };
  for (const [name, directions] of Object.entries(answers)) {
    const file = `answer-${browserName}-${name}`;
    if (!existsSync(`${HERE}written/${file}.sdp`)) {
      check(`${file} is there`, false, true);
      continue;
    }
    const got = await page.evaluate(offer, name.split('-')[0], ours(file)).catch((e) => ({ error: String(e) }));
    check(`our ${file}: error`, got.error, undefined);
    check(`our ${file}: directions`, got.directions?.filter((d) => !d.endsWith(':stopped')).sort(), directions);
    check(`our ${file}: message size`, got.size, got.size && SIZE);
  }
} finally {
  await browser.close();
  server.close();
}
process.exitCode = failed ? 1 : 0;
