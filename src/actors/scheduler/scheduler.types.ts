import type { Bus, ImageStore, QueueLag } from '../../infra/bus.ts';
import type { PromptSection, SchedulerSection } from '../../keys/key-config.schema.ts';
import type { VlmClient } from '../../llm/client.ts';
import type { Language } from '../../llm/language.ts';
import { NO_PROMPTS } from '../../llm/prompt.ts';
import type { AssessmentFailure, AssessmentResult } from '../../messages/assessment.ts';
import type { Priority } from '../../messages/task.ts';
import type { IsSampled } from '../../messages/trace-context.ts';
import type { ReleaseOutcomes, ReleasesInForce } from '../../releases/releases.types.ts';
import type { Asking } from '../../runtime/message.ts';
import { address } from '../../runtime/ref.ts';
import type { FreshnessSettings } from '../../tasks/freshness.ts';

export type { FreshnessSettings } from '../../tasks/freshness.ts';

export type SchedulerMode = 'vlm' | 'rules';
export type FailureCode = AssessmentFailure['code'];

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
  /** How old a frame may be when a verdict about it is shown, in ms, for questions that do not say. */
  readonly freshnessMs: number;
  /** Every camera with groups is asked about at least this often, in ms. */
  readonly cameraTurnMs: number;
  /** The operator's texts for the model. */
  readonly prompts: PromptSection;
}

const DRAIN_MS = 3_000;

/** The settings of the key file's sections `scheduler` and `prompts`; default no texts. */
export const schedulerSettings = (section: SchedulerSection, prompts = NO_PROMPTS): SchedulerSettings => ({
  maxConcurrentTasks: section.max_concurrent_tasks,
  timeoutMs: section.timeout_seconds * 1_000,
  maxRetries: section.retry_max_attempts,
  ageingMs: section.ageing_seconds * 1_000,
  hedgeAfterMs: section.hedge_after_ms,
  drainMs: DRAIN_MS,
  freshnessMs: section.freshness_seconds * 1_000,
  cameraTurnMs: section.camera_turn_seconds * 1_000,
  prompts,
});

/** For how long answers are worth something, by the contract's `scheduler` section. */
export const freshnessSettings = (section: SchedulerSection): FreshnessSettings => ({
  freshnessMs: section.freshness_seconds * 1_000,
  verdictMs: section.verdict_seconds * 1_000,
  recheckMs: section.recheck_seconds * 1_000,
  cameraTurnMs: section.camera_turn_seconds * 1_000,
});

export interface SchedulerInit {
  readonly bus: Bus;
  readonly images: ImageStore;
  /** Calls the model while any key is meant to be used; else rules assess. `caller`: the actor. Null: always rules. */
  readonly vlm: VlmClient | 'caller' | null;
  readonly language: Language;
  /** How long after its frame a task is worth an answer, in ms; it bounds how many may wait. Default 30 s. */
  readonly validityMs?: number;
  /** As at the start; `configure` replaces them. */
  readonly settings: SchedulerSettings;
  /** Asked before each task. False: rules assess it although there is a model, as the day's budget is spent. */
  readonly budget?: { allows(): boolean };
  /** The releases in force; default none. */
  readonly releases?: ReleasesInForce;
  /** Told how both ways of a release judged; default nobody. */
  readonly releaseOutcomes?: ReleaseOutcomes;
  /** Told of each result that the bus has. */
  readonly onPublished?: (result: AssessmentResult) => void;
  /** Whether providers are told that a trace is exported. Default: none is. */
  readonly isSampled?: IsSampled;
  /** Books the tokens of every call, also of one whose answer could not be read; returns the call's cost. */
  readonly usage?: { record(call: CallUsage): number };
}

