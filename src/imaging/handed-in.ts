import sharp from 'sharp';
import { isNarrow, widening } from './narrow.ts';

/** Largest upload. */
export const MAX_PICTURE_BYTES = 10 * 1024 * 1024;
const MAX_PIXELS = 50_000_000;
const SHORTEST_SIDE = 16;
/** A longer picture would be a line once scaled down; providers refuse those. */
const LONGEST_TO_SHORTEST = 200;
/** In px: the picture for the model is scaled down to fit. */
const LONGEST_SIDE = 1_280;
const MAX_RUNNING = 2;
const MAX_WAITING = 16;

/** Thrown for a refused picture. The message continues a sentence that begins with "the picture". */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly code: 'PICTURE_REFUSED' | 'PICTURES_BUSY';

  constructor(code: 'PICTURE_REFUSED' | 'PICTURES_BUSY', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface HandedIn {
  readonly jpeg: Uint8Array;
  /** Pixels of `jpeg`. */
  readonly width: number;
  readonly height: number;
}

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Makes a JPEG for the model from an uploaded picture, which must be a JPEG, PNG or WebP that decodes in full. It is
 * turned upright, scaled down, widened where it is narrow, and loses its metadata. Two at a time; 16 more wait. Throws
 * {@link PictureError}.
 */
export async function readHandedIn(bytes: Uint8Array): Promise<HandedIn> {
  if (bytes.byteLength > MAX_PICTURE_BYTES)
    throw new PictureError('PICTURE_REFUSED', `has ${bytes.byteLength} bytes, at most ${MAX_PICTURE_BYTES} are taken`);
  // Decided by its first bytes, not by a header or a file name, so that no other decoder can be reached.
  if (!isPicture(bytes)) throw new PictureError('PICTURE_REFUSED', 'is not a JPEG, PNG or WebP');
  if (running >= MAX_RUNNING) {
    if (waiting.length >= MAX_WAITING)
      throw new PictureError('PICTURES_BUSY', 'cannot be read now: too many others wait');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running += 1;
  try {
    return await convert(bytes);
  } catch (thrown) {
    if (thrown instanceof PictureError) throw thrown;
    throw new PictureError('PICTURE_REFUSED', 'cannot be read: it is broken or too large', thrown);
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

async function convert(bytes: Uint8Array): Promise<HandedIn> {
  const picture = sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS, pages: 1 });
  const { width, height } = await picture.metadata();
  if (Math.min(width, height) < SHORTEST_SIDE)
    throw new PictureError(
      'PICTURE_REFUSED',
      `has ${width} x ${height} pixels, at least ${SHORTEST_SIDE} each way are needed`,
    );
  const times = Math.max(width, height) / Math.min(width, height);
  if (times > LONGEST_TO_SHORTEST) {
    const size = `${width} x ${height} pixels`;
    throw new PictureError(
      'PICTURE_REFUSED',
      `has ${size}: it may be at most ${LONGEST_TO_SHORTEST} times as long as wide`,
    );
  }
  const { data, info } = await picture
    .rotate()
    .resize({ width: LONGEST_SIDE, height: LONGEST_SIDE, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#808080' })
    .timeout({ seconds: 10 })
    .jpeg({ quality: 85 })
    .toBuffer({ resolveWithObject: true });
  if (!isNarrow(info.width, info.height)) return { jpeg: data, width: info.width, height: info.height };
  const widened = await sharp(data)
    .extend(widening(info.width, info.height))
    .jpeg({ quality: 85 })
    .toBuffer({ resolveWithObject: true });
  return { jpeg: widened.data, width: widened.info.width, height: widened.info.height };
}

function isPicture(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 12));
  if (head.length < 12) return false;
  return (
    head.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) ||
    head.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex')) ||
    (head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP')
  );
}
