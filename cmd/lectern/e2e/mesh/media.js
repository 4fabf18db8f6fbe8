// Local capture of the mesh client. One camera and microphone stream and one display stream per page, both
// captured on first use and kept: every connector sends the same tracks.

export class LocalMedia {
  /** @param {MediaStreamConstraints} constraints */
  constructor(constraints) {
    this.constraints = { ...constraints };
    this.stream = null;
    this.displayStream = null;
    // Chosen state, not what is captured: a muted kind is captured all the same, then taken off the connection.
    this.enabled = { audio: Boolean(constraints.audio), video: Boolean(constraints.video) };
  }

  /**
   * Quirk: with no camera or no microphone the request for both fails, and each kind is tried by itself; with neither
   * the answer is null and the client joins as a pure receiver.
   */
  async user() {
    const attempts = [
      this.constraints,
      { ...this.constraints, audio: false },
      { ...this.constraints, video: false },
    ];
    for (const constraints of attempts) {
      try {
        return await this.capture(constraints);
      } catch {
        // The next attempt asks for less.
      }
    }
    return null;
  }

  async capture(constraints) {
    if (!this.stream) {
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      this.stream ??= stream;
    }
    return this.stream;
  }

  /** Quirk: one capture serves every display connector, so the prompt appears once and late joiners get it silently. */
  async display() {
    this.displayStream ??= await navigator.mediaDevices.getDisplayMedia({ video: true, audio: false });
    return this.displayStream;
  }

  stopDisplay() {
    for (const track of this.displayStream?.getTracks() ?? []) track.stop();
    this.displayStream = null;
  }

  /** Quirk: a switch captures both kinds anew and keeps only the track it wanted. */
  async fresh(kind) {
    const stream = await navigator.mediaDevices.getUserMedia(this.constraints);
    return stream.getTracks().find((track) => track.kind === kind);
  }

  /** Exchanges, adds (old track absent) or removes (`track` null) the kept stream's track of one kind. */
  swap(kind, track) {
    if (!this.stream) return;
    const old = this.stream.getTracks().find((candidate) => candidate.kind === kind);
    if (old) this.stream.removeTrack(old);
    if (track) this.stream.addTrack(track);
  }

  choose(kind, deviceId) {
    const wish = this.constraints[kind];
    this.constraints[kind] = { ...(typeof wish === 'object' ? wish : {}), deviceId };
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.stopDisplay();
  }
}
