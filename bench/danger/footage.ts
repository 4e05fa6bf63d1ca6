/**
 * Plays video files through the shipped detector and the camera's own watch, and tells the incidents. There is no truth
 * about them: somebody has to look.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { watchPictures } from '../../src/watch/watch-pictures.ts';
import { DEMO_SCENE } from '../../src/app/demo-scene.ts';
import { useModel } from '../../src/app/detector-model.ts';
import { createLog } from '../../src/infra/log.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import type { SceneConfig } from '../../src/messages/scene.ts';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { ensureDemoFootage } from '../../src/provision/footage.ts';
import { probeVideo } from '../../src/provision/video-probe.ts';
import type { TrackedDetection } from '../../src/tracking/tracking.types.ts';
import { appearanceOf } from '../../src/vision/appearance.ts';
import { createDetector, type Detector } from '../../src/vision/detector.ts';
import type { FrameSize } from '../../src/vision/frame.ts';
import type { WatchedIncident } from '../../src/watch/watch.types.ts';
import type { DangerOptions } from './options.ts';
import { EPOCH, FRAMES_A_SECOND, play, type Played, type PlayOptions } from './play.ts';

/** Least confidence of a detection, as of a camera by default. */
const CONFIDENCE = 0.35;
const CLIPS: ReadonlySet<string> = new Set(['.avi', '.m4v', '.mkv', '.mov', '.mp4', '.ts', '.webm']);
/** A longer clip is cut. */
const MOST_SECONDS = 600;

export interface FootageFrame {
  /** Seconds of the clip. */
  readonly t: number;
  readonly objects: readonly TrackedDetection[];
}

export interface Clip {
  readonly name: string;
  /** px */
  readonly picture: FrameSize;
  /** One every 0.1 s. */
  readonly frames: readonly FootageFrame[];
}

/** The file itself, or the video files of a folder by name; none when there is no such file. */
export function clipFiles(path: string): readonly string[] {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) return [];
  if (info.isFile()) return [path];
  return readdirSync(path)
    .filter((name) => CLIPS.has(extname(name).toLowerCase()))
    .toSorted()
    .map((name) => join(path, name));
}

/** Pictures in rgb24, ten a second, as ffmpeg writes them. Throws when it fails. */
async function* pictures(ffmpeg: string, file: string, { width, height }: FrameSize): AsyncGenerator<Buffer> {
  const process = spawn(
    ffmpeg,
    // prettier-ignore
    [
      '-v', 'error', '-nostdin', '-protocol_whitelist', 'file', '-i', file, '-map', '0:v:0', '-t', String(MOST_SECONDS),
      '-vf', `fps=${FRAMES_A_SECOND},scale=${width}:${height}`, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(process, 'close');
  const bytes = width * height * 3;
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of process.stdout) {
      rest = Buffer.concat([rest, Buffer.from(chunk)]);
      while (rest.length >= bytes) {
        yield rest.subarray(0, bytes);
        rest = rest.subarray(bytes);
      }
    }
    const [code] = await ended;
    if (code !== 0) throw new Error(`ffmpeg could not read ${file}: status ${code}`);
  } finally {
    process.kill();
  }
}

/** The largest picture of the same shape that the detector has a use for; a camera's pictures are scaled alike. */
function fitting(picture: FrameSize, most: FrameSize): FrameSize {
  const scale = Math.min(1, most.width / picture.width, most.height / picture.height);
  return { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) };
}

/** The detections of a video file. */
export async function readClip(ffmpeg: string, file: string, detector: Detector): Promise<Clip> {
  const { width, height } = await probeVideo(ffmpeg, file);
  const display = { width, height };
  const size = fitting(display, detector.inputSize);
  const frames: FootageFrame[] = [];
  for await (const data of pictures(ffmpeg, file, size)) {
    const frame = { data, ...size, display };
    const found = await detector.detect(frame, (work) => work());
    const objects = found.map((detection) => {
      const appearance = appearanceOf(frame, detection.bbox);
      return appearance === null ? detection : { ...detection, appearance };
    });
    frames.push({ t: frames.length / FRAMES_A_SECOND, objects });
  }
  return { name: basename(file), picture: display, frames };
}

export interface FootageOptions extends PlayOptions {
  readonly burstFps: number;
  /** Null: metres are estimated, and there are no zones. */
  readonly scene: SceneConfig | null;
}

export function playClip({ name, picture, frames }: Clip, options: FootageOptions): Played {
  const watch = watchPictures({
    scene: options.scene,
    thresholds: thresholdsWith(options.scene?.thresholds),
    picture,
    idPrefix: 'f-',
    confidence: CONFIDENCE,
    burstFps: options.burst ? options.burstFps : 0,
    onProblem: (problem) => console.log(`${name}: ${problem}`),
  });
  return play({ name, frames }, watch, options);
}

const second = (iso: string): string => ((Date.parse(iso) - EPOCH) / 1_000).toFixed(1);

function numbersOf({ evidence }: WatchedIncident): string {
  return Object.entries(evidence)
    .flatMap(([name, value]) => (value === null ? [] : [`${name} ${Math.round(value * 100) / 100}`]))
    .join(', ');
}

/** A line for each incident: seconds of the clip, kind, severity, place in the picture, numbers. */
export function incidentLines({ alarms, incidents }: Played): readonly string[] {
  return [...incidents.values()].map((incident) => {
    const { incidentId, kind, onset, endedAt, severity, bbox, trackIds, zone } = incident;
    const raised = alarms.find((alarm) => alarm.incidentId === incidentId)?.t.toFixed(1) ?? '-';
    const until = endedAt === undefined ? 'end' : second(endedAt);
    return (
      `  ${second(onset)}-${until} s (raised ${raised}) ${kind} ${severity}, ` +
      `tracks ${trackIds.join(' ')}, zone ${zone ?? '-'}, box ${bbox.map(Math.round).join(' ')}: ${numbersOf(incident)}`
    );
  });
}

/**
 * Prints the incidents of a file, of each file of a folder, or of the demo camera's clip. Says so when there is none.
 */
export async function tellFootage(path: string, options: DangerOptions): Promise<void> {
  const { path: ffmpeg } = await findFfmpeg();
  const isDemo = path === 'demo';
  const files = isDemo ? [await ensureDemoFootage({ ffmpeg })] : clipFiles(path);
  if (files.length === 0) {
    console.log(`bench:danger: SKIPPED: there is no footage at ${path}`);
    return;
  }
  const model = await useModel({ model: 'ssd-mobilenet-v2', precision: 'auto' }, createLog('warn'));
  const detector = await createDetector(model, { confidence: CONFIDENCE });
  try {
    for (const file of files) {
      const clip = await readClip(ffmpeg, file, detector);
      const played = playClip(clip, { ...options, scene: isDemo ? DEMO_SCENE : null });
      const { width, height } = clip.picture;
      const seconds = clip.frames.length / FRAMES_A_SECOND;
      const looks = played.frames.filter(({ burst }) => burst).length;
      console.log(
        `\n${clip.name}: ${seconds} s of ${width}x${height}, ${played.frames.length} pictures analysed, ` +
          `${looks} of them looking back, ${played.incidents.size} incidents`,
      );
      for (const line of incidentLines(played)) console.log(line);
    }
  } finally {
    await detector.release();
  }
}