/** What one call to the model used. */
export interface CallUsage {
  /** The key's name. */
  readonly keyName: string;
  /** The model that was called. */
  readonly model: string;
  readonly cameraId: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Why rules answered a task: a failure's code, or that no key is meant to be used. */
export type RulesCode = FailureCode | 'no-keys';

/** Questions of the cameras, counted since the start. */
export interface QuestionCounts {
  /** Put to the model. */
  readonly asked: number;
  /** Dropped unasked, because a newer question about the same group came. */
  readonly superseded: number;
  /** Answered by rules, because no call could be spared in time. */
  readonly budget: number;
}

export interface QuestionFigures extends QuestionCounts {
  /** Bounded; cameras with the most unasked questions first. */
  readonly by_camera: readonly (QuestionCounts & { readonly camera_id: string })[];
}

/** The calls that the keys allow, and their use. */
export interface CallFigures {
  /** Calls a minute that all keys together allow now; null while not known. */
  readonly allowed_per_minute: number | null;
  readonly used_last_minute: number;
  /** Calls begun in the last minute by camera, most first; at most 500 cameras. */
  readonly by_camera: readonly { readonly camera_id: string; readonly calls: number }[];
  /** Calls whose answer nobody waited for any more, or that brought none. */
  readonly wasted_last_minute: number;
  /** Since the start. */
  readonly used: number;
  readonly wasted: number;
  /** From the lease to the answer, in ms, as measured last; null before the first answer. */
  readonly answer_ms: number | null;
  /** Least value that is worth a call now, 0 to 1; above 1 while there is no call to spend. */
  readonly price: number;
}

export const NO_QUESTIONS: QuestionFigures = { asked: 0, superseded: 0, budget: 0, by_camera: [] };
export const NO_CALLS: CallFigures = {
  allowed_per_minute: null,
  used_last_minute: 0,
  by_camera: [],
  wasted_last_minute: 0,
  used: 0,
  wasted: 0,
  answer_ms: null,
  price: 0,
};

/** Counts since the actor's start. */
export interface SchedulerStats {
  readonly mode: SchedulerMode;
  readonly max_concurrent_tasks: number;
  /** Tasks being assessed now, and tasks taken from the bus that wait for a slot. */
  readonly in_flight: number;
  readonly ready: number;
  /** Tasks answered with a level, and with `unknown` by its code. */
  readonly assessed: number;
  readonly unknown: Readonly<Record<FailureCode, number>>;
  /** Tasks that rules answered, by the reason. */
  readonly rules: Readonly<Record<RulesCode, number>>;
  readonly retries: number;
  /** Given back to the bus: at a stop, or after an unexpected error. */
  readonly handed_back: number;
  /** Deliveries of a task that was being assessed already. */
  readonly duplicates: number;
  /** False while tasks cannot be fetched. */
  readonly bus_ok: boolean;
  /**
   * Since when the provider does not answer, ISO 8601 UTC. Tasks wait while valid, then rules assess. Null while it
   * works.
   */
  readonly provider_down_since: string | null;
  /** Tasks that wait for the provider without a slot. */
  readonly parked: number;
  /** Answers by rules because the model was not available. */
  readonly degraded: number;
  /** Answers of the model more than one level below the measured one. */
  readonly disputed: number;
  /** Second calls made because the first took long, and how many of them answered first. */
  readonly hedges: number;
  readonly hedge_wins: number;
  /** Seconds since the oldest waiting task of each level was put to the bus; null while none waits. */
  readonly oldest_seconds: Readonly<Record<`p${Priority}`, number | null>>;
  readonly questions: QuestionFigures;
  readonly calls: CallFigures;
  /** Per priority; null while not known. */
  readonly queue_lag: Readonly<Record<`p${Priority}`, QueueLag | null>>;
}

export type SchedulerMessage =
  | ({ readonly type: 'stats' } & Asking<SchedulerStats>)
  /** New settings, for tasks begun from now on. */
  | { readonly type: 'configure'; readonly settings: SchedulerSettings };
export const SCHEDULER = address<SchedulerMessage>('/scheduler');
