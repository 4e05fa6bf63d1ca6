/** The WebSocket of live video. */

/** The close code, or 0 for an error of the player's. */
export interface Ended {
  readonly code: number;
  readonly reason: string;
}

export interface LiveEvents {
  readonly onShown: () => void;
  readonly onEnd: (ended: Ended) => void;
}

/** A way to show live video. */
export interface LivePlayer {
  readonly element: HTMLElement;
  start(): Promise<void>;
  stop(): void;
}

/**
 * Opens a socket and hands on its binary messages, until it closes or `close` is called. Reports its end once, also
 * when no message arrives within `firstMs`.
 *
 * @param onEnd not called after `close`
 */
export function openLiveSocket(
  address: string | URL,
  firstMs: number,
  onData: (data: ArrayBuffer) => void,
  onEnd: (ended: Ended) => void,
): { close(): void } {
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  let open = true;
  const end = (ended: Ended): void => {
    clearTimeout(timer);
    if (!open) return;
    open = false;
    socket.close();
    onEnd(ended);
  };
  const timer = setTimeout(() => end({ code: 0, reason: 'no live video arrived' }), firstMs);
  socket.addEventListener('message', (event: MessageEvent<ArrayBuffer>) => {
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
