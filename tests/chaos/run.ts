/** One chaos run: starts the world, breaks it by the schedule, waits until all is quiet, and returns the record. */
import { setTimeout as delay } from 'node:timers/promises';
import { asError } from '../../src/runtime/errors.ts';
import { judge, type Verdict } from './checker.ts';
import { alertsInRedis, Collector, historyOf, journalOf, shedCountedBy } from './collect.ts';
import { FAULT_OF } from './faults.ts';
import type { ChaosRecord, FaultRecord } from './record.ts';
import { until } from '../support/until.ts';
import { type FaultKind, type Fault, scheduleOf } from './schedule.ts';
import { ChaosViewer } from './viewer.ts';
import { REAL_CAMERA, World } from './world.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly totalMs: number;
  readonly calmMs: number;
  readonly gapMs: readonly [number, number];
  readonly kinds: readonly FaultKind[];
  /** As of `judge`. */
  readonly feedBackMs?: number;
  readonly say: (line: string) => void;
}

export interface ChaosResult extends Verdict {
  readonly seed: number;
  readonly faults: readonly FaultRecord[];
  readonly record: ChaosRecord;
  /** With the logs of all processes. Removed when all went well. */
  readonly folder: string;
}

const SIMULATED = ['sim-1', 'sim-2', 'sim-3', 'sim-4'];
const EVERY_MS = 500;
/** A task waits for its answer up to 30 s after its frame. */
const QUIET_MS = 60_000;
const READ_MS = 60_000;
/** Longest wait for the feed after the last fault, and for the last alerts at the viewers. */
const FEED_MS = 60_000;
const ALERTS_MS = 20_000;

export async function runChaos({ seed, say, feedBackMs, ...plan }: ChaosOptions): Promise<ChaosResult> {
  const schedule = scheduleOf({ seed, ...plan });
  const world = await World.start({ seed, simulated: SIMULATED.length, everyMs: EVERY_MS, redis: true });
  const staying = new ChaosViewer(world.url);
  const returning = new ChaosViewer(world.url);
  try {
    say(`seed ${seed}: ${schedule.length} faults; logs in ${world.folder}`);
    for (const viewer of [staying, returning]) viewer.come();
    world.cameras({ type: 'emit', cameraIds: SIMULATED, everyMs: EVERY_MS, seed });
    const collector = new Collector(world.natsUrl);
    const faults = await breakBy(schedule, plan.totalMs, world, returning, collector, say);
    await feedIsBack(staying, faults, say);
    await quiet(world, collector, say);
    await collector.read();
    await alertsAreSeen(collector, [staying, returning], say);
    const { emitted, shed } = await journalOf(world.journal);
    const history = historyOf(collector.alerts.items);
    const record: ChaosRecord = {
      emitted,
      shed,
      shedCounted: await shedCountedBy(world.url),
      aggregates: collector.aggregates.items,
      answers: collector.results.items,
      history,
      redis: await alertsInRedis(world.redisUrl, Object.keys(history)),
      seen: staying.seen,
      seenByReturning: returning.seen,
      deadLetters: await collector.deadLetters(),
      faults,
      violations: (await world.providerRecord()).violations,
    };
    const verdict = judge(record, Date.now(), 0, feedBackMs);
    for (const viewer of [staying, returning]) viewer.leave();
    await world.stop();
    if (verdict.ok) await world.forget();
    return { ...verdict, seed, faults, record, folder: world.folder };
  } finally {
    for (const viewer of [staying, returning]) viewer.leave();
    await world.stop();
  }
}

async function breakBy(
  schedule: readonly Fault[],
  totalMs: number,
  world: World,
  returning: ChaosViewer,
  collector: Collector,
  say: (line: string) => void,
): Promise<readonly FaultRecord[]> {
  const began = performance.now();
  const passed = (): number => performance.now() - began;
  const faults: FaultRecord[] = [];
  let readAt = 0;
  for (const fault of schedule) {
    await delay(Math.max(0, fault.at - passed()));
    const beganAt = Date.now();
    try {
      returning.leave();
      const undo = await FAULT_OF[fault.kind](world, fault);
      await delay(fault.forMs);
      await undo();
      faults.push({ ...fault, beganAt, endedAt: Date.now() });
      say(
        `${(passed() / 1_000).toFixed(1).padStart(6)} s  ${fault.kind}` +
          (fault.forMs === 0 ? '' : ` for ${(fault.forMs / 1_000).toFixed(1)} s`),
      );
    } catch (thrown) {
      faults.push({ ...fault, beganAt, endedAt: Date.now(), skipped: asError(thrown).message });
      say(
        `${(passed() / 1_000).toFixed(1).padStart(6)} s  ${fault.kind} could not be done: ${asError(thrown).message}`,
      );
    } finally {
      returning.come();
    }
    if (passed() - readAt < READ_MS) continue;
    readAt = passed();
    // The server may not be back yet: read again at the next fault.
    await collector.read().catch((thrown: unknown) => say(`          not read now: ${asError(thrown).message}`));
  }
  await delay(Math.max(0, totalMs - passed()));
  return faults;
}

/** Waits, for a while, until the viewer has a frame from after the last fault: without cameras none would come. */
async function feedIsBack(
  { seen }: ChaosViewer,
  faults: readonly FaultRecord[],
  say: (line: string) => void,
): Promise<void> {
  const end = faults.at(-1)?.endedAt ?? 0;
  const isBack = () => seen.some(({ type, frameAt }) => type === 'detection_result' && frameAt >= end);
  await until('a frame from after the last fault', isBack, FEED_MS).catch((thrown: unknown) =>
    say(asError(thrown).message),
  );
}

/** Waits, for a while, until all viewers have seen each alert: the last ones are on their way. */
async function alertsAreSeen(
  { alerts }: Collector,
  viewers: readonly ChaosViewer[],
  say: (line: string) => void,
): Promise<void> {
  const sees = ({ seen }: ChaosViewer): boolean => {
    const known = new Set(seen.filter(({ type }) => type === 'alert').map(({ requestId }) => requestId));
    return alerts.items.every(({ requestId }) => known.has(requestId));
  };
  await until('all alerts at all viewers', () => viewers.every(sees), ALERTS_MS).catch((thrown: unknown) =>
    say(asError(thrown).message),
  );
  // One that is sent twice would come now.
  await delay(1_000);
}

/** Ends the cameras, and waits until no message is pending. */
async function quiet(world: World, collector: Collector, say: (line: string) => void): Promise<void> {
  world.cameras({ type: 'quiet' });
  await fetch(new URL(`/api/cameras/${REAL_CAMERA}`, world.url), {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ enabled: false }),
  });
  const began = performance.now();
  let waiting: readonly string[] = ['not looked yet'];
  for (let still = 0; still < 3 && performance.now() - began < QUIET_MS;) {
    await delay(300);
    waiting = await collector.waiting().catch((thrown: unknown) => [asError(thrown).message]);
    still = waiting.length === 0 ? still + 1 : 0;
  }
  say(
    waiting.length === 0
      ? `quiet after ${((performance.now() - began) / 1_000).toFixed(1)} s`
      : `not quiet after ${QUIET_MS / 1_000} s: ${waiting.join('; ')}`,
  );
}
