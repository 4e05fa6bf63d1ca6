import sharp from 'sharp';
import type { MarkedRegion } from '../../src/imaging/encode-job.ts';
import encode from '../../src/imaging/encode-worker.ts';
import { cropOf, marksInCrop } from '../../src/imaging/picture-cuts.ts';

interface Pixels {
  /** rgb24 */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The JPEG of a region with its marks, as the model gets it; sharp cuts in place of a decoder. */
export async function cropJpeg(frame: Pixels, region: MarkedRegion, quality = 78): Promise<Uint8Array> {
  const { maxSide, ...part } = cropOf(region, frame, frame);
  const scale = Math.min(1, maxSide / Math.max(part.width, part.height));
  const width = Math.max(1, Math.round(part.width * scale));
  const height = Math.max(1, Math.round(part.height * scale));
  const cut = await sharp(frame.data, { raw: { width: frame.width, height: frame.height, channels: 3 } })
    .extract(part)
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  const marks = marksInCrop(region, frame, frame, { width, height });
  return encode({ data: new Uint8Array(cut), width, height, marks, quality });
}
