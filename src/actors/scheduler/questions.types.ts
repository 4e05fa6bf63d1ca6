import type { Bus } from '../../infra/bus.ts';
import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { Language } from '../../llm/language.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Admission } from './admission.ts';
import type { Assessor } from './assessor.ts';
import type { Fetches } from './fetches.ts';
import type { Private } from './private.types.ts';
import type { Runs } from './runs.ts';
import type { SchedulerSettings } from './scheduler.types.ts';

export interface QuestionsOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly metrics: MetricRecorder;
  /** Aborted when the scheduler stops. */
  readonly signal: AbortSignal;
  readonly language: Language;
  readonly fetches: Pick<Fetches, 'start'>;
  readonly runs: Runs;
  readonly admission: Admission;
  readonly assessor: Assessor;
  readonly settings: () => SchedulerSettings;
  /** Tasks that all schedulers together assess at once. */
  readonly slots: () => number;
  /** No other scheduler is heard of. */
  readonly isAlone: () => boolean;
  /** Reports to the other schedulers at once. */
  readonly tellOthers: () => void;
  readonly tell: (message: Private) => void;
  /** Pumps again at this moment, epoch ms. */
  readonly wakeAt: (at: number) => void;
}
