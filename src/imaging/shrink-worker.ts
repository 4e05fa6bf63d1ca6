/** Runs in a thread of the pool: a JPEG in, a smaller one out. */
import sharp from 'sharp';
import { shrinkJpeg } from './shrink.ts';

sharp.concurrency(1);
sharp.cache(false);

export interface ShrinkJob {
  readonly jpeg: Uint8Array;
  readonly maxBytes: number;
}

export default function shrink({ jpeg, maxBytes }: ShrinkJob): Promise<Uint8Array> {
  return shrinkJpeg(jpeg, maxBytes);
}
