/** Tables and bars of a run. */
import { type Bar, bar, type Result, resultOf } from '../harness.ts';
import { FILM_FRAMES, GOP } from './loop.ts';
import { isBursting, type Measured, type Plan } from './measure.ts';
import type { CamerasOptions } from './options.ts';
import { slopePerMinute } from './processes.ts';
import { type ClassCount, compare } from './reference.ts';
import type { World } from './world.ts';

export interface Found {
  readonly results: readonly Result[];
  readonly bars: readonly Bar[];
}

const WANTED = {
  rate: 0.95,
  firstMs: 400,
  verdictMs: 2_500,
  ingestCores: 0.1,
  serverCores: 0.15,
  memoryMb: 60,
  counts: 0.02,
  othersInBurst: 0.9,
  /** Growth of the resident memory in half an hour, as a share of it. */
  growth: 0.05,
};
/** Shorter runs are still growing into their caches. */
const SOAK_SECONDS = 600;
/** Less CPU than this is not listed. */
const LEAST_CORES = 0.005;

export function report(
  world: World,
  measured: Measured,
  plan: Plan,
  reference: readonly Readonly<Record<string, number>>[],
): Found {
  if (reference.length !== FILM_FRAMES / GOP) throw new Error(`the film has ${reference.length} keyframes`);
  const { ledger } = world;
  const subject = `${plan.cameras.length} cameras`;
  const result = (measure: string, unit: string, value: number): Result => resultOf(measure, subject, unit, [value]);
  const figures = ledger.figures(measured.span, plan.cameras, plan.intervalMs);
  const others = plan.burst ? plan.cameras.filter((camera) => !isBursting(camera)) : plan.cameras;
  const undisturbed = ledger.figures(measured.span, others, plan.intervalMs);
  const classes = compare(ledger.counted(measured.span), reference, world.beganAt);
  const { p50 = Number.NaN, p95 = Number.NaN } = figures.first ?? {};
  const verdict = figures.verdict ?? { p50: Number.NaN, p95: Number.NaN, count: 0 };
  const results = [
    result('analysed of the wanted rate, mean', '', figures.mean),
    result('analysed of the wanted rate, worst camera', '', figures.worst),
    result('picture -> first aggregate, P50', 'ms', p50),
    result('picture -> first aggregate, P95', 'ms', p95),
    result("picture -> model's verdict, P50", 'ms', verdict.p50),
    result("picture -> model's verdict, P95", 'ms', verdict.p95),
    result('frames', '', figures.frames),
    result('groups', '', figures.groups),
    result("model's verdicts", '', verdict.count),
    result('frames left out for the viewer', '', ledger.skipped),
    ...cpuAndMemory(measured, plan, result),
    ...classes.map(({ name, found }) => result(`objects a frame: ${name}`, '', found)),
    ...classes.map(({ name, expected }) => result(`objects a frame by plain ffmpeg: ${name}`, '', expected)),
    result('calls to the provider', '', measured.provider.calls),
    result('calls answered with 429', '', measured.provider.limited),
    result('calls failed', '', measured.provider.failed),
    result('sessions opened so far', '', measured.server.played),
    result('pictures not read', '', measured.server.skipped),
    result('camera later than planned, at worst', 'ms', measured.server.latestMs),
    ...measured.trouble.map(([name, count]) => result(name, '', count)),
  ];
  const bars = [
    bar('analysed of the wanted rate', undisturbed.mean, '', '>=', WANTED.rate),
    bar('picture -> first aggregate, P95', p95, 'ms', '<=', WANTED.firstMs),
    bar("picture -> model's verdict, P95", verdict.p95, 'ms', '<=', WANTED.verdictMs),
    ...limits(measured, plan, classes),
  ];
  if (!plan.burst) return { results, bars };
  const sent = measured.bursts.reduce((sum, each) => sum + each.sent, 0);
  return {
    results: [
      ...results,
      result('bursts', '', measured.bursts.length),
      result('pictures of bursts', '', sent),
      ...missedOf(measured).map(([name, count]) => result(`pictures of bursts missed: ${name}`, '', count)),
    ],
    bars: [
      ...bars,
      bar('pictures of bursts', sent, '', '>=', 1),
      bar('rate of the other cameras while ten burst, worst', undisturbed.worst, '', '>=', WANTED.othersInBurst),
    ],
  };
}

const ingestCores = ({ cores }: Measured): number =>
  [...cores].reduce((sum, [name, used]) => sum + (/ingest/u.test(name) ? used : 0), 0);

function cpuAndMemory(
  { cores, serverCores, machineCores, memory, memoryBy }: Measured,
  plan: Plan,
  result: (measure: string, unit: string, value: number) => Result,
): Result[] {
  const resident = memory.at(-1)?.value ?? Number.NaN;
  const sum = [...cores.values()].reduce((total, each) => total + each, 0);
  return [
    result('CPU in all, without the cameras themselves', 'cores', sum),
    ...[...cores]
      .filter(([, used]) => used >= LEAST_CORES)
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, used]) => result(`CPU of ${name}`, 'cores', used)),
    result('CPU of the RTSP server', 'cores', serverCores),
    result('CPU of the whole machine', 'cores', machineCores),
    result('resident memory', 'MB', resident),
    ...[...memoryBy].map(([name, mb]) => result(`resident memory of ${name}`, 'MB', mb)),
    result('resident memory a camera', 'MB', resident / plan.cameras.length),
    result('growth of the resident memory', 'MB/min', slopePerMinute(memory)),
  ];
}

function limits(measured: Measured, plan: Plan, classes: readonly ClassCount[]): Bar[] {
  const resident = measured.memory.at(-1)?.value ?? Number.NaN;
  const off = classes.flatMap(({ off: each }) => (each === null ? [] : [Math.abs(each)]));
  return [
    bar('CPU of the ingest', ingestCores(measured), 'cores', '<=', WANTED.ingestCores),
    bar('CPU of the RTSP server', measured.serverCores, 'cores', '<=', WANTED.serverCores),
    bar('resident memory a camera', resident / plan.cameras.length, 'MB', '<=', WANTED.memoryMb),
    ...(plan.seconds < SOAK_SECONDS
      ? []
      : [bar('growth in half an hour', (slopePerMinute(measured.memory) * 30) / resident, '', '<=', WANTED.growth)]),
    ...(off.length === 0
      ? []
      : [bar('objects off plain ffmpeg, worst class', Math.max(...off), '', '<=', WANTED.counts)]),
    bar('calls answered with 429', measured.provider.limited, '', '<=', 0),
  ];
}

function missedOf({ bursts }: Measured): readonly (readonly [string, number])[] {
  const missed = new Map<string, number>();
  for (const { missed: each, refused } of bursts) {
    for (const [name, count] of Object.entries(each)) missed.set(name, (missed.get(name) ?? 0) + count);
    if (refused.length > 0) missed.set('refused', (missed.get('refused') ?? 0) + refused.length);
  }
  return [...missed];
}

export const planOf = ({ cameras, seconds, intervalSeconds, burst }: CamerasOptions): Plan => ({
  seconds,
  cameras: Array.from({ length: cameras }, (_, index) => index),
  intervalMs: intervalSeconds * 1_000,
  burst,
});
