import { lastLines, runProgram } from './command.ts';
import { ProvisionError } from './provision-error.ts';

/** Properties of a video file that decide whether it can be looped over RTSP. */
export interface VideoFacts {
  /** ffmpeg's name: `h264`, `hevc`, `mpeg4`. */
  readonly codec: string;
  /** `yuv420p`, `yuvj420p`, `yuv422p10le`. */
  readonly pixelFormat: string;
  readonly width: number;
  readonly height: number;
  /** Seconds; null when the container does not say. */
  readonly durationS: number | null;
  /** ffmpeg's names of the container, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly container: string;
}

export interface KeyframeFacts {
  /** Longest time between keyframes in seconds, the last one to the file's end included. */
  readonly longestGapS: number;
  /** Packets are not stored in the order in which they are shown: the stream has B-frames. */
  readonly reordered: boolean;
}

const PROBE_TIMEOUT_MS = 20_000;
const KEYFRAME_TIMEOUT_MS = 60_000;
/** Only the first seconds are examined: encoders keep one rhythm. */
const KEYFRAME_WINDOW_S = 120;
const MAX_LINE = 1_000;

/**
 * Reads the facts that ffmpeg prints about a file (the npm package has no ffprobe).
 * @throws {ProvisionError} `BAD_FOOTAGE` when it has no video stream
 */
export async function probeVideo(ffmpeg: string, file: string): Promise<VideoFacts> {
  // Files only: a playlist must not make ffmpeg fetch from elsewhere.
  const { stderr } = await runProgram(ffmpeg, ['-hide_banner', '-nostdin', '-protocol_whitelist', 'file', '-i', file], {
    timeoutMs: PROBE_TIMEOUT_MS,
    env: { LC_ALL: 'C' },
  });
  const facts = parseProbe(stderr);
  if (facts === null)
    throw new ProvisionError('BAD_FOOTAGE', `${file} holds no video that ffmpeg can read: ${lastLines(stderr, 2)}`, {
      file,
    });
  return facts;
}

/** The facts in the output of `ffmpeg -i FILE`; null when it names no video stream. */
export function parseProbe(printed: string): VideoFacts | null {
  // The file's title may be a line of any length; the lines needed are short.
  const text = printed
    .split('\n')
    .map((line) => line.slice(0, MAX_LINE))
    .join('\n');
  const container = /^Input #0, ([^ ]+), from/m.exec(text)?.[1];
  const video = /Stream #0:\d+.*?: Video: (\w+).*/.exec(text);
  if (container === undefined || video?.[1] === undefined) return null;
  // Parentheses hold profiles and colour spaces, whose commas would spoil the split.
  const parts = video[0]
    .replaceAll(/\([^()]*\)/g, '')
    .split(',')
    .map((part) => part.trim());
  const size = /(?:^|\s)(\d{2,5})x(\d{2,5})(?:\s|$)/.exec(parts.slice(1).join(' , '));
  if (size === null) return null;
  const duration = /Duration: (\d+):(\d+):(\d+(?:\.\d+)?)/.exec(text);
  return {
    codec: video[1],
    pixelFormat: parts[1]?.split(' ')[0] ?? '',
    width: Number(size[1]),
    height: Number(size[2]),
    durationS: duration === null ? null : Number(duration[1]) * 3600 + Number(duration[2]) * 60 + Number(duration[3]),
    container,
  };
}

/** Reads the packets of the first two minutes of a file, without decoding. @throws {ProvisionError} `BAD_FOOTAGE` */
export async function probeKeyframes(ffmpeg: string, file: string): Promise<KeyframeFacts> {
  const args = [
    '-v',
    'error',
    '-nostdin',
    '-protocol_whitelist',
    'file,pipe',
    '-t',
    String(KEYFRAME_WINDOW_S),
    '-i',
    file,
    '-map',
    '0:v:0',
    '-c',
    'copy',
    '-f',
    'framecrc',
    '-',
  ];
  const { code, stdout, stderr } = await runProgram(ffmpeg, args, { timeoutMs: KEYFRAME_TIMEOUT_MS });
  const facts = code === 0 ? parseFrameCrc(stdout) : null;
  if (facts === null)
    throw new ProvisionError(
      'BAD_FOOTAGE',
      `the video in ${file} cannot be split into packets: ${lastLines(stderr, 2)}`,
      {
        file,
      },
    );
  return facts;
}

/**
 * Keyframe rhythm in the output of ffmpeg's framecrc muxer: `stream, dts, pts, duration, size, checksum[, F=0xFLAGS]`,
 * times in units of the `#tb` line, flags only where the packet is not a plain keyframe. Null without a keyframe.
 */
export function parseFrameCrc(text: string): KeyframeFacts | null {
  const base = /^#tb 0: (\d+)\/(\d+)/m.exec(text);
  if (base === null) return null;
  const unit = Number(base[1]) / Number(base[2]);
  let lastKey: number | null = null;
  let end = 0;
  let longest = 0;
  let reordered = false;
  let previousPts = -Infinity;
  for (const line of text.split('\n')) {
    const match = /^0,\s*(-?\d+),\s*(-?\d+),\s*(\d+),/.exec(line);
    if (match === null) continue;
    const pts = Number(match[2]);
    if (pts < previousPts) reordered = true;
    previousPts = pts;
    end = Math.max(end, pts + Number(match[3]));
    const flags = /F=0x([0-9A-Fa-f]+)/.exec(line)?.[1];
    const isKey = flags === undefined || (Number.parseInt(flags, 16) & 1) === 1;
    if (isKey) {
      if (lastKey !== null) longest = Math.max(longest, pts - lastKey);
      lastKey = pts;
    }
  }
  if (lastKey === null) return null;
  return { longestGapS: Math.max(longest, end - lastKey) * unit, reordered };
}
