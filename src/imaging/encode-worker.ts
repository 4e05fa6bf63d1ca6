/** Runs in a thread of the pool: rgb24 in, JPEGs out. */
import sharp from 'sharp';
import { drawMarks, type Mark } from './draw-marks.ts';
import type { EncodedFrame, EncodeJob, MarkedRegion } from './encode-job.ts';
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
    if (region.marks.length > 0) {
      // Drawn at the final scale, so that lines and digits keep their size.
      const marks = scaledMarks(region, across, down);
      const pixels = await cut.raw().toBuffer();
      drawMarks({ data: pixels, width: across, height: down }, marks);
      cut = sharp(pixels, { raw: { width: across, height: down, channels: 3 } });
    }
    if (isNarrow(across, down)) cut = cut.extend(widening(across, down));
    regions.push(await cut.jpeg({ quality }).toBuffer());
  }
  return { frame, regions };
}

/** In px of the region's picture, which is `across` x `down` px. */
function scaledMarks({ left, top, width, height, marks }: MarkedRegion, across: number, down: number): Mark[] {
  const x = (at: number): number => ((at - left) * across) / width;
  const y = (at: number): number => ((at - top) * down) / height;
  return marks.map(({ box: [x1, y1, x2, y2], label }) => ({ box: [x(x1), y(y1), x(x2), y(y2)], label }));
}
