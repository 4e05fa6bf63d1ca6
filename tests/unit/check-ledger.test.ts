import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckLedger } from '../../src/cli/check/check-ledger.ts';
import type { PublishedGroup } from '../../src/messages/detection.ts';
import { tasksOf } from '../../src/tasks/explode.ts';
import { at, drain, fresh, T0 } from '../support/aggregation.ts';
import { detection, group, result } from '../support/samples.ts';

const problemsOf = (groups: PublishedGroup[], isAsked: boolean): string => {
  const ledger = new CheckLedger();
  const frame = detection(groups);
  const time = Date.parse(frame.timestamp);
  ledger.detection(frame, time + 100);
  if (isAsked) for (const task of tasksOf(frame, { validityMs: 1_000 })) ledger.task(task, time + 110);
  return ledger.report().problems.join('\n');
};

test('a task generator that asks about no changed group is silent', () => {
  assert.match(problemsOf([group(1)], false), /task generator: silent/);
  assert.doesNotMatch(problemsOf([group(1)], true), /task generator: silent/);
});

test('a scene in which nothing changes needs no question', () => {
  const still = { ...group(1), unchangedSince: new Date(1_699_999_990_000).toISOString() };
  assert.doesNotMatch(problemsOf([still], false), /task generator: silent/);
  assert.match(problemsOf([still, group(2)], false), /task generator: silent/);
});

test('a frame is pushed at once, and assessed when the model has answered about each of its groups', () => {
  const ledger = new CheckLedger();
  const frame = detection(2, { timestamp: at(T0) });
  const frames = fresh();
  const push = (ms: number): void => {
    for (const { aggregate } of drain(frames, T0 + ms)) {
      ledger.aggregate(aggregate, T0 + ms);
      ledger.pushed(aggregate, T0 + ms + 10);
    }
  };
  ledger.detection(frame, T0 + 100);
  frames.onDetection(frame, T0 + 100);
  push(110);
  frames.onResult(result(frame, 1, 'low'), T0 + 1_000);
  frames.onTime(T0 + 2_000);
  push(2_000);
  frames.onResult(result(frame, 2, 'low'), T0 + 2_200);
  push(2_200);
  const { stages, counts } = ledger.report();
  assert.deepEqual(
    [stages.aggregate?.max, stages.push?.max, stages['end to end']?.max, stages.assessed?.max],
    [10, 10, 120, 2_210],
  );
  assert.deepEqual([counts.pushed, stages.assessed?.count], [1, 1]);
});
