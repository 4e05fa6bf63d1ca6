import assert from 'node:assert/strict';
import { Aggregation } from '../../src/aggregation/aggregation.ts';
import type { AggregationOptions, StoredAggregate } from '../../src/aggregation/aggregation.types.ts';
import type { AssessByRules } from '../../src/aggregation/group-slot.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { GroupAssessment, RiskLevel } from '../../src/messages/assessment.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';

export const T0 = 1_700_000_000_000;
export const at = (time: number): string => new Date(time).toISOString();

/** Rules that find the same level in every group. */
export const rulesSay =
  (riskLevel: RiskLevel): AssessByRules =>
  ({ group: { groupIndex } }): GroupAssessment => ({
    groupIndex,
    riskLevel,
    confidence: 0.5,
    riskTypes: [],
    description: 'by rules',
    dangerObjectCount: 0,
    triggerObjectIds: [],
  });

/** A frame waits 2 s for its answers, a verdict is carried for 10 s. */
export const OPTIONS: AggregationOptions = {
  freshness: DEFAULT_FRESHNESS,
  assessByRules: rulesSay('none'),
  describeIncident: ({ kind }) => `${kind}, measured`,
  rememberFrames: 100,
  rememberAlerts: 100,
  rememberClosed: 100,
  rememberGroups: 100,
  rememberIncidents: 100,
  earlyFrames: 10,
  earlyMs: 60_000,
};
export const fresh = (over: Partial<AggregationOptions> = {}) => new Aggregation({ ...OPTIONS, ...over });

/** Publishes all due aggregates, on a bus that accepts everything. */
export function drain(frames: Aggregation, now = T0): StoredAggregate[] {
  const outcomes: StoredAggregate[] = [];
  for (let next = frames.take(now); next !== null; next = frames.take(now)) {
    assert.equal(next.json, JSON.stringify(next.aggregate));
    const outcome = frames.stored(next, null);
    assert.ok(outcome);
    frames.done(next.aggregate.requestId, outcome.alert);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** One line for each group: its level, where it comes from, and why it is not the model's about this frame. */
export const lines = ({ riskAssessment: { results } }: Aggregate): string[] =>
  results.map(({ riskLevel, source, carried, reason }) =>
    [riskLevel, carried === true ? 'carried' : source, reason].filter((part) => part !== undefined).join(' '),
  );

/** Revision and {@link lines} of each. */
export const told = (outcomes: readonly StoredAggregate[]): (readonly [number, string[]])[] =>
  outcomes.map(({ aggregate }) => [aggregate.revision, lines(aggregate)]);
