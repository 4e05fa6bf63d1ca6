import type { Writable } from 'node:stream';

const corked = new WeakSet<Writable>();

/** Whatever is written to `stream` in this turn of the event loop goes out in one write at its end: a write to a socket costs more than what is in it. */
export function corkTurn(stream: Writable | undefined): void {
  if (stream === undefined || corked.has(stream)) return;
  corked.add(stream);
  stream.cork();
  setImmediate(() => {
    corked.delete(stream);
    stream.uncork();
  });
}
