import type { AggregationCounters } from '../../aggregation/aggregation.types.ts';
import type { VerdictAgeFigures } from '../../aggregation/verdict-ages.ts';
import type { Language } from '../../llm/language.ts';
import type { Aggregate } from '../../messages/aggregate.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { FreshnessSettings } from '../../tasks/freshness.ts';
import type { ActorContext, Detail, StopReason } from '../../runtime/actor.ts';

export interface AggregatorStats extends AggregationCounters {
  /** Frames that wait for answers, and aggregates that the bus does not have yet. */
  readonly pending: number;
  readonly unpublished: number;
  /** Messages taken and not settled. */
  readonly held: number;
  /** Aggregates that the bus refused for good. */
  readonly refused: number;
  /** Groups of which the model's last answer is kept, and those forgotten at the bound. */
  readonly verdicts: number;
  readonly verdictsDropped: number;
  /** Incidents of which the newest state is kept, those forgotten at the bound, and alerts forgotten before theirs. */
  readonly incidents: number;
  readonly incidentsDropped: number;
  readonly alertsForgotten: number;
  /** Age of the frame, in s, when the model's verdict about it was published: over the last minute. */
  readonly freshness: VerdictAgeFigures;
}

/** The parts of the actor's context that its thread works with. */
export interface AggregatorContext extends Pick<
  ActorContext<never>,
  'clock' | 'log' | 'metrics' | 'signal' | 'ref' | 'fail'
> {
  /** Has `onTime` called at that time, epoch ms, instead of the one named before; null: not at all. */
  wakeAt(time: number | null): void;
  /** Shows the aggregator's figures in the tree at once, not with the next report. */
  report(): void;
}

/** Joins frames with their answers, see `FrameAggregator`. */
export interface RunningAggregator {
  /** Waits until it may work, looks back, and begins to take messages. Rejects when that fails for good. */
  start(): Promise<void>;
  /** To be called at the time given to `wakeAt`. */
  onTime(): void;
  /** For frames from now on. */
  configure(freshness: FreshnessSettings): void;
  latest(cameraId: CameraId): Aggregate | null;
  stats(): AggregatorStats;
  stop(reason: StopReason): Promise<void>;
}

/** A running aggregator with its connections. */
export interface OpenedAggregator {
  readonly frames: RunningAggregator;
  /** Records the metrics since the last report. Returns the details that the tree and health show. */
  report(): Detail;
  /** To be called after the stop of `frames`: writes and reports the rest, and ends the connections. */
  close(): Promise<void>;
}

/** Sent to the thread, which opens connections of its own. */
export interface AggregatorInit {
  readonly natsUrl: string;
  /** See `BusOptions`. */
  readonly inHandFile?: string | undefined;
  /** Null when the operator switched Redis off. */
  readonly redisUrl: string | null;
  /** Names this process among the aggregators, the same after a restart. */
  readonly holder: string;
  /** Of the descriptions that rules give. */
  readonly language: Language;
  /** At the start; `configure` replaces them. Default: `DEFAULT_FRESHNESS`. */
  readonly freshness?: FreshnessSettings | undefined;
  /** Called with every alert, see `callAlertHooks`. */
  readonly alertHooks: readonly string[];
  /** Share of the traces that are exported, 0 to 1. Default 0. */
  readonly traceShare?: number;
}
