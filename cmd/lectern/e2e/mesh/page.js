// The page around the mesh client: tiles keyed by connector id, what was received, and figures for the tests.

import { MeshClient } from './client.js';

const query = new URLSearchParams(location.search);
// Small: four pages share two cores. `camera=640x480x30` asks for another.
const [width, height, frameRate] = (query.get('camera') ?? '160x120x10').split('x').map(Number);
const video = { width, height, frameRate };
const constraints = {
  audio: query.get('audio') !== 'off',
  video: query.get('video') !== 'off' && video,
};
restrict(query.get('codec'));
const client = new MeshClient({ url: query.get('server'), constraints });
const grid = document.querySelector('#grid');
const messages = [];
const failures = [];

client.addEventListener('list', ({ detail: list }) => {
  const wanted = new Set(list.map(({ id }) => id));
  for (const tile of [...grid.children]) {
    if (!wanted.has(tile.dataset.connectorId)) tile.remove();
  }
  for (const { id, streamType, remoteStream } of list) {
    let tile = grid.querySelector(`[data-connector-id="${id}"]`);
    if (!tile) {
      tile = document.createElement('video');
      tile.autoplay = true;
      tile.dataset.connectorId = id;
      tile.dataset.streamType = streamType;
      grid.append(tile);
    }
    if (tile.srcObject !== remoteStream) tile.srcObject = remoteStream;
  }
});
client.addEventListener('message', ({ detail }) => messages.push(detail));
client.addEventListener('failure', ({ detail }) => failures.push(detail));

/** Has this page know one video codec only, as a client built on another engine may. */
function restrict(name) {
  if (!name) return;
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs
    .filter(({ mimeType }) => [`video/${name}`, 'video/rtx'].includes(mimeType));
  for (const method of ['createOffer', 'createAnswer']) {
    const original = RTCPeerConnection.prototype[method];
    RTCPeerConnection.prototype[method] = function restricted(...args) {
      for (const transceiver of this.getTransceivers()) {
        if (transceiver.receiver.track.kind === 'video') transceiver.setCodecPreferences(codecs);
      }
      return original.apply(this, args);
    };
  }
}

async function digest(file) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Figures of one connector: what arrives and is decoded, and the state of its negotiation. */
async function figures(connector) {
  const out = {
    id: connector.id, remoteId: connector.remoteId, memberId: connector.memberId, side: connector.side,
    streamType: connector.streamType, connection: connector.pc.connectionState,
    signaling: connector.pc.signalingState, channel: connector.channel?.readyState ?? 'none',
    mline: connector.pc.remoteDescription?.sdp.match(/^m=/gm)?.length ?? 0,
    tracks: connector.remoteStream?.getTracks().map(({ kind }) => kind).sort() ?? [],
    frames: 0, samples: 0, energy: 0, sent: 0, codec: '',
  };
  const reports = await connector.pc.getStats();
  for (const report of reports.values()) {
    if (report.type === 'outbound-rtp') out.sent += report.bytesSent ?? 0;
    if (report.type !== 'inbound-rtp') continue;
    if (report.kind === 'video') {
      out.frames += report.framesDecoded ?? 0;
      out.codec = reports.get(report.codecId)?.mimeType ?? out.codec;
    }
    if (report.kind === 'audio') {
      out.samples += report.totalSamplesReceived ?? 0;
      out.energy += report.totalAudioEnergy ?? 0;
    }
  }
  return out;
}

window.mesh = {
  client,
  messages,
  failures,
  tiles: () => [...grid.children].map(({ dataset }) => ({ id: dataset.connectorId, streamType: dataset.streamType })),
  stats: () => Promise.all([...client.connectors.values()].map(figures)),
  /** A file of `size` bytes that no compression or truncation leaves equal, sent to all; its SHA-256. */
  async sendFile(name, size) {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
    const file = new File([bytes], name, { type: 'application/octet-stream' });
    await client.sendFile(file);
    return digest(file);
  },
  received: async () => Promise.all(messages.filter(({ type }) => type === 'file').map(async ({ fileInfo }) => ({
    name: fileInfo.file.name, size: fileInfo.file.size, sha256: await digest(fileInfo.file),
  }))),
  devices: async (kind) => (await navigator.mediaDevices.enumerateDevices())
    .filter((device) => device.kind === `${kind}input`).map(({ deviceId }) => deviceId),
};
