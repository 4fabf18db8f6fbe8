// A connector of the page's core in a real browser, against another end that behaves as a media server does: it adds
// lines and tracks when it likes, and takes one's pictures on the lines it chooses.

import assert from 'node:assert/strict';
import { scenario, useStage } from './harness/stage.js';

const stage = useStage();

/** Opens a page and gives it `far(options)`: a connector and the bare connection at its other end. */
async function bench(cast) {
  const { page, lines } = await cast.openPage('/');
  await page.evaluate(async () => {
    const { Connector } = await import('/js/core/connector.js');
    window.received = (await import('/js/core/tracks.js')).received;
    const wait = async (what, probe) => {
      for (let tries = 0; tries < 400; tries++) {
        const value = await probe();
        if (value) return value;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`still not: ${what}`);
    };
    const picture = (colour) => {
      const canvas = document.createElement('canvas');
      const pen = canvas.getContext('2d');
      let n = 0;
      setInterval(() => { pen.fillStyle = n++ % 2 ? colour : '#000'; pen.fillRect(0, 0, 300, 150); }, 50);
      return canvas.captureStream(20).getVideoTracks()[0];
    };
    /** The far end offers; candidates go both ways at once. */
    const far = async ({ prepare = () => {}, tracks = { audio: null, video: null }, edit = (sdp) => sdp }) => {
      const pc = new RTCPeerConnection();
      const channel = pc.createDataChannel('chat');
      const heard = [];
      const signals = [];
      await prepare(pc);
      const connector = new Connector({
        memberId: 'm', streamType: 'user', side: 'answer', configuration: {}, stream: new MediaStream(), sfu: () => true,
        hooks: {
          online: () => true, changed: () => {}, message: () => {},
          signal: (event, data) => {
            signals.push({ event, data });
            if (event === 'answer') void pc.setRemoteDescription(data.answer);
            if (event === 'icecandidate') void pc.addIceCandidate(data.candidate).catch(() => {});
          },
        },
      });
      pc.onicecandidate = ({ candidate }) => { if (candidate) connector.addCandidate(candidate.toJSON()); };
      const offered = async () => {
        await pc.setLocalDescription();
        return { type: 'offer', sdp: edit(pc.localDescription.sdp) };
      };
      channel.onmessage = async ({ data }) => {
        const message = JSON.parse(data);
        heard.push(message);
        if (message.type === 'answer') await pc.setRemoteDescription(message.data.answer);
      };
      connector.answer('far', await offered(), tracks);
      await wait('the channel', () => channel.readyState === 'open' && connector.open);
      const reoffer = async () => {
        const answers = heard.filter(({ type }) => type === 'answer').length;
        channel.send(JSON.stringify({ type: 'offer', data: { offer: await offered() } }));
        await wait('an answer', () => heard.filter(({ type }) => type === 'answer').length > answers && pc.signalingState === 'stable');
      };
      const frames = async (side) => [...(await side.getStats()).values()].filter((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video').reduce((sum, entry) => sum + (entry.framesDecoded ?? 0), 0);
      const flows = async (side) => {
        const before = await frames(side);
        return wait('frames', async () => await frames(side) > before + 3);
      };
      return { pc, channel, connector, heard, signals, reoffer, flows, lines: () => (pc.localDescription.sdp.match(/^m=/gm) ?? []).length };
    };
    Object.assign(window, { far, picture, wait });
  });
  return { page, lines };
}

scenario(stage, 'tracks come and go long after an offer of nothing but the channel', async (cast) => {
  const { page } = await bench(cast);
  const seen = await page.evaluate(async () => {
    const { pc, connector, reoffer, flows } = await far({});
    const none = received(connector).video === null;
    const stream = new MediaStream();
    const first = pc.addTransceiver(picture('#0f0'), { direction: 'sendonly', streams: [stream] });
    await reoffer();
    await wait('a picture', () => received(connector).video);
    await flows(connector.pc);
    const one = received(connector).video.track.id;
    first.direction = 'inactive';
    await reoffer();
    await wait('no picture', () => received(connector).video === null);
    pc.addTransceiver(picture('#00f'), { direction: 'sendonly', streams: [stream] });
    await reoffer();
    const two = (await wait('another picture', () => received(connector).video)).track.id;
    await flows(connector.pc);
    first.direction = 'sendonly';
    await reoffer();
    await wait('a picture still', () => received(connector).video);
    return { none, changed: one !== two, state: connector.state };
  });
  assert.deepEqual(seen, { none: true, changed: true, state: 'connected' });
});

scenario(stage, 'one sends only where the server takes it, and camera switches add no lines', async (cast) => {
  const { page } = await bench(cast);
  const seen = await page.evaluate(async () => {
    const { audio, video } = await navigator.mediaDevices.getUserMedia({ audio: true, video: true }).then((stream) => ({ audio: stream.getAudioTracks()[0], video: stream.getVideoTracks()[0] }));
    const { pc, connector, heard, reoffer, flows, lines } = await far({
      tracks: { audio, video },
      prepare: (pc) => { for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'sendonly' }); },
    });
    const sending = () => connector.pc.getTransceivers().filter(({ currentDirection }) => currentDirection === 'sendonly' || currentDirection === 'sendrecv').map(({ sender }) => sender.track?.kind ?? 'none').sort().join();
    const before = sending();
    const taken = ['audio', 'video'].map((kind) => pc.addTransceiver(kind, { direction: 'recvonly' }));
    await reoffer();
    const uplink = sending();
    await flows(pc);
    const count = lines();
    const asked = [];
    for (let turn = 0; turn < 3; turn++) {
      for (const on of [false, true]) {
        const wishes = heard.filter(({ type }) => type === 'getOffer').length;
        connector.setTracks({ audio, video: on ? video : null });
        await wait('a wish', () => heard.filter(({ type }) => type === 'getOffer').length > wishes);
        asked.push(heard.findLast(({ type }) => type === 'getOffer').data.type);
        await reoffer();
        asked.push(taken[1].currentDirection);
      }
    }
    await flows(pc);
    return { before, uplink, asked: asked.slice(0, 4), grown: lines() - count, now: sending() };
  });
  assert.deepEqual(seen, { before: '', uplink: 'audio,video', asked: ['remove', 'inactive', 'add', 'recvonly'], grown: 0, now: 'audio,video' });
});

