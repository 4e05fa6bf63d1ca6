/** Runs in a thread of the pool: a JPEG in, a smaller one out. */
import sharp from 'sharp';
import { shrinkTries } from './shrink-tries.ts';

sharp.concurrency(1);
sharp.cache(false);

export interface ShrinkJob {
  readonly jpeg: Uint8Array;
  readonly maxBytes: number;
}

export default async function shrink({ jpeg, maxBytes }: ShrinkJob): Promise<Uint8Array> {
  const { width, height } = await sharp(jpeg).metadata();
  let smallest: Uint8Array = jpeg;
  for (const { side, quality } of shrinkTries(jpeg.byteLength, Math.max(width, height), maxBytes)) {
    smallest = await sharp(jpeg).resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true }).jpeg({ quality, mozjpeg: false }).toBuffer();
    if (smallest.byteLength <= maxBytes) break;
  }
  return smallest;
}
