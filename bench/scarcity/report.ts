/** Tables and bars of simulated and live runs. */
import { percentiles } from '../../src/cli/check/percentiles.ts';
import { type Bar, bar, type Result, resultOf } from '../harness.ts';
import { dangersOf, type Figures, figuresOf, IN_TIME_MS } from './figures.ts';
import { allowedPerSecond, type KeyLimits } from './limits.ts';
import { inHindsight } from './optimum.ts';
import type { Budget } from './options.ts';
import { byChance, firstInFirstOut, newestFirst, ours } from './policies.ts';
import type { LiveRun } from './run.ts';
import { type Policy, simulate } from './simulate.ts';
import type { Frame } from './world.ts';

export interface Found {
  readonly results: readonly Result[];
  readonly bars: readonly Bar[];
}

export interface Played {
  readonly frames: readonly Frame[];
  readonly limits: KeyLimits;
  readonly seed: number;
}

/** Least shares, by budget. */
interface Wanted {
  readonly high: number;
  readonly ofOptimum: number;
  readonly used: number | null;
}

const WANTED: ReadonlyMap<string, Wanted> = new Map([
  ['1/3', { high: 0.99, ofOptimum: 0.95, used: 0.97 }],
  ['1/10', { high: 0.9, ofOptimum: 0.85, used: null }],
]);
const TURN_SECONDS = 60;
/** Shorter runs cannot tell whether every camera was asked once a minute. */
const LONG_RUN_SECONDS = 70;
const FIRST_MESSAGE_MS = 150;
/** Dangers of which a share is taken as it is. Of fewer it may be two standard errors below its bar. */
const ENOUGH = 250;
/** Simulated time until the first minute's windows are full and behind. */
const SETTLED_MS = 120_000;
/** Of a live run, for V8 and connections: this share of it, at most so long. */
const WARM_SHARE = 0.2;
const WARM_MS = 10_000;

export function simulatedReport(budget: Budget, played: Played): Found {
  const results: Result[] = [];
  const bars: Bar[] = [];
  const seconds = (played.frames.at(-1)?.at ?? 0) / 1_000 - SETTLED_MS / 1_000;
  for (const policy of policiesFor(played)) {
    const log = simulate(policy, played);
    const figures = figuresOf(log, SETTLED_MS);
    const optimum = inHindsight(dangersOf(log.questions, SETTLED_MS), played.limits).length;
    const used = figures.calls / (seconds * allowedPerSecond(played.limits));
    const name = `${policy.name}, simulated`;
    results.push(...resultsOf(`${budget.name}, ${name}`, { figures, optimum, used }));
    if (policy.name === 'Gantry') bars.push(...barsOf(budget, 'simulated', { figures, optimum, used }, seconds));
  }
  return { results, bars };
}

export function liveReport(
  budget: Budget,
  { log, load, provider, viewer, firstMs }: LiveRun,
  played: Played & { readonly seconds: number },
): Found {
  const warmMs = Math.min(WARM_MS, WARM_SHARE * played.seconds * 1_000);
  const from = load.beganAt + warmMs;
  const end = load.beganAt + played.seconds * 1_000;
  const figures = figuresOf(log, from);
  const optimum = inHindsight(dangersOf(log.questions, from), played.limits).length;
  const calls = provider.accepted.filter((at) => at >= from && at < end).length;
  const used = calls / (((end - from) / 1_000) * allowedPerSecond(played.limits));
  const name = `${budget.name}, live`;
  const first = percentiles(firstMs.slice(Math.floor(firstMs.length * WARM_SHARE)));
  const replayed = policiesFor(played).flatMap((policy) => {
    const replay = figuresOf(simulate(policy, played), warmMs);
    return resultsOf(`${budget.name}, ${policy.name}, replayed`, { figures: replay, optimum, used: null });
  });
  return {
    results: [
      ...resultsOf(`${budget.name}, Gantry, live`, { figures, optimum, used }),
      ...replayed,
      resultOf('detection -> first message, P50', name, 'ms', [first?.p50 ?? Number.NaN]),
      resultOf('tokens of a prompt, mean', name, '', [provider.promptTokens]),
      resultOf('messages a frame', name, '', [viewer.aggregates / load.sent.length]),
      resultOf('load later than planned, at worst', name, 'ms', [load.latestMs]),
    ],
    bars: [
      ...barsOf(budget, 'live', { figures, optimum, used }, played.seconds),
      bar(`${name}: detection -> first message, P95`, first?.p95 ?? Number.NaN, 'ms', '<=', FIRST_MESSAGE_MS),
      bar(`${name}: frames that no message was about`, firstMs.filter((ms) => ms === Infinity).length, '', '<=', 0),
      bar(`${name}: windows of a key exceeded`, provider.violations + provider.refused, '', '<=', 0),
      bar(`${name}: groups unknown or without a result`, viewer.unknown + viewer.missing, '', '<=', 0),
      bar(`${name}: publishes failed`, load.failed, '', '<=', 0),
    ],
  };
}

