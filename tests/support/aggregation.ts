import assert from 'node:assert/strict';
import { Aggregation, type StoredAggregate } from '../../src/aggregation/aggregation.ts';

export const T0 = 1_700_000_000_000;
const OPTIONS = { deadlineMs: 5_000, rememberFrames: 100, rememberClosed: 100, earlyFrames: 10, earlyMs: 60_000 };
export const fresh = (over = {}) => new Aggregation({ ...OPTIONS, ...over });

/** Publishes all due aggregates, on a bus that accepts everything. */
export function drain(frames: Aggregation, now = T0): StoredAggregate[] {
  const outcomes: StoredAggregate[] = [];
  for (let next = frames.take(now); next !== null; next = frames.take(now)) {
    const outcome = frames.stored(next, null);
    assert.ok(outcome);
    frames.done(next.aggregate.requestId, outcome.alert);
    outcomes.push(outcome);
  }
  return outcomes;
}
