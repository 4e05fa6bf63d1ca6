import type { Aggregate } from '../messages/aggregate.ts';
import { NO_FAILURES, type RulesReason } from '../messages/assessment.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import type { FreshnessSettings } from '../tasks/freshness.ts';
import type { AssessByRules } from './group-slot.ts';

export interface AggregationOptions {
  readonly freshness: FreshnessSettings;
  readonly assessByRules: AssessByRules;
  /** A measured incident in a sentence. */
  readonly describeIncident: (incident: MeasuredIncident) => string;
  /** Frames kept after they went out, so that late answers can revise them. */
  readonly rememberFrames: number;
  /** Alerts kept while their incidents are remembered, so that these revise them. */
  readonly rememberAlerts: number;
  /** Frames with all answers of which the id is kept, so that a repeated delivery changes nothing. */
  readonly rememberClosed: number;
  /** Frames whose answers are kept while their detection has not come, and for how many ms. */
  readonly earlyFrames: number;
  readonly earlyMs: number;
  /** Groups of which the model's last answer is kept. */
  readonly rememberGroups: number;
  /** Incidents of which the newest state is kept. */
  readonly rememberIncidents: number;
}

export interface AggregationCounters {
  published: number;
  revised: number;
  /** Frames for which an answer was missing at the freshness limit. */
  incomplete: number;
  duplicates: number;
  /** Answers to unknown frames or groups: too late, or given up at a bound. */
  orphans: number;
  /** Revisions that the bus already had from before a crash. */
  found: number;
  /**
   * Groups that were not to be asked about: nothing had changed since the model's answer, or their incident is asked
   * about.
   */
  unchanged: number;
  /** Groups by the reason why the model's answer was not there: `late` and `superseded` may still be answered. */
  readonly unanswered: Record<Exclude<RulesReason, 'pending'>, number>;
}

/** An aggregate to publish now. The caller of `take` reports its fate: `stored`, then `done`. */
export interface Publication {
  readonly aggregate: Aggregate;
  /** The same as JSON. */
  readonly json: string;
  /** AGGREGATES has it from before a crash, while ALERTS may lack it. */
  readonly alertOnly: boolean;
  /** Answers of the model about this frame that no earlier revision has. */
  readonly newVerdicts: number;
  /** It was made after the freshness limit of its frame. */
  readonly late: boolean;
}

/** An aggregate that AGGREGATES has. `alert`: it must go to ALERTS, as the first of its frame or as a revision. */
export interface StoredAggregate {
  readonly aggregate: Aggregate;
  readonly alert: 'none' | 'first' | 'revision';
}

export const newCounters = (): AggregationCounters => ({
  published: 0,
  revised: 0,
  incomplete: 0,
  duplicates: 0,
  orphans: 0,
  found: 0,
  unchanged: 0,
  unanswered: { ...NO_FAILURES, late: 0, 'no-keys': 0 },
});
