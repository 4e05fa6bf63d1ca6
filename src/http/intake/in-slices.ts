import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';

/** Bytes given to the parser at a time: even the worst input takes it less than a millisecond. */
const SLICE_BYTES = 16 * 1024;

/**
 * The body of a request, one slice per turn of the event loop, so that parsing many bodies at once does not block
 * everything else. Applies back-pressure to the network. Can be read like the request itself; a reader that stops early
 * must destroy it.
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
