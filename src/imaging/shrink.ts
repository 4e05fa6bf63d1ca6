import sharp from 'sharp';
import { shrinkTries } from './shrink-tries.ts';

/**
 * The JPEG in at most `maxBytes`, if that can be: with lower quality, then with fewer pixels. Rejects for what is no
 * picture.
 */
export async function shrinkJpeg(jpeg: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const { width, height } = await sharp(jpeg).metadata();
  let smallest: Uint8Array = jpeg;
  for (const { side, quality } of shrinkTries(jpeg.byteLength, Math.max(width, height), maxBytes)) {
    const picture = sharp(jpeg).resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true });
    smallest = await picture.jpeg({ quality, mozjpeg: false }).toBuffer();
    if (smallest.byteLength <= maxBytes) break;
  }
  return smallest;
}
