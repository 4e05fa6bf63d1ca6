import type { Bus, ImageStore, QueueLag } from '../../infra/bus.ts';
import type { Metrics } from '../../infra/metrics.ts';
import type { SchedulerSection } from '../../keys/key-config.schema.ts';
import type { VlmClient } from '../../llm/client.ts';
import type { Language } from '../../llm/language.ts';
import type { AssessmentFailure } from '../../messages/assessment.ts';
import type { Priority } from '../../messages/task.ts';
import type { Asking } from '../../runtime/message.ts';
import { address } from '../../runtime/ref.ts';

export type SchedulerMode = 'vlm' | 'rules';
export type FailureCode = AssessmentFailure['code'];

/** What the scheduler counts in Prometheus; `Metrics` has both. */
export type SchedulerMetrics = Pick<Metrics, 'llmCall' | 'assessment' | 'shed'>;

export interface SchedulerSettings {
  readonly maxConcurrentTasks: number;
  /** Milliseconds for one call. */
  readonly timeoutMs: number;
  /** Further attempts after the first, each on another key. */
  readonly maxRetries: number;
  /** A waiting task overtakes fresh ones of the next higher level after this long. */
  readonly ageingMs: number;
  /** An urgent task's call that takes longer than this, in ms, is made a second time on another key; 0: never. */
  readonly hedgeAfterMs: number;
  /** Milliseconds that calls in flight get to finish at a stop; must be well below the actor's shutdown time-out. */
  readonly drainMs: number;
}

const DRAIN_MS = 3_000;

/** The settings of the contract's `scheduler` section. */
export const schedulerSettings = (section: SchedulerSection): SchedulerSettings => ({
  maxConcurrentTasks: section.max_concurrent_tasks,
  timeoutMs: section.timeout_seconds * 1_000,
  maxRetries: section.retry_max_attempts,
  ageingMs: section.ageing_seconds * 1_000,
  hedgeAfterMs: section.hedge_after_ms,
  drainMs: DRAIN_MS,
});

export interface SchedulerInit {
  readonly bus: Bus;
  readonly images: ImageStore;
  /** Calls the model, while the key pool has a key that is meant to be used; else tasks are judged by rules. `caller`: the actor. Null: always by rules. */
  readonly vlm: VlmClient | 'caller' | null;
  readonly language: Language;
  /** For how long a task is worth an answer, in ms, from its frame; by it is decided how many may wait. Default 30 s. */
  readonly validityMs?: number;
  /** As at the start; `configure` replaces them. */
  readonly settings: SchedulerSettings;
  readonly metrics: SchedulerMetrics;
  /** Asked before each task: false has it judged by rules although there is a model (budget spent, no usable key). */
  readonly budget?: { allows(): boolean };
  /** Told of every call's tokens, of calls whose answer could not be read too. */
  readonly usage?: { record(call: CallUsage): void };
}

/** What one call to the model used. */
export interface CallUsage {
  /** The key's name. */
  readonly keyName: string;
  readonly cameraId: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Counts since the actor's start. */
export interface SchedulerStats {
  readonly mode: SchedulerMode;
  readonly max_concurrent_tasks: number;
  /** Tasks being judged now, and tasks taken from the bus that wait for a place. */
  readonly in_flight: number;
  readonly ready: number;
  /** Tasks answered with a level, and with `unknown` by its code. */
  readonly assessed: number;
  readonly unknown: Readonly<Record<FailureCode, number>>;
  readonly retries: number;
  /** Given back to the bus: at a stop, or after an unexpected error. */
  readonly handed_back: number;
  /** Deliveries of a task that was being judged already. */
  readonly duplicates: number;
  /** False while tasks cannot be fetched. */
  readonly bus_ok: boolean;
  /** Since when the provider does not answer, ISO 8601 UTC: tasks wait while they are valid, then rules judge. Null while it works. */
  readonly provider_down_since: string | null;
  /** Tasks that wait for it without a place. */
  readonly parked: number;
  /** Answers by rules because the model could not be had. */
  readonly degraded: number;
  /** Of those by the model, the ones more than one step below what was measured. */
  readonly disputed: number;
  /** Second calls made because the first took long, and how many of them answered first. */
  readonly hedges: number;
  readonly hedge_wins: number;
  /** Age of the oldest task that waits at each level, in seconds since it was put to the bus; null while none waits. */
  readonly oldest_seconds: Readonly<Record<`p${Priority}`, number | null>>;
  /** Per priority; null while not known. */
  readonly queue_lag: Readonly<Record<`p${Priority}`, QueueLag | null>>;
}

export type SchedulerMessage =
  | ({ readonly type: 'stats' } & Asking<SchedulerStats>)
  /** New settings, for whatever begins from now on. */
  | { readonly type: 'configure'; readonly settings: SchedulerSettings };
export const SCHEDULER = address<SchedulerMessage>('/scheduler');
