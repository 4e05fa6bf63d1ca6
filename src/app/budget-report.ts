import { type BudgetReport, MOST_CAMERAS } from '../http/schemas/budget-schema.ts';
import type { CameraId } from '../messages/ids.ts';
import { wantedKeys } from './assessment-health.ts';
import { coolingKeys, dayLimit, isReached, keyLimits } from './key-limits.ts';
import type { AggregatorFigures, GeneratorFigures, PoolFigures, SchedulerFigures } from './scheduler-figures.ts';

/** The figures of each stage, one entry for each node that answers. */
export interface BudgetFigures {
  readonly schedulers: readonly [SchedulerFigures, ...SchedulerFigures[]];
  /** All nodes have the same keys; each counts its own calls. Empty while none answers. */
  readonly pools: readonly Pick<PoolFigures, 'keys'>[];
  readonly generators: readonly GeneratorFigures[];
  readonly aggregators: readonly AggregatorFigures[];
}

const callsOf = ({ by_camera: _byCamera, ...calls }: SchedulerFigures['calls']): BudgetReport['calls'] => calls;

/** To 8 decimals: sums of prices carry binary rounding errors. */
const rounded = (cost: number): number => Math.round(cost * 1e8) / 1e8;

type Today = SchedulerFigures['today'];
/** Each node knows the cost of all nodes, some later than others. */
const todayOf = (a: Today, b: Today): Today =>
  a === null || b === null
    ? (a ?? b)
    : {
        cost: Math.max(a.cost, b.cost),
        budget: a.budget ?? b.budget,
        by_camera: [...a.by_camera, ...b.by_camera],
      };

type CameraCounts = BudgetReport['questions']['by_camera'][number];

/**
 * The report of `GET /api/budget`. Pure.
 *
 * @param now epoch ms
 * @param isWanted only the questions of these cameras are counted; default: those of all
 */
export function budgetReport(
  { schedulers, pools, generators, aggregators }: BudgetFigures,
  now: number,
  isWanted?: (cameraId: CameraId) => boolean,
): BudgetReport {
  const all = schedulers.reduce((sum, one) => sumOf(sum, one));
  const { questions, recent, freshness_ms } = all;
  const [pool = null] = pools;
  const present = pool === null ? null : wantedKeys(pool).length;
  // One aggregator is active at a time; those that stand by have no figures.
  const freshness = aggregators.find((one) => one.freshness.p50 !== null)?.freshness;
  const cameras = byCamera(schedulers, generators);
  const carried = generators.length === 0 ? null : generators.reduce((sum, one) => sum + one.carried, 0);
  return {
    calls: callsOf(all.calls),
    questions:
      isWanted === undefined
        ? {
            asked: questions.asked,
            superseded: questions.superseded,
            carried,
            budget: questions.budget,
            per_minute: recent === null ? null : questionsIn(recent),
            by_camera: cameras.slice(0, MOST_CAMERAS),
          }
        : questionsOf(cameras.filter(({ camera_id }) => isWanted(camera_id))),
    freshness: {
      limit_seconds: freshness_ms === null ? null : freshness_ms / 1_000,
      p50_seconds: freshness?.p50 ?? null,
      p95_seconds: freshness?.p95 ?? null,
      reached: isReached(freshness?.p95 ?? null, freshness_ms),
    },
    keys: { present, needed: keysNeeded(all, present) },
    limits: [...keyLimits(pools), ...dayLimit(all.today)],
    cooling: coolingKeys(pool, now),
    cost_today: all.today?.cost ?? null,
    tokens_per_call: all.tokens_per_call,
    short_since: shortSince(all, present),
  };
}

/** Without a key that is meant to be used, rules answer on purpose, and no call is missing. */
export const shortSince = ({ short_since }: Pick<SchedulerFigures, 'short_since'>, present: number | null) =>
  present === 0 ? null : short_since;

/** The figures of two schedulers together. The calls that the keys allow are not added: limits hold over all nodes. */
function sumOf(a: SchedulerFigures, b: SchedulerFigures): SchedulerFigures {
  return {
    ...a,
    questions: { ...added(a.questions, b.questions), by_camera: [] },
    calls: {
      allowed_per_minute: most(a.calls.allowed_per_minute, b.calls.allowed_per_minute),
      used_last_minute: a.calls.used_last_minute + b.calls.used_last_minute,
      wasted_last_minute: a.calls.wasted_last_minute + b.calls.wasted_last_minute,
      by_camera: [...a.calls.by_camera, ...b.calls.by_camera],
      used: a.calls.used + b.calls.used,
      wasted: a.calls.wasted + b.calls.wasted,
      answer_ms: most(a.calls.answer_ms, b.calls.answer_ms),
      price: Math.max(a.calls.price, b.calls.price),
    },
    recent:
      a.recent === null || b.recent === null
        ? (a.recent ?? b.recent)
        : {
            by_model: a.recent.by_model + b.recent.by_model,
            by_rules: {},
            questions: added(a.recent.questions, b.recent.questions),
            calls: a.recent.calls + b.recent.calls,
          },
    // ISO times of one zone sort as texts.
    short_since: [a.short_since, b.short_since].filter((since) => since !== null).toSorted()[0] ?? null,
    today: todayOf(a.today, b.today),
    tokens_per_call: a.tokens_per_call ?? b.tokens_per_call,
  };
}

