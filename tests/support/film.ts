import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { runProgram } from '../../src/provision/command.ts';
import type { VideoCodec } from '../../src/video/access-unit.ts';

/** A coded picture: Annex B without access-unit delimiters, parameter sets before each keyframe; or a whole JPEG. */
export interface FilmUnit {
  readonly data: Buffer;
  readonly isKey: boolean;
}

export interface Film {
  readonly codec: VideoCodec;
  readonly fps: number;
  readonly width: number;
  readonly height: number;
  /** In the order in which they are decoded; that in which they are shown, too, without B frames. */
  readonly units: readonly FilmUnit[];
}

export interface FilmSpec {
  /** Default h264. */
  readonly codec?: VideoCodec;
  /** Default 320. */
  readonly width?: number;
  /** Default 180. */
  readonly height?: number;
  /** Default 10. */
  readonly fps?: number;
  /** Pictures from one keyframe to the next. Default: `fps`, one keyframe a second. */
  readonly gop?: number;
  /** Default 2. */
  readonly seconds?: number;
  /** Width of a pixel by its height, e.g. `4/3`. Default `1/1`. */
  readonly sar?: string;
  /** Source of libavfilter without size, rate and length. Default `testsrc2`: colours, movement and a clock. */
  readonly source?: string;
  /**
   * B frames between two others, H.264 only, default 0. Always as many, so that with 2 the pictures of a GOP of 10 are
   * shown at 0, 3, 1, 2, 6, 4, 5, 9, 7, 8.
   */
  readonly bFrames?: number;
  /** In kbit/s. Default: as the encoder wants. */
  readonly kbps?: number;
}

const DELIMITERS: Readonly<Record<'h264' | 'h265', Buffer>> = {
  h264: Buffer.from([0, 0, 0, 1, 9]),
  h265: Buffer.from([0, 0, 0, 1, 0x46, 1]),
};

/** A short film, made by ffmpeg once and then kept in the system's temporary folder. */
export async function film(spec: FilmSpec = {}): Promise<Film> {
  const { codec = 'h264', width = 320, height = 180, fps = 10, seconds = 2, sar = '1/1', source = 'testsrc2' } = spec;
  const { gop = fps, kbps, bFrames = 0 } = spec;
  const encoder = encoderArgs(codec, gop, bFrames);
  const input = `${source}${source.includes('=') ? ':' : '='}s=${width}x${height}:r=${fps}:d=${seconds}`;
  const rate = kbps === undefined ? [] : ['-b:v', `${kbps}k`, '-maxrate', `${kbps}k`, '-bufsize', `${kbps}k`];
  const args = ['-v', 'error', '-f', 'lavfi', '-i', input, '-vf', `setsar=${sar}`, ...encoder, ...rate];
  const bytes = await made(args);
  const units = codec === 'mjpeg' ? splitJpegs(bytes) : splitUnits(bytes, codec);
  return { codec, fps, width, height, units };
}

function encoderArgs(codec: VideoCodec, gop: number, bFrames: number): readonly string[] {
  const keys = ['-pix_fmt', 'yuv420p', '-bf', String(bFrames), '-g', String(gop)];
  switch (codec) {
    case 'h264': {
      const order = bFrames === 0 ? [] : ['-x264-params', 'b-adapt=0:b-pyramid=none'];
      const steady = ['-keyint_min', String(gop), '-sc_threshold', '0', '-preset', 'veryfast', ...order];
      return ['-c:v', 'libx264', ...keys, ...steady, '-bsf:v', 'h264_metadata=aud=insert', '-f', 'h264'];
    }
    case 'h265': {
      const steady = `keyint=${gop}:min-keyint=${gop}:scenecut=0:bframes=0:open-gop=0:repeat-headers=1:log-level=none`;
      const rest = ['-preset', 'ultrafast', '-x265-params', steady, '-bsf:v', 'hevc_metadata=aud=insert'];
      return ['-c:v', 'libx265', ...keys, ...rest, '-f', 'hevc'];
    }
    case 'mjpeg':
      // RTP for JPEG carries no Huffman tables, so they must be those of the standard.
      return ['-pix_fmt', 'yuvj420p', '-c:v', 'mjpeg', '-huffman', 'default', '-q:v', '6', '-f', 'mjpeg'];
  }
}

async function made(args: readonly string[]): Promise<Buffer> {
  const folder = join(tmpdir(), `gantry-films-${process.getuid?.() ?? 0}`);
  const file = join(folder, createHash('sha256').update(args.join('\0')).digest('hex').slice(0, 24));
  const known = await readFile(file).catch(() => null);
  if (known !== null && known.length > 0) return known;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const ffmpeg = await findFfmpeg();
  const fresh = `${file}.${randomBytes(6).toString('hex')}`;
  const { code, stderr } = await runProgram(ffmpeg.path, ['-y', ...args, fresh], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`ffmpeg made no film: ${stderr}`);
  // Files of tests that run at once replace each other whole.
  await rename(fresh, file);
  return readFile(file);
}

/** Splits at the access-unit delimiters, which are left out. */
function splitUnits(bytes: Buffer, codec: 'h264' | 'h265'): readonly FilmUnit[] {
  const starts: number[] = [];
  const delimiter = DELIMITERS[codec];
  for (let at = bytes.indexOf(delimiter); at !== -1; at = bytes.indexOf(delimiter, at + 4)) starts.push(at);
  return starts.map((start, index) => {
    const [, ...nals] = nalUnits(bytes.subarray(start, starts[index + 1] ?? bytes.length));
    const data = Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal]));
    return { data, isKey: nals.some((nal) => startsPicture(nal, codec)) };
  });
}

const startsPicture = (nal: Buffer, codec: 'h264' | 'h265'): boolean => {
  if (codec === 'h264') return (nal[0]! & 31) === 5;
  const type = (nal[0]! >> 1) & 63;
  return type >= 16 && type <= 21;
};

/** The NAL units of Annex B bytes, without start codes. */
export function nalUnits(annexB: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  const mark = Buffer.from([0, 0, 1]);
  let from = annexB.indexOf(mark);
  while (from !== -1) {
    const next = annexB.indexOf(mark, from + 3);
    let end = next === -1 ? annexB.length : next;
    // The zero of a start code of four bytes.
    while (next !== -1 && end > from + 3 && annexB[end - 1] === 0) end -= 1;
    found.push(annexB.subarray(from + 3, end));
    from = next;
  }
  return found;
}

function splitJpegs(bytes: Buffer): readonly FilmUnit[] {
  const mark = Buffer.from([0xff, 0xd9, 0xff, 0xd8]);
  const units: FilmUnit[] = [];
  let from = 0;
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, from)) {
    units.push({ data: bytes.subarray(from, at + 2), isKey: true });
    from = at + 2;
  }
  units.push({ data: bytes.subarray(from), isKey: true });
  return units;
}
