// Keeps the screen of a phone awake during a call.

/** @param {AbortSignal} signal ends it */
export function stayAwake(signal) {
  /** @type {WakeLockSentinel | undefined} */
  let lock;
  const ask = async () => {
    if (document.visibilityState !== 'visible' || signal.aborted) return;
    try {
      lock = await navigator.wakeLock?.request('screen');
      if (signal.aborted) void lock?.release();
    } catch {
      // A nearly empty battery forbids it; the call goes on.
    }
  };
  // Browsers end it when the page is hidden.
  document.addEventListener('visibilitychange', () => void ask(), { signal });
  signal.addEventListener('abort', () => void lock?.release());
  void ask();
}