type Counts = Pick<SchedulerFigures['questions'], 'asked' | 'superseded' | 'budget'>;
const added = (a: Counts, b: Counts): Counts => ({
  asked: a.asked + b.asked,
  superseded: a.superseded + b.superseded,
  budget: a.budget + b.budget,
});
const most = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);

export const questionsIn = ({ questions }: NonNullable<SchedulerFigures['recent']>): number =>
  questions.asked + questions.superseded + questions.budget;

/** Keys like the present ones that the questions of the last minute would take. Null while that is not known. */
export function keysNeeded(
  { recent, calls }: Pick<SchedulerFigures, 'recent' | 'calls'>,
  present: number | null,
): number | null {
  const allowed = calls.allowed_per_minute;
  if (recent === null || present === null || present === 0 || allowed === null || allowed === 0) return null;
  // A retry and a hedge are calls too.
  const callsPerQuestion = recent.questions.asked === 0 ? 1 : Math.max(1, recent.calls / recent.questions.asked);
  return Math.ceil((questionsIn(recent) * callsPerQuestion) / (allowed / present));
}

/** That there have been too few calls for a minute or more, in a sentence; null while there are not. Pure. */
export function shortageSentence(
  { recent, calls, ...figures }: Pick<SchedulerFigures, 'short_since' | 'recent' | 'calls'>,
  present: number | null,
): string | null {
  const since = shortSince(figures, present);
  if (since === null || recent === null) return null;
  const asked = questionsIn(recent);
  const share = Math.round((recent.questions.budget / Math.max(1, asked)) * 100);
  const allowed =
    calls.allowed_per_minute === null ? '' : `, and the keys allow ${Math.round(calls.allowed_per_minute)}`;
  const needed = keysNeeded({ recent, calls }, present);
  const remedy =
    needed === null || present === null || needed <= present
      ? ''
      : `; ${needed} keys like the present ${present} would be needed`;
  return (
    `too few calls since ${since}: the cameras ask ${asked} questions a minute${allowed}, so rules answer ` +
    `${share} % of them${remedy} (see GET /api/budget)`
  );
}

function byCamera(schedulers: readonly SchedulerFigures[], generators: readonly GeneratorFigures[]): CameraCounts[] {
  const found = new Map<string, CameraCounts>();
  const of = (camera_id: string): CameraCounts =>
    found.get(camera_id) ?? {
      camera_id,
      asked: 0,
      superseded: 0,
      carried: generators.length === 0 ? null : 0,
      budget: 0,
      calls_last_minute: 0,
      calls_today: 0,
      cost_today: 0,
    };
  for (const { camera_id, calls } of schedulers.flatMap((one) => one.calls.by_camera)) {
    const known = of(camera_id);
    found.set(camera_id, { ...known, calls_last_minute: known.calls_last_minute + calls });
  }
  for (const { camera_id, calls, cost } of schedulers.flatMap(({ today }) => today?.by_camera ?? [])) {
    const known = of(camera_id);
    const cost_today = rounded(known.cost_today + cost);
    found.set(camera_id, { ...known, calls_today: known.calls_today + calls, cost_today });
  }
  for (const camera of schedulers.flatMap(({ questions }) => questions.by_camera))
    found.set(camera.camera_id, { ...of(camera.camera_id), ...added(of(camera.camera_id), camera) });
  for (const [camera_id, { carried }] of generators.flatMap((one) => Object.entries(one.byCamera))) {
    const known = of(camera_id);
    found.set(camera_id, { ...known, carried: (known.carried ?? 0) + carried });
  }
  return [...found.values()].toSorted(
    (a, b) => needOf(b) - needOf(a) || b.calls_last_minute - a.calls_last_minute || b.asked - a.asked,
  );
}

/** The questions of these cameras alone. Those of the last minute are not counted by camera. */
function questionsOf(cameras: readonly CameraCounts[]): BudgetReport['questions'] {
  const sum = (of: (counts: CameraCounts) => number): number => cameras.reduce((total, one) => total + of(one), 0);
  return {
    asked: sum((one) => one.asked),
    superseded: sum((one) => one.superseded),
    carried: cameras.some(({ carried }) => carried === null) ? null : sum((one) => one.carried ?? 0),
    budget: sum((one) => one.budget),
    per_minute: null,
    by_camera: cameras.slice(0, MOST_CAMERAS),
  };
}

const needOf = ({ superseded, budget }: CameraCounts): number => superseded + budget;
