import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { METRICS, type MetricName } from '../../src/infra/metric-table.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { ALERT_RULES } from '../../src/monitoring/alert-rules.ts';
import {
  evaluate,
  gaugeOf,
  type Measure,
  namesOf,
  quantileOf,
  ratioOf,
  type Reading,
  type Sample,
  sumOf,
  totalsOf,
} from '../../src/monitoring/measure.ts';
import { conditionOf, toPromQl } from '../../src/monitoring/prom-ql.ts';
import { memoryLog } from '../support/log.ts';

const at = (name: string, samples: readonly Sample[]) => new Map([[name as MetricName, samples]]);
const WINDOW = { windowSeconds: 300, atLeast: 10 };

/** Reads `measure` between what `first` and then `second` recorded. */
async function between(
  measure: Measure,
  first: (metrics: ReturnType<typeof createMetrics>) => void,
  second: (metrics: ReturnType<typeof createMetrics>) => void,
): Promise<readonly Reading[]> {
  const metrics = createMetrics({ log: memoryLog(), process: false });
  first(metrics);
  const before = totalsOf(measure, await metrics.read(namesOf(measure)));
  second(metrics);
  return evaluate(measure, before, totalsOf(measure, await metrics.read(namesOf(measure))));
}

test('the rules have names of their own, and clear thresholds on the right side', () => {
  assert.equal(new Set(ALERT_RULES.map(({ name }) => name)).size, ALERT_RULES.length);
  for (const { name, comparison, threshold, clearThreshold } of ALERT_RULES)
    assert.ok(comparison === 'above' ? clearThreshold <= threshold : clearThreshold >= threshold, name);
});

test('every condition is PromQL over metrics that exist', () => {
  const seen = new Set<string>();
  for (const rule of ALERT_RULES) {
    const text = conditionOf(rule);
    parser.parse(text).iterate({
      enter: ({ type, from, to }) => {
        assert.ok(!type.isError, `${rule.name}: ${text} at ${from}`);
        if (type.name !== 'VectorSelector') return;
        const [name = ''] = /^\w+/u.exec(text.slice(from, to)) ?? [];
        seen.add(name);
        const known = name.replace(/_(?:bucket|count)$/u, '');
        assert.ok(known in METRICS || ['process_resident_memory_bytes', 'up'].includes(known), `${name} is no metric`);
      },
    });
  }
  assert.ok(seen.has('end_to_end_latency_seconds_bucket') && seen.has('camera_dark_seconds'), [...seen].join(' '));
});

test('PromQL keeps nodes apart, and counts shared figures once', () => {
  assert.equal(
    toPromQl(ratioOf(sumOf('llm_requests_total', { status: ['timeout'] }), sumOf('llm_requests_total'), WINDOW)),
    'sum by (instance) (increase(llm_requests_total{status="timeout"}[300s])) / ' +
      'sum by (instance) (increase(llm_requests_total[300s])) and ' +
      'sum by (instance) (increase(llm_requests_total[300s])) >= 10',
  );
  assert.equal(
    toPromQl(gaugeOf('max', 'nats_consumer_lag', { by: ['consumer'], shared: true })),
    'max by (consumer) (nats_consumer_lag)',
  );
  assert.equal(
    toPromQl(gaugeOf('sum', 'api_key_status', { where: { status: ['available', 'in_use'] } })),
    'sum by (instance) (api_key_status{status=~"available|in_use"})',
  );
});

test('a quantile is that of the values since the window began', async () => {
  const measure = quantileOf('end_to_end_latency_seconds', 0.95, WINDOW);
  const readings = await between(
    measure,
    (metrics) => {
      for (let i = 0; i < 1_000; i += 1) metrics.observe('end_to_end_latency_seconds', 30);
    },
    (metrics) => {
      for (let i = 0; i < 90; i += 1) metrics.observe('end_to_end_latency_seconds', 0.2);
      for (let i = 0; i < 10; i += 1) metrics.observe('end_to_end_latency_seconds', 2.6);
    },
  );
  // Half of the bucket from 2.5 to 3 s, as Prometheus spreads its values evenly.
  assert.deepEqual(readings, [{ labels: {}, value: 2.75 }]);
});

