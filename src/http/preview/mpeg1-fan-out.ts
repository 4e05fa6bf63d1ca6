import { type FanOut, type PreviewSocket, SKIP_ABOVE } from './fan-out.ts';
import { jsmpegHeader, type VideoSize } from './mpegts.ts';

/** MPEG-1 in MPEG-TS for JSMpeg: a header for each viewer, then all packets. Slow viewers miss some. */
export class Mpeg1FanOut implements FanOut {
  /** Viewers, and whether they have got the header. */
  readonly #viewers = new Map<PreviewSocket, boolean>();
  #skipped = 0;

  get viewers(): number {
    return this.#viewers.size;
  }

  get skipped(): number {
    return this.#skipped;
  }

  join(socket: PreviewSocket): void {
    this.#viewers.set(socket, false);
  }

  leave(socket: PreviewSocket): boolean {
    return this.#viewers.delete(socket);
  }

  begin(): void {
    // JSMpeg finds its way into any MPEG-TS.
  }

  push(packets: Buffer, size: VideoSize | null): null {
    for (const [viewer, greeted] of this.#viewers) {
      if (!greeted) {
        viewer.send(jsmpegHeader(size ?? { width: 0, height: 0 }));
        this.#viewers.set(viewer, true);
      }
      if (viewer.bufferedAmount > SKIP_ABOVE) this.#skipped += 1;
      else viewer.send(packets);
    }
    return null;
  }

  closeAll(code: number, reason: string): void {
    for (const viewer of this.#viewers.keys()) viewer.close(code, reason);
    this.#viewers.clear();
  }
}
