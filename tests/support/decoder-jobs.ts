import { execFileSync } from 'node:child_process';
import type { PictureJob } from '../../src/decoding/decoding.types.ts';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import type { Film } from './film.ts';

export const FIT = { width: 160, height: 160 } as const;

/** Units `from` to `to` - 1 of a film as a camera sent them, ten a second from `at` 0 on. */
export const unitsOf = (film: Film, from: number, to: number): AccessUnit[] =>
  film.units
    .slice(from, to)
    .map(({ data, isKey }, index) => ({ codec: film.codec, data, isKey, at: (from + index) * 100, pts: 0 }));

/** A job for the picture of unit `to` - 1. */
export const pictureJob = (cameraId: string, film: Film, from = 0, to = from + 1): PictureJob => ({
  cameraId,
  units: unitsOf(film, from, to),
  stream: 1,
  continues: false,
  fit: FIT,
});

/** The last picture of these units as plain ffmpeg shows it, rgb24 of the given size. */
export async function plainFfmpeg(units: readonly AccessUnit[], codec: string, size: string): Promise<Buffer> {
  const ffmpeg = await findFfmpeg();
  const format = codec === 'h265' ? 'hevc' : codec;
  const args = [
    '-v',
    'error',
    '-f',
    format,
    '-i',
    '-',
    '-vf',
    `scale=${size}`,
    '-pix_fmt',
    'rgb24',
    '-f',
    'rawvideo',
    '-',
  ];
  const shown = execFileSync(ffmpeg.path, args, {
    input: Buffer.concat(units.map(({ data }) => data)),
    maxBuffer: 1e9,
  });
  const [width = 0, height = 0] = size.split(':').map(Number);
  return shown.subarray(-width * height * 3);
}

/** Mean difference of two pictures, 0 to 255. */
export function meanDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length || a.length === 0) return 255;
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}

/** A part of an rgb24 picture. */
export function region(
  rgb: Uint8Array,
  width: number,
  left: number,
  top: number,
  size: readonly [number, number],
): Uint8Array {
  const [across, down] = size;
  const rows = Array.from({ length: down }, (_, row) => {
    const from = ((top + row) * width + left) * 3;
    return rgb.subarray(from, from + across * 3);
  });
  return Buffer.concat(rows);
}
