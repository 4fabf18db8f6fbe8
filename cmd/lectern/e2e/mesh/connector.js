// One RTCPeerConnection of the mesh client: one per other member and kind of stream, with its `chat` data channel.

const QUEUE_LIMIT = 15 * 1024 * 1024; // bytes; the sender's own pacing rule, see send
const RETRY_MS = 10;

/**
 * @typedef {'offer' | 'answer'} Side which side of the first negotiation this is; it never changes afterwards
 * @typedef {'user' | 'display' | 'remoteDisplay'} StreamType
 */

export class Connector extends EventTarget {
  /** @param {{side: Side, streamType: StreamType, memberId: string, configuration: RTCConfiguration}} options */
  constructor({ side, streamType, memberId, configuration }) {
    super();
    this.id = crypto.randomUUID();
    this.side = side;
    this.streamType = streamType;
    this.memberId = memberId;
    this.remoteId = undefined; // unknown to the offerer until the answer
    this.remoteStream = null;
    this.channel = null;
    this.senders = [];
    this.pc = new RTCPeerConnection();
    this.pc.setConfiguration(configuration);
    this.listeners = new AbortController();
  }

  /**
   * Adds what is captured, video before audio, so that an offer's m-lines are video, audio, application.
   * Quirk: an offerer adds an empty transceiver for each kind it lacks; an answerer adds none. A kind that is muted is
   * added and then removed again.
   */
  addLocal(stream, enabled) {
    const tracks = stream ? [...stream.getVideoTracks(), ...stream.getAudioTracks()] : [];
    this.senders = tracks.map((track) => this.pc.addTrack(track, stream));
    if (this.side === 'offer') {
      for (const kind of ['video', 'audio']) {
        if (!tracks.some((track) => track.kind === kind)) this.pc.addTransceiver(kind);
      }
    }
    for (const kind of ['audio', 'video']) {
      if (!enabled[kind]) this.removeKind(kind);
    }
  }

  addDisplay(stream) {
    for (const track of [...stream.getVideoTracks(), ...stream.getAudioTracks()]) this.pc.addTrack(track, stream);
  }

  addKind(track, stream) {
    this.senders.push(this.pc.addTrack(track, stream));
  }

  removeKind(kind) {
    const gone = this.senders.filter((sender) => sender.track?.kind === kind);
    this.senders = this.senders.filter((sender) => !gone.includes(sender));
    for (const sender of gone) this.pc.removeTrack(sender);
  }

  /**
   * Starts listening. The offerer makes the data channel, the answerer takes what comes.
   * Quirk: the answerer's candidate and track handlers are registered twice, so it sends each candidate twice.
   */
  listen() {
    const { signal } = this.listeners;
    if (this.side === 'offer') {
      this.channel = this.pc.createDataChannel('chat');
      this.listenToChannel();
    } else {
      this.pc.addEventListener('datachannel', (event) => {
        this.channel = event.channel;
        this.listenToChannel();
      }, { signal });
    }
    const times = this.side === 'answer' ? 2 : 1;
    for (let i = 0; i < times; i++) {
      this.pc.addEventListener('icecandidate', (event) => this.localCandidate(event.candidate), { signal });
      this.pc.addEventListener('track', (event) => this.remoteTrack(event), { signal });
    }
  }

  listenToChannel() {
    this.channel.addEventListener('message', (event) => {
      this.dispatchEvent(new CustomEvent('message', { detail: JSON.parse(event.data) }));
    }, { signal: this.listeners.signal });
  }

  /**
   * Quirk: candidates found before the other side's connector id is known are dropped, not kept. For the offerer
   * that is all of them in practice: its host candidates are found long before the answer. The end-of-candidates
   * marker is never sent.
   */
  localCandidate(candidate) {
    if (!candidate || !this.remoteId || !this.memberId) return;
    this.dispatchEvent(new CustomEvent('candidate', { detail: candidate }));
  }

  /** Quirk: a track outside any stream is ignored. */
  remoteTrack(event) {
    const [stream] = event.streams;
    if (!stream) return;
    this.remoteStream = stream;
    stream.onremovetrack = () => this.dispatchEvent(new CustomEvent('change'));
    this.dispatchEvent(new CustomEvent('change'));
  }

  /**
   * Puts one message on the channel.
   * Quirk: pacing is by the peer's max-message-size, not by the message: while the buffered bytes plus that size exceed
   * 15 MiB it tries again every 10 ms. Without an SCTP transport (never answered) it throws a TypeError.
   * Quirk: on a channel that is not open the original calls itself until the stack overflows. A RangeError stands
   * for that; a file or chat message ends there, and so does the sender's loop over its connectors.
   */
  send(message) {
    const { maxMessageSize } = this.pc.sctp;
    if (this.channel.bufferedAmount + maxMessageSize > QUEUE_LIMIT) {
      setTimeout(() => this.send(message), RETRY_MS);
      return;
    }
    if (this.channel.readyState !== 'open') throw new RangeError('channel is not open');
    this.channel.send(JSON.stringify(message));
  }

  async offer() {
    const offer = await this.pc.createOffer();
    await this.pc.setLocalDescription(offer);
    return offer;
  }

  async answer(offer) {
    await this.pc.setRemoteDescription(offer);
    const answer = await this.pc.createAnswer();
    await this.pc.setLocalDescription(answer);
    return answer;
  }

  /**
   * A renegotiation message, which comes over the channel or over signaling; `reply` sends the answer the same way.
   * Quirk: the wish to add a kind adds a transceiver each time, so the description grows with every unmute.
   * Quirk: the local answer is set without waiting for it.
   */
  async renegotiate({ type, data }, reply) {
    if (type === 'getOffer') {
      if (data?.type === 'add') this.pc.addTransceiver(data.kind);
      reply({ type: 'offer', data: { offer: await this.offer() } });
    } else if (type === 'offer') {
      await this.pc.setRemoteDescription(data.offer);
      const answer = await this.pc.createAnswer();
      this.pc.setLocalDescription(answer);
      reply({ type: 'answer', data: { answer } });
    } else {
      await this.pc.setRemoteDescription(data.answer);
    }
  }

  close() {
    this.listeners.abort();
    this.pc.close();
    this.channel?.close();
  }
}
