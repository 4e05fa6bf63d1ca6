import type { Writable } from 'node:stream';

const corked = new WeakSet<Writable>();

/**
 * Joins all writes to `stream` until the pending microtasks have run into one: a write to a socket costs more than its
 * content, and tasks that run side by side often write at the same time.
 */
export function corkBriefly(stream: Writable | undefined): void {
  if (stream === undefined || corked.has(stream)) return;
  corked.add(stream);
  stream.cork();
  queueMicrotask(() => {
    corked.delete(stream);
    stream.uncork();
  });
}
