import type { QueueLag } from '../../infra/bus.ts';
import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import type { Priority } from '../../messages/task.ts';
import type { FailureCode, SchedulerStats } from './scheduler.types.ts';

type Counted =
  | 'assessed'
  | 'degraded'
  | 'disputed'
  | 'unknown'
  | 'retries'
  | 'handed_back'
  | 'duplicates'
  | 'queue_lag';
type Now = Omit<SchedulerStats, Counted>;

/** Counts since the scheduler's start. */
export class Counts {
  readonly #unknown: Record<FailureCode, number> = {
    expired: 0,
    'no-image': 0,
    'no-lease': 0,
    timeout: 0,
    'rate-limited': 0,
    rejected: 0,
    'provider-error': 0,
    'unreadable-answer': 0,
    'content-refused': 0,
    shed: 0,
    budget: 0,
    superseded: 0,
  };
  #assessed = 0;
  #degraded = 0;
  #disputed = 0;
  #lag: ReadonlyMap<Priority, QueueLag | null> = new Map();
  retries = 0;
  handedBack = 0;
  duplicates = 0;

  published(result: AssessmentResult, metrics: MetricRecorder): void {
    if (result.error === undefined) {
      this.#assessed++;
      if (result.degraded === true) this.#degraded++;
      const disputed = result.results[0]?.disputed !== undefined;
      metrics.inc('assessments_total', 1, { outcome: result.source });
      if (!disputed) return;
      this.#disputed++;
      metrics.inc('assessments_disputed_total', 1);
    } else {
      this.#unknown[result.error.code]++;
      metrics.inc('assessments_total', 1, { outcome: 'unknown' });
      if (result.error.code !== 'shed') return;
      metrics.inc('shed_total', 1, { camera_id: result.cameraId, what: 'group', reason: 'overload' });
    }
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
      retries: this.retries,
      handed_back: this.handedBack,
      duplicates: this.duplicates,
      queue_lag: { p1: lagOf(1), p2: lagOf(2), p3: lagOf(3), p4: lagOf(4), p5: lagOf(5) },
    };
  }
}
