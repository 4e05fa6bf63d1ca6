import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LABEL_BOUNDS } from '../../src/infra/metric-labels.ts';
import { METRICS } from '../../src/infra/metric-table.ts';

/** Labels of which every value is written in the code, see there. Add one only if that is so. */
const FIXED = [
  'actor',
  'class',
  'class_name',
  'direction',
  'error_type',
  'feed',
  'kind',
  'label',
  'outcome',
  'queue_type',
  'rate',
  'reason',
  'risk_level',
  'role',
  'roles',
  'rule',
  'severity',
  'share',
  'source',
  'stage',
  'state',
  'status',
  'token_type',
  'urgency',
  'what',
];

test('every label has a bound, but for those whose values the code writes', () => {
  const labels = new Set<string>(Object.values(METRICS).flatMap(({ labels: names }) => names));
  assert.ok(labels.size > 30, `found ${labels.size} labels`);
  const bounds = new Map<string, { readonly most: number } | null>(Object.entries(LABEL_BOUNDS));
  assert.deepEqual(
    [...labels].filter((label) => !bounds.has(label)),
    [],
  );
  assert.deepEqual(
    [...bounds.keys()].filter((label) => !labels.has(label)),
    [],
    'a bound that nothing uses',
  );
  const unbounded = [...bounds].flatMap(([label, bound]) => (bound === null ? [label] : []));
  assert.deepEqual(unbounded.toSorted(), FIXED);
  for (const [label, bound] of bounds) assert.ok(bound === null || (bound.most >= 1 && bound.most <= 1_000), label);
});
