import type { Writable } from 'node:stream';

const corked = new WeakSet<Writable>();

/**
 * What is written to `stream` before the microtasks that are due now have run goes out in one write: a write to a socket
 * costs more than what is in it, and a crowd of tasks moves in step.
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
