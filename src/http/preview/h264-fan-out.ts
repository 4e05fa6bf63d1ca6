import { type FanOut, type PreviewSocket, SKIP_ABOVE, type StreamRefusal } from './fan-out.ts';
import { TS_SYNC, TsAligner } from './mpegts.ts';
import { TsIndex } from './ts-index.ts';

/** Close code for a camera whose video is not H.264: the client may ask for `mpeg1`. */
export const NOT_H264 = 4415;
/**
 * Most bytes kept since the newest keyframe. A viewer that joins a stream with more of them waits for the next
 * keyframe.
 */
const MOST_KEPT = 4 * 1024 * 1024;

interface Place {
  /** It gets nothing before the next keyframe. */
  waiting: boolean;
  /** Bytes of the first message while they may still be unsent: they are no sign of slowness. */
  ahead: number;
}

/**
 * H.264 in MPEG-TS as the camera sends it. A viewer begins at the newest keyframe, with the tables in front; a
 * slow one gets nothing more until a keyframe comes after it has caught up.
 */
export class H264FanOut implements FanOut {
  readonly #viewers = new Map<PreviewSocket, Place>();
  #aligner = new TsAligner();
  #index = new TsIndex();
  /** Packets since the newest keyframe; null before the first, and when they are too many. */
  #kept: { readonly chunks: Buffer[]; bytes: number } | null = null;
  #begun = false;
  #skipped = 0;

  get viewers(): number {
    return this.#viewers.size;
  }

  get skipped(): number {
    return this.#skipped;
  }

  join(socket: PreviewSocket): void {
    const place: Place = { waiting: true, ahead: 0 };
    this.#viewers.set(socket, place);
    if (this.#kept !== null) this.#start(socket, place, Buffer.concat(this.#kept.chunks));
  }

  leave(socket: PreviewSocket): boolean {
    return this.#viewers.delete(socket);
  }

  begin(): void {
    this.#aligner = new TsAligner();
    this.#index = new TsIndex();
    this.#kept = null;
    this.#begun = false;
    for (const place of this.#viewers.values()) place.waiting = true;
  }

  push(data: Buffer): StreamRefusal | null {
    if (!this.#begun && data.byteLength > 0) {
      this.#begun = true;
      // JPEGs come in another container.
      if (data[0] !== TS_SYNC) return refusal('MJPEG');
    }
    const packets = this.#aligner.push(data);
    if (packets === null) return null;
    const keys = this.#index.push(packets);
    const { codec } = this.#index;
    if (codec !== null && codec !== 'H.264') return refusal(codec);
    const [first = packets.byteLength] = keys;
    if (first > 0) this.#continue(packets.subarray(0, first));
    for (const [index, from] of keys.entries()) this.#keyframe(packets.subarray(from, keys[index + 1]));
    return null;
  }

  closeAll(code: number, reason: string): void {
    for (const viewer of this.#viewers.keys()) viewer.close(code, reason);
    this.#viewers.clear();
  }

  #continue(packets: Buffer): void {
    if (this.#kept !== null) {
      this.#kept.chunks.push(packets);
      this.#kept.bytes += packets.byteLength;
      if (this.#kept.bytes > MOST_KEPT) this.#kept = null;
    }
    for (const [viewer, place] of this.#viewers) this.#send(viewer, place, packets);
  }

  #keyframe(packets: Buffer): void {
    this.#kept = packets.byteLength > MOST_KEPT ? null : { chunks: [packets], bytes: packets.byteLength };
    for (const [viewer, place] of this.#viewers) {
      if (!place.waiting) this.#send(viewer, place, packets);
      else if (viewer.bufferedAmount <= SKIP_ABOVE) this.#start(viewer, place, packets);
    }
  }

  #send(viewer: PreviewSocket, place: Place, packets: Buffer): void {
    if (place.waiting) return;
    const { bufferedAmount } = viewer;
    if (bufferedAmount <= SKIP_ABOVE) place.ahead = 0;
    if (bufferedAmount <= SKIP_ABOVE + place.ahead) viewer.send(packets);
    else {
      place.waiting = true;
      this.#skipped += 1;
    }
  }

  #start(viewer: PreviewSocket, place: Place, packets: Buffer): void {
    const { tables } = this.#index;
    if (tables === null) return;
    const first = Buffer.concat([tables, packets]);
    place.waiting = false;
    place.ahead = first.byteLength;
    viewer.send(first);
  }
}

const refusal = (codec: string): StreamRefusal => ({
  code: NOT_H264,
  reason: `NOT_H264: this camera sends ${codec}; ask for video=mpeg1`,
});
