// What is put into a page before its own scripts, for openPage's `probed`: a camera that is small enough for many pages on
// two cores, and a look at what the page would not show: its connections, and what the bundled one and the server say.

/**
 * Runs in the page.
 *   probe.connections   all RTCPeerConnections it made, with the times, in ms since 1970, of their beginning and `close()`,
 *                       and whether they were ever answered by then
 *   probe.heard         what came over its JSON WebSockets: {at, event, data}
 *   probe.say(event, data)   says something to the server that the page has no button for
 *   probe.deaf = true   from now on candidates of other members lead nowhere; those of the server are in its descriptions
 *   probe.walled = true from now on nothing gets through between this page and the server's media port, either way
 *   probe.unplug(kinds, left)   pulls out the devices in use of these kinds, audio or video; `left`: there are others
 *   probe.stall()       nothing of what it sends is sent any more, and the page does not know
 */
export function probe() {
  const now = () => performance.timeOrigin + performance.now();
  const connections = [];
  const heard = [];
  let socket = null;
  window.probe = {
    now, connections, heard, deaf: false, walled: false,
    say: (event, data) => socket.send(JSON.stringify({ event, data })),
  };

  /** A description of the server with the ports of harness/relay.js. */
  const relayed = async (sdp) => {
    const lines = sdp.split('\r\n').map(async (line) => {
      const words = line.split(' ');
      if (words[0].startsWith('a=candidate:')) words[5] = await window.relayOf(words[4], words[5]);
      return words.join(' ');
    });
    return (await Promise.all(lines)).join('\r\n');
  };

  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      this.record = { pc: this, made: now(), closed: null, used: false };
      connections.push(this.record);
    }

    addIceCandidate(init) {
      if (!window.probe.deaf || !init?.candidate) return super.addIceCandidate(init);
      const words = init.candidate.split(' ');
      words[5] = '65535'; // the port: nobody is there
      return super.addIceCandidate({ candidate: words.join(' '), sdpMid: init.sdpMid, sdpMLineIndex: init.sdpMLineIndex, usernameFragment: init.usernameFragment });
    }

    async setRemoteDescription(description) {
      const sdp = description?.sdp ?? '';
      // The server writes this line, Chromium does not.
      const ofServer = sdp.includes('a=end-of-candidates');
      if (ofServer && window.relayOf) return super.setRemoteDescription({ type: description.type, sdp: await relayed(sdp) });
      if (!window.probe.walled || !ofServer) return super.setRemoteDescription(description);
      return super.setRemoteDescription({
        type: description.type, sdp: sdp.replace(/^a=candidate:.*\r\n/mg, '').replace(/^a=ice-(ufrag|pwd):.*$/mg, (line, key) => `a=ice-${key}:${'x'.repeat(24)}`),
      });
    }

    close() {
      if (this.record.closed === null) Object.assign(this.record, { closed: now(), used: Boolean(this.remoteDescription) });
      super.close();
    }
  };

  window.WebSocket = class extends WebSocket {
    constructor(url, ...rest) {
      super(url, ...rest);
      if (!String(url).endsWith('/ws')) return;
      socket = this;
      this.addEventListener('message', ({ data: text }) => {
        const { event, data } = JSON.parse(text);
        heard.push({ at: now(), event, data });
      });
    }
  };

  const { mediaDevices } = navigator;
  const capture = mediaDevices?.getUserMedia.bind(mediaDevices);
  if (!capture) return;
  const captured = [];
  const none = new Set();
  mediaDevices.getUserMedia = async (wanted) => {
    if ([...none].some((kind) => wanted[kind])) throw new DOMException('Requested device not found', 'NotFoundError');
    const stream = await capture({ ...wanted, ...(wanted.video ? { video: { ...wanted.video, width: 160, height: 120, frameRate: 10 } } : {}) });
    captured.push(...stream.getTracks());
    return stream;
  };
  window.probe.unplug = (kinds, left) => {
    if (!left) for (const kind of kinds) none.add(kind);
    for (const track of captured) {
      if (track.readyState === 'ended' || !kinds.includes(track.kind)) continue;
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
    mediaDevices.dispatchEvent(new Event('devicechange'));
  };
  window.probe.stall = () => Promise.all(connections.flatMap(({ pc }) => pc.getSenders().map((sender) => sender.replaceTrack(null).catch(() => {}))));
}

/** Milliseconds between two pictures of that camera. */
export const FRAME_MS = 100;