const policiesFor = ({ limits, seed }: Played): readonly Policy[] => [
  ours(limits),
  firstInFirstOut(),
  newestFirst(),
  byChance(seed),
];

interface Outcome {
  readonly figures: Figures;
  /** Dangers that the best possible choice shows in time. */
  readonly optimum: number;
  /** Calls of those allowed; null where nobody asks. */
  readonly used: number | null;
}

function resultsOf(subject: string, { figures, optimum, used }: Outcome): readonly Result[] {
  const { highs, highsInTime, dangersInTime, ages, longestUnaskedMs } = figures;
  const age = percentiles(ages);
  const row = (measure: string, unit: string, value: number): Result => resultOf(measure, subject, unit, [value]);
  return [
    row('high danger on the screen in time', '%', (100 * highsInTime) / highs),
    row('danger in time, of the optimum', '%', (100 * dangersInTime) / optimum),
    row('age of a verdict, P50', 's', (age?.p50 ?? Number.NaN) / 1_000),
    row('age of a verdict, P95', 's', (age?.p95 ?? Number.NaN) / 1_000),
    ...(used === null ? [] : [row('calls used / allowed', '', used)]),
    row('longest that a camera was not asked about', 's', longestUnaskedMs / 1_000),
  ];
}

function barsOf({ name: budget }: Budget, how: 'live' | 'simulated', outcome: Outcome, seconds: number): Bar[] {
  const wanted = WANTED.get(budget);
  if (wanted === undefined) return [];
  const { figures, optimum, used } = outcome;
  const { ages, highs, highsInTime, dangersInTime, longestUnaskedMs } = figures;
  const name = `${budget}, ${how}`;
  // Two hours have enough dangers; a live minute has a few.
  const least = (share: number, count: number): number =>
    count >= ENOUGH ? share : Math.max(0, share - 2 * Math.sqrt((share * (1 - share)) / Math.max(1, count)));
  const ofAll = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);
  const counted = (part: number, whole: number): string => `(${part} of ${whole})`;
  return [
    bar(`${name}: age of a verdict, P95`, percentiles(ages)?.p95 ?? Number.NaN, 'ms', '<=', IN_TIME_MS),
    bar(
      `${name}: high danger in time ${counted(highsInTime, highs)}`,
      ofAll(highsInTime, highs),
      '',
      '>=',
      least(wanted.high, highs),
    ),
    bar(
      `${name}: danger in time ${counted(dangersInTime, optimum)}, of the optimum`,
      ofAll(dangersInTime, optimum),
      '',
      '>=',
      least(wanted.ofOptimum, optimum),
    ),
    ...(wanted.used === null ? [] : [bar(`${name}: calls used / allowed`, used ?? Number.NaN, '', '>=', wanted.used)]),
    ...(budget !== '1/3'
      ? []
      : seconds >= LONG_RUN_SECONDS
        ? [bar(`${name}: a camera not asked about`, longestUnaskedMs / 1_000, 's', '<=', TURN_SECONDS)]
        : []),
  ];
}