test('there is no reading of too few values, nor before the window began', async () => {
  const measure = quantileOf('end_to_end_latency_seconds', 0.95, WINDOW);
  const few = await between(
    measure,
    () => undefined,
    (metrics) => {
      for (let i = 0; i < 9; i += 1) metrics.observe('end_to_end_latency_seconds', 30);
    },
  );
  assert.deepEqual(few, []);
  assert.deepEqual(evaluate(measure, null, totalsOf(measure, new Map())), []);
});

test('a ratio is read for each value of its label; a counter that began anew counts from 0', async () => {
  const measure = ratioOf(sumOf('llm_requests_total', { status: ['timeout'] }), sumOf('llm_requests_total'), {
    ...WINDOW,
    by: ['api_key_id'],
  });
  const call = (metrics: ReturnType<typeof createMetrics>, key: string, status: string, by: number): void =>
    metrics.inc('llm_requests_total', by, { model: 'm', api_key_id: key, status });
  const readings = await between(
    measure,
    (metrics) => call(metrics, 'a', 'success', 500),
    (metrics) => {
      call(metrics, 'a', 'success', 15);
      call(metrics, 'a', 'timeout', 5);
      call(metrics, 'b', 'success', 20);
      call(metrics, 'c', 'timeout', 3);
    },
  );
  assert.deepEqual(readings, [
    { labels: { api_key_id: 'a' }, value: 0.25 },
    { labels: { api_key_id: 'b' }, value: 0 },
  ]);
  const reset = ratioOf(sumOf('verdicts_late_total'), sumOf('verdicts_total'), WINDOW);
  const totals = (late: number, all: number) =>
    totalsOf(
      reset,
      new Map([
        ...at('verdicts_late_total', [{ labels: {}, value: late }]),
        ...at('verdicts_total', [{ labels: {}, value: all }]),
      ]),
    );
  assert.deepEqual(evaluate(reset, totals(90, 100), totals(5, 20)), [{ labels: {}, value: 0.25 }]);
});

test('gauges are folded by their labels, and only the series asked for', () => {
  const status = (key: string, state: string, value: number): Sample => ({
    labels: { key_id: key, status: state },
    value,
  });
  const keys = gaugeOf('sum', 'api_key_status', { where: { status: ['available', 'in_use'] } });
  const samples = at('api_key_status', [
    status('a', 'available', 1),
    status('a', 'cooling', 0),
    status('b', 'in_use', 1),
    status('c', 'cooling', 1),
  ]);
  assert.deepEqual(evaluate(keys, null, totalsOf(keys, samples)), [{ labels: {}, value: 2 }]);
  const dark = gaugeOf('max', 'camera_dark_seconds', { by: ['camera_id'] });
  const cameras = at('camera_dark_seconds', [
    { labels: { camera_id: 'north' }, value: 61 },
    { labels: { camera_id: 'south' }, value: Number.NaN },
  ]);
  assert.deepEqual(evaluate(dark, null, totalsOf(dark, cameras)), [{ labels: { camera_id: 'north' }, value: 61 }]);
});

test('no rule fires on a gauge that nobody has set yet', async () => {
  const metrics = createMetrics({ log: memoryLog() });
  for (const rule of ALERT_RULES) {
    const totals = totalsOf(rule.measure, await metrics.read(namesOf(rule.measure)));
    const wrong = evaluate(rule.measure, totals, totals).filter(({ value }) =>
      rule.comparison === 'above' ? value > rule.threshold : value < rule.threshold,
    );
    assert.deepEqual(wrong, [], rule.name);
  }
});
