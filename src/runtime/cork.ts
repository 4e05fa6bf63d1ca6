import type { Writable } from 'node:stream';

/** In a turn that takes longer, what was written goes out meanwhile. */
const LONGEST_MS = 1;
const corked = new WeakMap<Writable, number>();

/**
 * What is written to `stream` in this turn of the event loop goes out in one write at its end, or after a millisecond of
 * it: a write to a socket costs more than what is in it.
 */
export function corkTurn(stream: Writable | undefined): void {
  if (stream === undefined) return;
  const since = corked.get(stream);
  const now = performance.now();
  if (since === undefined) {
    corked.set(stream, now);
    stream.cork();
    setImmediate(() => {
      corked.delete(stream);
      stream.uncork();
    });
  } else if (now - since > LONGEST_MS) {
    corked.set(stream, now);
    stream.uncork();
    stream.cork();
  }
}
