import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';

/** Bytes that a parser is given at a time: the worst of them take it less than a millisecond. */
const SLICE_BYTES = 16 * 1024;

/**
 * The body of a request, a slice in each turn of the event loop: a parser that looks at every byte, and many of them at
 * the same time, leave room for everything else in between. The network is held back meanwhile. Looks like the request
 * to those who read a body from one. Whoever reads no further destroys it.
 */
export class InSlices extends Transform {
  readonly headers: IncomingMessage['headers'];

  constructor(request: IncomingMessage) {
    super();
    this.headers = request.headers;
    request.once('close', () => {
      if (!request.readableEnded) this.destroy();
    });
    request.pipe(this);
    this.once('close', () => request.unpipe(this));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let from = 0;
    const next = (): void => {
      if (this.destroyed) return;
      if (from >= chunk.length) {
        done();
        return;
      }
      this.push(chunk.subarray(from, from + SLICE_BYTES));
      from += SLICE_BYTES;
      setImmediate(next);
    };
    next();
  }
}
