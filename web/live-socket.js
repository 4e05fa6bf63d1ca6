/** The WebSocket of live video. */

/** @typedef {{ code: number, reason: string }} Ended the close code, or 0 for an error of the player's */
/** @typedef {{ onShown: () => void, onEnd: (ended: Ended) => void }} Events */

/**
 * Opens a socket and hands on its binary messages, until it closes or `close` is called. Reports its end once, also
 * when no message arrives within `firstMs`.
 *
 * @param {string | URL} address
 * @param {number} firstMs
 * @param {(data: ArrayBuffer) => void} onData
 * @param {(ended: Ended) => void} onEnd not called after `close`
 */
export function openLiveSocket(address, firstMs, onData, onEnd) {
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  let open = true;
  /** @param {Ended} ended */
  const end = (ended) => {
    clearTimeout(timer);
    if (!open) return;
    open = false;
    socket.close();
    onEnd(ended);
  };
  const timer = setTimeout(() => end({ code: 0, reason: 'no live video arrived' }), firstMs);
  socket.addEventListener('message', (event) => {
    clearTimeout(timer);
    if (open) onData(event.data);
  });
  socket.addEventListener('close', ({ code, reason }) => end({ code, reason }));
  return {
    close() {
      open = false;
      clearTimeout(timer);
      socket.close();
    },
  };
}
