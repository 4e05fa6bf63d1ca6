import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { lastLines, runProgram } from './command.ts';
import { unpackDebianPackages } from './debian.ts';
import type { OnProgress } from './provision-error.ts';
import { ProvisionError } from './provision-error.ts';
import { buildAtomically, CACHE_DIR } from './folders.ts';
import { withLock } from './lock.ts';
import type { KeyframeFacts, VideoFacts } from './video-probe.ts';
import { probeKeyframes, probeVideo } from './video-probe.ts';

export interface DemoFootageOptions {
  /** The operator's video file. Default: the street clip of Debian's opencv-doc. */
  readonly source?: string;
  /** Path of the ffmpeg program. */
  readonly ffmpeg: string;
  readonly cacheDir?: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Fixed street camera with pedestrians and parked vehicles: 768x576, 10 fps, 79.5 s (OpenCV, Apache-2.0). */
const CLIP = '/usr/share/doc/opencv-doc/examples/data/vtest.avi';
/** A decoder that joins waits at most this long for a picture: 1 s, and slack for rounded frame times. */
const LONGEST_KEYFRAME_GAP_S = 1.05;
/** A longer file that must be converted is cut: it loops anyway. */
const LONGEST_CONVERSION_S = 600;
const CONVERT_TIMEOUT_MS = 900_000;

/**
 * An H.264 file that can be looped over RTSP without re-encoding: a keyframe at least every second, no B-frames,
 * yuv420p. Converted once and kept in the cache; an operator's file that needs no conversion is used where it is.
 * @returns an absolute path
 * @throws {ProvisionError} `BAD_FOOTAGE`, `CONVERT_FAILED`, and those of {@link unpackDebianPackages}
 */
export async function ensureDemoFootage(options: DemoFootageOptions): Promise<string> {
  const folder = join(options.cacheDir ?? CACHE_DIR, 'footage');
  return options.source === undefined ? demoClip(folder, options) : ownFile(folder, options.source, options);
}

/** Whether the demo footage is in the cache, so that {@link ensureDemoFootage} downloads nothing. */
export const hasDemoFootage = (cacheDir = CACHE_DIR): boolean => existsSync(demoPath(join(cacheDir, 'footage')));

const demoPath = (folder: string): string => join(folder, 'vtest.mp4');

async function demoClip(folder: string, options: DemoFootageOptions): Promise<string> {
  const target = demoPath(folder);
  await once(target, options, async () => {
    options.onProgress?.("demo footage: a street clip from Debian's opencv-doc package (95 MB, downloaded once)");
    const unpacked = await unpackDebianPackages({
      ...options,
      name: 'opencv-doc',
      packages: ['opencv-doc'],
      only: [CLIP],
    });
    await make(target, join(unpacked, CLIP), 'convert', null, options);
    // Only the converted clip is used from here on.
    await rm(unpacked, { recursive: true, force: true });
  });
  return target;
}

async function ownFile(folder: string, source: string, options: DemoFootageOptions): Promise<string> {
  const file = resolve(source);
  const info = await stat(file).catch((error: unknown) => {
    throw new ProvisionError(
      'BAD_FOOTAGE',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { file },
      error,
    );
  });
  if (!info.isFile()) throw new ProvisionError('BAD_FOOTAGE', `${file} is not a file`, { file });
  const facts = await probeVideo(options.ffmpeg, file);
  const action = planFootage(facts, facts.codec === 'h264' ? await probeKeyframes(options.ffmpeg, file) : null);
  if (action === 'use') return file;
  const identity = createHash('sha256').update(`${file}\n${info.size}\n${info.mtimeMs}`).digest('hex').slice(0, 12);
  const target = join(
    folder,
    `${basename(file, extname(file))
      .replaceAll(/[^\w-]/g, '_')
      .slice(0, 60)}-${identity}.mp4`,
  );
  await once(target, options, () => make(target, file, action, facts, options));
  return target;
}

/** `use` the file as it is, `copy` its stream into an MP4, or `convert` it. */
export type FootageAction = 'use' | 'copy' | 'convert';

/** What a file needs before it can loop over RTSP. `keyframes` may be null for codecs other than H.264. */
export function planFootage(video: VideoFacts, keyframes: KeyframeFacts | null): FootageAction {
  const streamFits =
    video.codec === 'h264' &&
    (video.pixelFormat === 'yuv420p' || video.pixelFormat === 'yuvj420p') &&
    keyframes !== null &&
    !keyframes.reordered &&
    keyframes.longestGapS <= LONGEST_KEYFRAME_GAP_S;
  if (!streamFits) return 'convert';
  // Other containers (raw H.264, MPEG-TS, AVI) lack exact times, or parameter sets outside the stream.
  return video.container.includes('mp4') || video.container.includes('matroska') ? 'use' : 'copy';
}

async function once(target: string, options: DemoFootageOptions, work: () => Promise<void>): Promise<void> {
  if (existsSync(target)) return;
  const folder = join(target, '..');
  await mkdir(folder, { recursive: true });
  const onWait = (): void => options.onProgress?.('another process is preparing the footage; waiting for it');
  await withLock(folder, basename(target), async () => (existsSync(target) ? undefined : work()), {
    onWait,
    timeoutMs: 1_800_000,
  });
}

async function make(
  target: string,
  source: string,
  action: 'copy' | 'convert',
  facts: VideoFacts | null,
  options: DemoFootageOptions,
): Promise<void> {
  const name = basename(source);
  const durationS = Math.min(
    (facts ?? (await probeVideo(options.ffmpeg, source))).durationS ?? LONGEST_CONVERSION_S,
    LONGEST_CONVERSION_S,
  );
  options.onProgress?.(
    action === 'copy'
      ? `copying ${name} into an MP4`
      : `converting ${name} to H.264 with a keyframe each second (once)`,
  );
  const statedS = facts?.durationS ?? 0;
  if (action === 'convert' && statedS > LONGEST_CONVERSION_S) {
    options.onProgress?.(`${name} is ${Math.round(statedS)} s long; its first ${LONGEST_CONVERSION_S} s will loop`);
  }
  const began = performance.now();
  let lastSaid = began;
  const onLine = (line: string): void => {
    const outUs = /^out_time_us=(\d+)/.exec(line)?.[1];
    if (outUs === undefined || performance.now() - lastSaid < 2000) return;
    lastSaid = performance.now();
    options.onProgress?.(`converted ${Math.min(99, Math.round(Number(outUs) / 1e4 / durationS))} % of ${name}`);
  };
  await buildAtomically(target, async (partial) => {
    const args = [
      '-v',
      'error',
      '-nostdin',
      '-y',
      '-progress',
      'pipe:1',
      '-protocol_whitelist',
      'file,pipe',
      '-i',
      source,
      '-map',
      '0:v:0',
      ...(action === 'copy' ? ['-c:v', 'copy'] : CONVERT),
      partial,
    ];
    const { code, stderr } = await runProgram(options.ffmpeg, args, {
      timeoutMs: CONVERT_TIMEOUT_MS,
      onLine,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    if (code !== 0)
      throw new ProvisionError('CONVERT_FAILED', `ffmpeg could not convert ${source}: ${lastLines(stderr)}`, {
        source,
      });
  });
  options.onProgress?.(`footage ready in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** Even sizes, which yuv420p needs; keyframes by time, so that any frame rate has one a second. */
const CONVERT = [
  '-t',
  String(LONGEST_CONVERSION_S),
  '-vf',
  'scale=trunc(iw/2)*2:trunc(ih/2)*2',
  '-c:v',
  'libx264',
  '-preset',
  'veryfast',
  '-crf',
  '23',
  '-pix_fmt',
  'yuv420p',
  '-bf',
  '0',
  '-force_key_frames',
  'expr:gte(t,n_forced)',
  '-g',
  '250',
  '-sc_threshold',
  '0',
] as const;
