import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckLedger } from '../../src/cli/check/check-ledger.ts';
import type { PublishedGroup } from '../../src/messages/detection.ts';
import { tasksOf } from '../../src/tasks/explode.ts';
import { detection, group } from '../support/samples.ts';

const problemsOf = (groups: PublishedGroup[], isAsked: boolean): string => {
  const ledger = new CheckLedger();
  const frame = detection(groups);
  const at = Date.parse(frame.timestamp);
  ledger.detection(frame, at + 100);
  if (isAsked) for (const task of tasksOf(frame, { validityMs: 1_000 })) ledger.task(task, at + 110);
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
