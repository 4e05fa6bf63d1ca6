import type { Delivery, QueueLag } from '../../infra/bus.ts';
import type { MetricRecorder } from '../../infra/metric-table.ts';
import {
  type AssessmentResult,
  type GroupAssessment,
  NO_FAILURES,
  type RulesReason,
} from '../../messages/assessment.ts';
import { clipped } from '../../messages/bounds.ts';
import type { Priority } from '../../messages/task.ts';
import { NO_CALLS, NO_QUESTIONS, type FailureCode, type RulesCode, type SchedulerStats } from './scheduler.types.ts';

type Counted =
  | 'assessed'
  | 'degraded'
  | 'disputed'
  | 'unknown'
  | 'rules'
  | 'questions'
  | 'calls'
  | 'retries'
  | 'handed_back'
  | 'queue_lag';
type Now = Omit<SchedulerStats, Counted>;

/** Counts since the scheduler's start. */
export class Counts {
  readonly #unknown: Record<FailureCode, number> = { ...NO_FAILURES };
  readonly #rules: Record<RulesCode, number> = { ...NO_FAILURES, 'no-keys': 0 };
  #assessed = 0;
  #degraded = 0;
  #disputed = 0;
  #lag: ReadonlyMap<Priority, QueueLag | null> = new Map();
  retries = 0;
  handedBack = 0;

  published(result: AssessmentResult, metrics: MetricRecorder): void {
    const { error, cameraId, degraded, results } = result;
    const [group] = results;
    const reason = error?.code ?? codeOf(group?.reason);
    metrics.inc('assessments_total', 1, { outcome: error === undefined ? result.source : 'unknown' });
    metrics.inc('tasks_processed_total', 1, { status: error === undefined ? 'success' : 'failed' });
    countRiskTypes(group, metrics);
    if (error !== undefined) this.#unknown[error.code]++;
    else this.#assessed++;
    if (degraded === true) this.#degraded++;
    if (error === undefined && reason !== null) {
      this.#rules[reason]++;
      metrics.inc('rules_answers_total', 1, { reason });
    }
    if (reason === 'shed') metrics.inc('shed_total', 1, { camera_id: cameraId, what: 'group', reason: 'overload' });
    if (group?.disputed === undefined) return;
    this.#disputed++;
    metrics.inc('assessments_disputed_total', 1);
  }

  lag(lag: ReadonlyMap<Priority, QueueLag | null>): void {
    this.#lag = lag;
  }

  stats(now: Now): SchedulerStats {
    const lagOf = (priority: Priority): QueueLag | null => this.#lag.get(priority) ?? null;
    return {
      ...now,
      assessed: this.#assessed,
      degraded: this.#degraded,
      disputed: this.#disputed,
      unknown: { ...this.#unknown },
      rules: { ...this.#rules },
      questions: NO_QUESTIONS,
      calls: NO_CALLS,
      retries: this.retries,
      handed_back: this.handedBack,
      queue_lag: { p1: lagOf(1), p2: lagOf(2), p3: lagOf(3), p4: lagOf(4), p5: lagOf(5) },
    };
  }
}

/** `pending` and `late` are said of a frame's verdict, never of a task's answer. */
const codeOf = (reason: RulesReason | undefined): RulesCode | null =>
  reason === undefined || reason === 'pending' || reason === 'late' ? null : reason;

/** Seconds since the message was put on the bus; null without one. */
export const ageOf = (delivery: Pick<Delivery<unknown>, 'storedAt'> | undefined, now: number): number | null =>
  delivery === undefined ? null : Math.max(0, Math.round((now - delivery.storedAt) / 100) / 10);

/** A phrase of the model may be prose: one that is longer says no more as a label. */
const LONGEST_TYPE = 64;

function countRiskTypes(group: GroupAssessment | undefined, metrics: MetricRecorder): void {
  if (group === undefined || group.source === 'rules') return;
  for (const type of group.riskTypes)
    metrics.inc('risk_types_detected_total', 1, { risk_type: clipped(type.trim().toLowerCase(), LONGEST_TYPE) });
}