scenario(stage, 'two who toggle at once agree in the end, and a lost path is restarted', async (cast) => {
  const { page } = await bench(cast);
  const seen = await page.evaluate(async () => {
    const { Connector } = await import('/js/core/connector.js');
    const { received } = await import('/js/core/tracks.js');
    const ends = {};
    const make = (name, other, side) => new Connector({
      memberId: other, streamType: 'user', side, configuration: {}, stream: new MediaStream(), sfu: () => false,
      hooks: {
        online: () => true, changed: () => {}, message: () => {},
        signal: (event, data) => setTimeout(() => {
          const to = ends[other];
          if (event === 'offer') to.answer(data.connectorId, data.offer, { audio: null, video: to.own });
          if (event === 'answer') to.accept(data.connectorId, data.answer);
          if (event === 'icecandidate') to.addCandidate(data.candidate);
          if (event === 'reconnectWork') to.renegotiate(data, 'signal');
        }, 5),
      },
    });
    ends.a = make('a', 'b', 'offer');
    ends.b = make('b', 'a', 'answer');
    ends.a.own = picture('#f00');
    ends.b.own = picture('#0ff');
    ends.a.offer({ audio: null, video: ends.a.own });
    const both = () => wait('both pictures', () => received(ends.a).video && received(ends.b).video);
    await both();
    await wait('both channels', () => ends.a.open && ends.b.open);
    for (let turn = 0; turn < 7; turn++) {
      for (const end of [ends.a, ends.b]) end.setTracks({ audio: null, video: turn % 2 ? end.own : null });
      await new Promise((resolve) => setTimeout(resolve, 13 * turn));
    }
    await wait('no pictures', () => !received(ends.a).video && !received(ends.b).video);
    for (const end of [ends.a, ends.b]) end.setTracks({ audio: null, video: end.own });
    await both();
    const lines = ends.a.pc.localDescription.sdp.match(/^m=/gm).length;

    const ufrag = (end) => /ice-ufrag:(\S+)/.exec(end.pc.localDescription.sdp)[1];
    const before = [ufrag(ends.a), ufrag(ends.b)];
    // As the server does for a member whose address changed: here the answerer is asked.
    // The offerer offers at the same moment: its offer holds, and the answerer's restart comes after it.
    ends.a.renegotiate({ type: 'getOffer' }, 'channel');
    ends.b.renegotiate({ type: 'getOffer' }, 'signal');
    await wait('new credentials', () => ufrag(ends.a) !== before[0] && ufrag(ends.b) !== before[1]);
    await wait('stability', () => ends.a.pc.signalingState === 'stable' && ends.b.pc.signalingState === 'stable');
    // Both at once: the first offerer's holds.
    ends.a.renegotiate({ type: 'getOffer' }, 'signal');
    ends.b.renegotiate({ type: 'getOffer' }, 'signal');
    await wait('stability after glare', () => ends.a.pc.signalingState === 'stable' && ends.b.pc.signalingState === 'stable' && ends.a.state === 'connected');
    ends.b.setTracks({ audio: null, video: null });
    await wait('that it still negotiates', () => !received(ends.a).video);
    return { lines };
  });
  assert.deepEqual(seen, { lines: 3 });
});
