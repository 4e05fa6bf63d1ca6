import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { GroupAssessment } from '../../src/messages/assessment.ts';
import { aggregate } from '../support/http-samples.ts';

// Typed by a project of its own, so by hand here.
const { sourceName }: { sourceName: (aggregate: Aggregate) => string } = await import(
  new URL('../../web/src/picture/risk.ts', import.meta.url).href
);

const shown = (source: 'vlm' | 'rules', more: Partial<GroupAssessment> = {}): string => {
  const sample = aggregate('north', { risk: 'low' });
  const results = sample.riskAssessment.results.map((result) => ({ ...result, source, ...more }));
  return sourceName({ ...sample, llmModel: 'qwen', riskAssessment: { ...sample.riskAssessment, source, results } });
};

test('the page says who assessed a frame, and why it was not the model', () => {
  assert.equal(shown('vlm'), 'vlm · qwen');
  assert.equal(shown('rules', { reason: 'budget' }), 'rules · no call to spare');
  assert.equal(shown('rules', { reason: 'pending' }), 'rules · the model is being asked');
  assert.equal(shown('rules', { reason: 'no-keys' }), 'rules');
});

test('a carried verdict shows how much older than its frame it is', () => {
  const { timestamp } = aggregate('north');
  const assessedAt = new Date(Date.parse(timestamp) - 4_000).toISOString();
  assert.equal(shown('vlm', { carried: true, assessedAt }), 'vlm · qwen · 4 s before');
});
