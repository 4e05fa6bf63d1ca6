/** The right number of objects: the same detector on every keyframe of the film, decoded and scaled by plain ffmpeg. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LocatedModel } from '../../src/messages/model.ts';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { createDetector } from '../../src/vision/detector.ts';
import type { Counted } from './ledger.ts';
import { keyframeAt } from './loop.ts';

type Counts = Readonly<Record<string, number>>;

const DECODED_MOST = 512 * 2 ** 20;
/** Objects of a class over all compared frames, below which a difference says nothing. */
const ENOUGH = 200;

/** Objects by class, for each keyframe. The model's input must have a size of its own. */
export async function countKeyframes(file: string, model: LocatedModel): Promise<readonly Counts[]> {
  const { width, height } = model.input;
  if (width === undefined || height === undefined) throw new Error(`model ${model.name}: its spec states no size`);
  const { path: ffmpeg } = await findFfmpeg();
  const args = ['-v', 'error', '-nostdin', '-skip_frame', 'nokey', '-i', file, '-fps_mode', 'passthrough'];
  const { stdout } = await promisify(execFile)(
    ffmpeg,
    [...args, '-vf', `scale=${width}:${height}`, '-pix_fmt', 'rgb24', '-f', 'rawvideo', 'pipe:1'],
    { encoding: 'buffer', maxBuffer: DECODED_MOST },
  );
  const detector = await createDetector(model);
  const size = width * height * 3;
  const all: Counts[] = [];
  for (let at = 0; at + size <= stdout.length; at += size) {
    const counts: Record<string, number> = {};
    const found = await detector.detect({ width, height, data: stdout.subarray(at, at + size) }, (work) => work());
    for (const { class: name } of found) counts[name] = (counts[name] ?? 0) + 1;
    all.push(counts);
  }
  await detector.release();
  return all;
}

export interface ClassCount {
  readonly name: string;
  /** Objects a frame. */
  readonly found: number;
  readonly expected: number;
  /** `found / expected - 1`; null with too few objects for a comparison. */
  readonly off: number | null;
}

/** Compares frames with the reference of their very keyframes. `beganAt`: start of the cameras' films, epoch ms. */
export function compare(frames: readonly Counted[], reference: readonly Counts[], beganAt: number): ClassCount[] {
  const found = new Map<string, number>();
  const expected = new Map<string, number>();
  const add = (sums: Map<string, number>, counts: Counts): void => {
    for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
  };
  for (const { camera, timestamp, counts } of frames) {
    add(found, counts);
    // Timestamps are cut to whole ms.
    add(expected, reference[keyframeAt(camera, timestamp + 1 - beganAt)] ?? {});
  }
  return [...new Set([...found.keys(), ...expected.keys()])].map((name) => {
    const [own = 0, right = 0] = [found.get(name), expected.get(name)];
    const off = right < ENOUGH ? null : own / right - 1;
    return { name, found: own / frames.length, expected: right / frames.length, off };
  });
}
