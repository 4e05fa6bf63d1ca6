import { type BudgetReport, MOST_CAMERAS } from '../http/schemas/budget-schema.ts';
import { wantedKeys } from './assessment-health.ts';
import type { AggregatorFigures, GeneratorFigures, PoolFigures, SchedulerFigures } from './scheduler-figures.ts';

/** The figures of each stage. Null: a stage that does not answer. */
export interface BudgetFigures {
  readonly scheduler: SchedulerFigures;
  readonly pool: Pick<PoolFigures, 'keys'> | null;
  readonly generator: GeneratorFigures | null;
  readonly aggregator: AggregatorFigures | null;
}

type CameraCounts = BudgetReport['questions']['by_camera'][number];

/** The report of `GET /api/budget`. Pure. */
export function budgetReport({ scheduler, pool, generator, aggregator }: BudgetFigures): BudgetReport {
  const { questions, calls, recent, freshness_ms } = scheduler;
  const present = pool === null ? null : wantedKeys(pool).length;
  return {
    calls: { ...calls },
    questions: {
      asked: questions.asked,
      superseded: questions.superseded,
      carried: generator?.carried ?? null,
      budget: questions.budget,
      per_minute: recent === null ? null : questionsIn(recent),
      by_camera: byCamera(questions.by_camera, generator),
    },
    freshness: {
      limit_seconds: freshness_ms === null ? null : freshness_ms / 1_000,
      p50_seconds: aggregator?.freshness.p50 ?? null,
      p95_seconds: aggregator?.freshness.p95 ?? null,
    },
    keys: { present, needed: keysNeeded(scheduler, present) },
    tokens_per_call: scheduler.tokens_per_call,
    short_since: scheduler.short_since,
  };
}

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
  { short_since, recent, calls }: Pick<SchedulerFigures, 'short_since' | 'recent' | 'calls'>,
  present: number | null,
): string | null {
  if (short_since === null || recent === null) return null;
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
    `too few calls since ${short_since}: the cameras ask ${asked} questions a minute${allowed}, so rules answer ` +
    `${share} % of them${remedy} (see GET /api/budget)`
  );
}

function byCamera(
  asked: SchedulerFigures['questions']['by_camera'],
  generator: GeneratorFigures | null,
): CameraCounts[] {
  const nothing = { asked: 0, superseded: 0, carried: generator === null ? null : 0, budget: 0 };
  const found = new Map<string, CameraCounts>(asked.map((camera) => [camera.camera_id, { ...nothing, ...camera }]));
  for (const [camera_id, { carried }] of Object.entries(generator?.byCamera ?? {})) {
    found.set(camera_id, { ...(found.get(camera_id) ?? { camera_id, ...nothing }), carried });
  }
  return [...found.values()].toSorted((a, b) => needOf(b) - needOf(a) || b.asked - a.asked).slice(0, MOST_CAMERAS);
}

const needOf = ({ superseded, budget }: CameraCounts): number => superseded + budget;
