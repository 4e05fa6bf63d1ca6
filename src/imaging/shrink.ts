import sharp from 'sharp';
import { shrinkTries } from './shrink-tries.ts';

/**
 * The JPEG in at most `maxBytes`: with lower quality, then with fewer pixels. When no try fits, the smallest. Rejects
 * for bytes that are no picture.
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
