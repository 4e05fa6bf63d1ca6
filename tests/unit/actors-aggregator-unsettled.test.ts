import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsettledFrames } from '../../src/actors/aggregator/unsettled-frames.ts';
import { DONE, RETRY_NOW } from '../../src/infra/stage-processor.ts';
import { settle } from '../../src/runtime/testing/manual-clock.ts';

test('all messages of a frame end with it, and those of other frames do not', async () => {
  const frames = new UnsettledFrames();
  const ended: string[] = [];
  for (const [name, frame] of [
    ['detection', 'a'],
    ['answer', 'a'],
    ['other', 'b'],
  ] as const)
    void frames.outcome(frame).then(({ kind }) => ended.push(`${name}: ${kind}`));
  frames.settle('a', DONE);
  await settle();
  assert.deepEqual(ended, ['detection: done', 'answer: done']);
  frames.settle('a', RETRY_NOW);
  frames.settle('b', RETRY_NOW);
  await settle();
  assert.deepEqual(ended.slice(2), ['other: retry']);
});
