/** Runs in a thread of the pool: rgb24 in, JPEGs out. */
import sharp from 'sharp';
import type { EncodedFrame, EncodeJob } from './encode-job.ts';
import { isNarrow, widening } from './narrow.ts';

// The pool's threads are the parallelism; libvips must not add its own on top.
sharp.concurrency(1);
sharp.cache(false);

export default async function encode(job: EncodeJob): Promise<EncodedFrame> {
  const { data, width, height, quality, maxRegionSide } = job;
  const picture = () => sharp(data, { raw: { width, height, channels: 3 } });
  const frame = await picture().jpeg({ quality }).toBuffer();
  const regions: Uint8Array[] = [];
  for (const region of job.regions) {
    let cut = picture().extract(region);
    const scale = Math.min(1, maxRegionSide / Math.max(region.width, region.height));
    const across = Math.max(1, Math.round(region.width * scale));
    const down = Math.max(1, Math.round(region.height * scale));
    if (scale < 1) cut = cut.resize(across, down, { fit: 'fill' });
    if (isNarrow(across, down)) cut = cut.extend(widening(across, down));
    regions.push(await cut.jpeg({ quality }).toBuffer());
  }
  return { frame, regions };
}
