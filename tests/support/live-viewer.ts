import type { PreviewSocket } from '../../src/http/preview/fan-out.ts';

/** A viewer of live video that only notes; it is slow while `bufferedAmount` says so. */
export class LiveViewer implements PreviewSocket {
  bufferedAmount = 0;
  readonly got: Buffer[] = [];
  closed: { code: number; reason: string } | null = null;

  send(data: Uint8Array): void {
    this.got.push(Buffer.from(data));
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  /** Everything it got since the last call. */
  take(): Buffer {
    return Buffer.concat(this.got.splice(0));
  }
}
