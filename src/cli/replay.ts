import { createHash, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { NatsLink } from '../infra/nats/connection.ts';
import { readStream, storedAtOf } from '../infra/nats/read.ts';
import { sendJson } from '../infra/nats/send.ts';
import { Detection } from '../messages/detection.ts';
import { CameraId, type RequestId } from '../messages/ids.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import { readBody } from '../messages/read-body.ts';
import { asError } from '../runtime/errors.ts';
import { numberIn, runCommand, UsageError } from './command-line.ts';
import { withNats } from './running-nats.ts';

const USAGE = `usage: npm run gantry -- replay --since TIME [--until TIME] [--camera ID] [--rate N] [--dry-run]

Has frames assessed again. Each detection with groups that NATS still holds (one hour), from --since on, is published
again as a frame of its own: with a new request id, "replayOf" naming the old one, and the lowest priority, so that live
frames go first. Results come as for every frame; a replayed frame never replaces a newer one of its camera.
Pictures are made when somebody asks, until 12 s after their frame, and kept for 5 minutes (those of alerts as long as
the alert). A frame without a picture is assessed by rules, for the reason no-image.

  --since, --until   a time (2026-01-31T08:00:00Z) or how long ago (90s, 10m, 1h); --until: default now
  --camera ID        only frames of this camera
  --rate N           at most N frames a second, 0.1 to 1000 (default 20)
  --dry-run          only say how many there are

Uses NATS of the Gantry that runs on the data folder (--data-dir DIR), or NATS_URL.`;

const OPTIONS = {
  since: { type: 'string' },
  until: { type: 'string' },
  camera: { type: 'string' },
  rate: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'data-dir': { type: 'string' },
} as const;
const PAGE = 500;
const PICTURES_LIVE_MS = 300_000;
const MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

interface Wanted {
  /** By the time at which NATS stored the frame, epoch ms. */
  readonly since: number;
  readonly until: number;
  readonly camera: CameraId | null;
  /** Frames per second. */
  readonly rate: number;
  readonly dryRun: boolean;
}

/** `gantry replay`. Exit code 0: done; 1: NATS does not answer; 2: wrong arguments; 130: interrupted. */
export const run = (args: string[]): Promise<number> =>
  runCommand('replay', USAGE, args, readOptions, ({ dataDir, wanted }) =>
    withNats(dataDir, (link) => replay(link, wanted)),
  );

function readOptions(args: string[]): { readonly dataDir: string | undefined; readonly wanted: Wanted } {
  const { values } = parseArgs({ args, options: OPTIONS });
  const wanted = {
    ...readPeriod(values.since, values.until, Date.now()),
    camera: readCamera(values.camera),
    rate: numberIn('--rate', values.rate ?? '20', 0.1, 1_000),
    dryRun: values['dry-run'] === true,
  };
  return { dataDir: values['data-dir'], wanted };
}

function readPeriod(
  since: string | undefined,
  until: string | undefined,
  now: number,
): Pick<Wanted, 'since' | 'until'> {
  if (since === undefined) throw new UsageError('--since is needed');
  const [from, to] = [momentOf(since, now), momentOf(until ?? '0s', now)];
  if (from === null) throw new UsageError(`--since: "${since}" is neither a time nor a duration such as 30m`);
  if (to === null || to < from) throw new UsageError(`--until: "${until ?? ''}" is not a time after --since`);
  return { since: from, until: to };
}

function readCamera(text: string | undefined): CameraId | null {
  if (text === undefined) return null;
  const camera = CameraId.safeParse(text);
  if (!camera.success) throw new UsageError(`--camera: "${text}" is not the id of a camera`);
  return camera.data;
}

/** Epoch ms of `90s`, `10m`, `1h` before `now`, or of an ISO time; null for anything else. */
export function momentOf(text: string, now: number): number | null {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smh])$/u.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) return now - Number(amount) * (MS[unit] ?? 0);
  const at = /^\d{4}-\d{2}-\d{2}/u.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}

/** The detection as a new frame. Its id derives from the old id and the replay's, so that NATS drops a second copy. */
export function again(detection: Detection, replayId: string): Detection {
  return { ...detection, requestId: derivedId(detection.requestId, replayId), replayOf: detection.requestId };
}

/** A UUID of version 8, made from a hash. */
function derivedId(old: RequestId, replayId: string): RequestId {
  const hex = createHash('sha256').update(`${old} ${replayId}`).digest('hex');
  const variant = '89ab'[parseInt(hex[16] ?? '0', 16) % 4] ?? '8';
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ];
  return parts.join('-');
}

async function replay(link: NatsLink, wanted: Wanted): Promise<number> {
  const replayId = randomUUID();
  const counts = { frames: 0, groups: 0, withoutPictures: 0, unreadable: 0 };
  const cameras = new Set<CameraId>();
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  try {
    let due = performance.now();
    for await (const { detection, storedAt } of detectionsOf(link, wanted, () => (counts.unreadable += 1))) {
      if (interrupted.signal.aborted) break;
      if (!wanted.dryRun) {
        due = Math.max(due, performance.now() - 1_000) + 1_000 / wanted.rate;
        const frame = again(detection, replayId);
        await sendJson(link, subjects.detection(frame.cameraId), frame, frame, frame.requestId);
        await pause(systemClock, due - performance.now(), interrupted.signal);
      }
      counts.frames += 1;
      counts.groups += detection.trafficGroups.length;
      counts.withoutPictures += Date.now() - storedAt > PICTURES_LIVE_MS ? 1 : 0;
      cameras.add(detection.cameraId);
    }
  } catch (thrown) {
    console.error(`stopped by an error after ${counts.frames} frames: ${asError(thrown).message}`);
    return 1;
  } finally {
    process.off('SIGINT', interrupt);
  }
  const { frames, groups, withoutPictures, unreadable } = counts;
  console.log(
    `${frames} frames with ${groups} groups of ${cameras.size} cameras ` +
      (wanted.dryRun ? 'would be assessed again' : `are being assessed again (replay ${replayId})`),
  );
  if (withoutPictures > 0)
    console.log(`${withoutPictures} of them are older than 5 minutes: their pictures are gone unless they were alerts`);
  if (unreadable > 0) console.log(`${unreadable} messages could not be read and were left out`);
  if (interrupted.signal.aborted) console.log('interrupted: later frames were left out');
  return interrupted.signal.aborted ? 130 : 0;
}

/** Frames with groups, oldest first, that are not themselves replays. */
async function* detectionsOf(
  link: NatsLink,
  { since, until, camera }: Wanted,
  onUnreadable: () => void,
): AsyncGenerator<{ readonly detection: Detection; readonly storedAt: number }> {
  const filter = camera === null ? {} : { filter: subjects.detection(camera) };
  for (let from: { readonly seq: number } | { readonly time: number } = { time: since }; ;) {
    const page: readonly { readonly seq: number; readonly storedAt: number; readonly detection: Detection | null }[] =
      await readStream(link, { stream: streams.detections, ...filter, from, limit: PAGE }, (message) => ({
        seq: message.seq,
        storedAt: storedAtOf(message),
        detection: detectionIn(message.data),
      }));
    for (const { detection, storedAt } of page) {
      if (storedAt > until) return;
      if (detection === null) onUnreadable();
      else if (detection.replayOf === undefined && detection.trafficGroups.length > 0) yield { detection, storedAt };
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    from = { seq: last.seq + 1 };
  }
}

function detectionIn(data: Uint8Array): Detection | null {
  try {
    return readBody(data, Detection);
  } catch {
    return null;
  }
}
