/** Runs in a thread of the pool: a JPEG in, a smaller one out. */
import sharp from 'sharp';

sharp.concurrency(1);
sharp.cache(false);

export interface ShrinkJob {
  readonly jpeg: Uint8Array;
  readonly maxBytes: number;
}

/** Lower quality first, then fewer pixels: what is in the picture stays recognisable longest. */
const QUALITIES = [70, 55, 40];
const SIDES = [1_600, 1_280, 1_024, 800, 640, 480, 320, 160];

export default async function shrink({ jpeg, maxBytes }: ShrinkJob): Promise<Uint8Array> {
  const { width, height } = await sharp(jpeg).metadata();
  const longest = Math.max(width, height);
  let smallest: Uint8Array = jpeg;
  for (const side of [longest, ...SIDES.filter((each) => each < longest)]) {
    for (const quality of QUALITIES) {
      smallest = await sharp(jpeg).resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true }).jpeg({ quality, mozjpeg: false }).toBuffer();
      if (smallest.byteLength <= maxBytes) return smallest;
      // Lower quality saves at most about half.
      if (smallest.byteLength > 3 * maxBytes) break;
    }
  }
  return smallest;
}
