import { createHash, randomUUID } from 'node:crypto';
import type { NatsLink } from '../infra/nats/connection.ts';
import { readStream, storedAtOf } from '../infra/nats/read.ts';
import { sendJson } from '../infra/nats/send.ts';
import { Detection } from '../messages/detection.ts';
import { CameraId, type RequestId } from '../messages/ids.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import { readBody } from '../messages/read-body.ts';
import { asError } from '../runtime/errors.ts';
import { CommandError, numberIn, UsageError } from './command-errors.ts';
import type { Output } from './output.ts';
import type { Progress } from './progress-bar.ts';
import { withNats } from './running-nats.ts';

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

interface Arguments {
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly camera: string | undefined;
  readonly rate: string | undefined;
  readonly 'dry-run': boolean | undefined;
  readonly 'data-dir': string | undefined;
}

/** `gantry replay`. Exit code 0: done; 130: interrupted. Rejects as {@link withNats}, and when a frame is refused. */
export function run(args: Arguments, output: Output): Promise<number> {
  const wanted = {
    ...readPeriod(args.since, args.until, Date.now()),
    camera: readCamera(args.camera),
    rate: numberIn('--rate', args.rate ?? '20', 0.1, 1_000),
    dryRun: args['dry-run'] === true,
  };
  return withNats(args['data-dir'], (link) => replay(link, wanted, output));
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

interface Replayed {
  frames: number;
  groups: number;
  withoutPictures: number;
  unreadable: number;
  readonly cameras: Set<CameraId>;
}

async function replay(link: NatsLink, wanted: Wanted, output: Output): Promise<number> {
  const replayId = randomUUID();
  const done: Replayed = { frames: 0, groups: 0, withoutPictures: 0, unreadable: 0, cameras: new Set() };
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  const progress = await output.progress('replay');
  try {
    await replayFrames(link, wanted, replayId, done, interrupted.signal, progress);
  } catch (thrown) {
    const why = asError(thrown).message;
    throw new CommandError('NOT_REACHABLE', `stopped by an error after ${done.frames} frames: ${why}`, thrown);
  } finally {
    progress.end();
    process.off('SIGINT', interrupt);
  }
  const wasInterrupted = interrupted.signal.aborted;
  output.result(
    { replayId, dryRun: wanted.dryRun, interrupted: wasInterrupted, ...done, cameras: [...done.cameras].toSorted() },
    describe(done, wanted.dryRun ? null : replayId, wasInterrupted),
  );
  return wasInterrupted ? 130 : 0;
}

async function replayFrames(
  link: NatsLink,
  wanted: Wanted,
  replayId: string,
  done: Replayed,
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  let due = performance.now();
  for await (const { detection, storedAt } of detectionsOf(link, wanted, () => (done.unreadable += 1))) {
    if (signal.aborted) return;
    if (!wanted.dryRun) {
      due = Math.max(due, performance.now() - 1_000) + 1_000 / wanted.rate;
      const frame = again(detection, replayId);
      await sendJson(link, subjects.detection(frame.cameraId), frame, frame, frame.requestId);
      await pause(systemClock, due - performance.now(), signal);
    }
    done.frames += 1;
    done.groups += detection.trafficGroups.length;
    done.withoutPictures += Date.now() - storedAt > PICTURES_LIVE_MS ? 1 : 0;
    done.cameras.add(detection.cameraId);
    progress.at((storedAt - wanted.since) / Math.max(1, wanted.until - wanted.since), `${done.frames} frames`);
  }
}

/** `replayId`: null for a dry run. */
function describe(done: Replayed, replayId: string | null, wasInterrupted: boolean): string {
  const { frames, groups, withoutPictures, unreadable, cameras } = done;
  const lines = [
    `${frames} frames with ${groups} groups of ${cameras.size} cameras ` +
      (replayId === null ? 'would be assessed again' : `are being assessed again (replay ${replayId})`),
  ];
  if (withoutPictures > 0)
    lines.push(`${withoutPictures} of them are older than 5 minutes: their pictures are gone unless they were alerts`);
  if (unreadable > 0) lines.push(`${unreadable} messages could not be read and were left out`);
  if (wasInterrupted) lines.push('interrupted: later frames were left out');
  return lines.join('\n');
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
