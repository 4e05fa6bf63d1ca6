import type { z } from 'zod';
import type { PlayedFrame } from '../dry-run/dry-run.types.ts';
import { DryRunError, type DryRuns, PLAY_MS } from '../dry-run/dry-runs.ts';
import { HttpError } from '../http/errors/http-error.ts';
import type { CameraPort, HttpPorts } from '../http/ports.ts';
import type { Bus } from '../infra/bus.ts';
import { Detection } from '../messages/detection.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { Clock } from '../runtime/clock.ts';

/** Frames that are read for a dry run: ten minutes of two a second. Of a faster camera the later ones are left out. */
const MOST_FRAMES = 1_200;
const MINUTE_MS = 60_000;

const RecordedFrame = Detection.pick({
  requestId: true,
  timestamp: true,
  detectedObjects: true,
  imageWidth: true,
  imageHeight: true,
  imageId: true,
  replayOf: true,
});
type RecordedFrame = z.infer<typeof RecordedFrame>;

export interface DryRunParts {
  readonly bus: Pick<Bus, 'read'>;
  readonly dryRuns: Pick<DryRuns, 'run'>;
  readonly cameras: Pick<CameraPort, 'scene'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Least confidence of the detector, 0..1. */
  readonly confidence: number;
}

/**
 * The HTTP room's port for dry runs. The frames come from the stream of detections, so any process can answer. They
 * are those that the camera published: the pictures of its look-backs in between are not kept.
 */
export function dryRunPort({ bus, dryRuns, cameras, clock, confidence }: DryRunParts): HttpPorts['dryRun'] {
  return async ({ cameraId, scene, minutes }) => {
    const known = await cameras.scene(cameraId);
    if (known === null) return null;
    const now = clock.now();
    let frames: readonly PlayedFrame[] = [];
    const read = async () => {
      const stored = await bus.read({
        stream: streams.detections,
        filter: subjects.detection(cameraId),
        parser: RecordedFrame,
        from: { time: now - minutes * MINUTE_MS },
        limit: MOST_FRAMES,
      });
      frames = playedFrames(stored.map(({ body }) => body));
      return { frames, scenes: [scene, known.scene], confidence, playMs: PLAY_MS };
    };
    const { first, count, outcomes } = await dryRuns.run(read).catch(refused);
    const [tried, present] = outcomes;
    const played = frames.slice(first, first + count);
    if (tried === undefined || present === undefined) throw new Error('a dry run gave no outcome');
    return {
      from: new Date(played[0]?.at ?? now - minutes * MINUTE_MS).toISOString(),
      to: new Date(played.at(-1)?.at ?? now).toISOString(),
      frames: played.length,
      recorded: frames.length,
      incidents: tried.incidents.map((incident) => ({ ...incident })),
      counts: tried.counts,
      withoutScene: present.counts,
      problem: tried.problem,
    };
  };
}

/** In the order of their times, each moment once; replayed frames are left out. */
const playedFrames = (recorded: readonly RecordedFrame[]): PlayedFrame[] =>
  recorded
    .filter(({ replayOf }) => replayOf === undefined)
    .map(({ timestamp, requestId, imageId, imageWidth, imageHeight, detectedObjects }) => ({
      at: Date.parse(timestamp),
      requestId,
      imageId,
      width: imageWidth,
      height: imageHeight,
      objects: detectedObjects.map(({ class: name, confidence, bbox }) => ({ class: name, confidence, bbox })),
    }))
    .toSorted((a, b) => a.at - b.at)
    .filter(({ at }, index, all) => at !== all[index - 1]?.at);

function refused(thrown: unknown): never {
  if (!(thrown instanceof DryRunError)) throw thrown;
  const busy = thrown.code === 'DRY_RUNS_BUSY';
  throw new HttpError(busy ? 'TOO_MANY' : 'UNAVAILABLE', `the dry run cannot be made now: ${thrown.message}`, {
    cause: thrown,
    ...(busy ? { headers: { 'retry-after': '5' } } : {}),
  });
}
