/** Runs in a thread of the pool: rgb24 in, a JPEG out. */
import sharp from 'sharp';
import { drawMarks } from './draw-marks.ts';
import type { EncodeJob } from './encode-job.ts';
import { isNarrow, widening } from './narrow.ts';

// The pool's threads are the parallelism; libvips must not add its own on top.
sharp.concurrency(1);
sharp.cache(false);

export default async function encode({ data, width, height, marks, quality }: EncodeJob): Promise<Uint8Array> {
  // The picture has its final scale, so lines and digits keep their size.
  drawMarks({ data, width, height }, marks);
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  const wide = isNarrow(width, height) ? picture.extend(widening(width, height)) : picture;
  return wide.jpeg({ quality }).toBuffer();
}
