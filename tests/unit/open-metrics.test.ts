import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METRICS } from '../../src/infra/metric-table.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { openMetricsText } from '../../src/infra/open-metrics.ts';
import { MetricBatcher, recordBatch } from '../../src/runtime/remote/metric-batch.ts';
import { memoryLog } from '../support/log.ts';
import { type ParsedSample, parseOpenMetrics } from '../support/parse-open-metrics.ts';

const TRACES = ['0af7651916cd43dd8448eb211c80319c', '4bf92f3577b34da6a3ce929d0e0e4736'] as const;
const make = (process = false) => createMetrics({ log: memoryLog(), process });
const bucket = (samples: readonly ParsedSample[], name: string, le: string): ParsedSample =>
  samples.find(({ name: is, labels }) => is === `${name}_bucket` && labels['le'] === le)!;

describe('OpenMetrics', () => {
  it('holds for all metrics and those of the process, and shows the same numbers as text', async () => {
    const metrics = make(true);
    metrics.inc('detection_total', 2, { camera_id: 'a "quoted" \\ name\n', model_type: 'ssd' });
    metrics.set('camera_up', 1, { camera_id: 'a' });
    const { families, samples } = parseOpenMetrics(await metrics.render('openmetrics'));
    for (const name of Object.keys(METRICS)) assert.ok(families.has(name.replace(/_total$/u, '')), name);
    assert.ok(families.has('process_cpu_seconds'));
    const [counted] = samples.filter(({ name }) => name === 'detection_total');
    assert.deepEqual([counted?.value, counted?.labels['camera_id']], [2, 'a "quoted" \\ name\n']);
    assert.match(
      metrics.contentType('openmetrics'),
      /^application\/openmetrics-text; version=1\.0\.0; charset=utf-8$/u,
    );
  });

  it('leaves the names of the other format as they are', async () => {
    const metrics = make();
    metrics.inc('lock_failures_total', 3);
    const before = await metrics.render();
    await metrics.render('openmetrics');
    assert.equal(await metrics.render(), before);
    assert.match(before, /^lock_failures_total 3$/mu);
  });

  it('has the newest trace of each bucket as its exemplar, and text has none', async () => {
    const metrics = make();
    for (const traceId of TRACES) metrics.observe('verdict_age_seconds', 1.1, traceId);
    metrics.observe('verdict_age_seconds', 0.1);
    metrics.observe('verdict_age_seconds', 99, TRACES[0]);
    const { samples } = parseOpenMetrics(await metrics.render('openmetrics'));
    const { value, exemplar } = bucket(samples, 'verdict_age_seconds', '1.25');
    assert.equal(value, 3);
    assert.deepEqual([exemplar?.labels, exemplar?.value], [{ trace_id: TRACES[1] }, 1.1]);
    assert.ok(Math.abs(Date.now() / 1_000 - (exemplar?.timestamp ?? 0)) < 600, 'seconds since the epoch');
    assert.equal(bucket(samples, 'verdict_age_seconds', '0.5').exemplar, null, 'a value without a trace');
    assert.equal(bucket(samples, 'verdict_age_seconds', '+Inf').exemplar?.labels['trace_id'], TRACES[0]);
    assert.doesNotMatch(await metrics.render(), /trace_id| # /u);
  });

  it('keeps one exemplar for each bucket, however many traces come', async () => {
    const metrics = make();
    for (let i = 0; i < 5_000; i += 1)
      metrics.observe('end_to_end_latency_seconds', (i % 40) / 10, i.toString(16).padStart(32, '0'));
    const { samples } = parseOpenMetrics(await metrics.render('openmetrics'));
    const shown = samples.filter(({ exemplar }) => exemplar !== null);
    assert.ok(shown.length > 5 && shown.length <= METRICS.end_to_end_latency_seconds.buckets.length + 1);
  });

  it('carries the trace of a value that an actor of another thread observed', async () => {
    const metrics = make();
    const batcher = new MetricBatcher((batch) => recordBatch(structuredClone(batch), metrics.sink));
    batcher.observe('llm_latency_seconds', 0.9, TRACES[0]);
    batcher.flush();
    const { samples } = parseOpenMetrics(await metrics.render('openmetrics'));
    assert.equal(bucket(samples, 'llm_latency_seconds', '1').exemplar?.labels['trace_id'], TRACES[0]);
  });

  it('writes numbers and text that need care', () => {
    const text = openMetricsText([
      {
        name: 'odd',
        help: 'a "quoted" \\ help\nof two lines',
        type: 'gauge' as never,
        values: [Number.NaN, Infinity, -Infinity, 1e-9].map((value, i) => ({ value, labels: { i } })),
      },
    ]);
    const { samples } = parseOpenMetrics(text);
    assert.deepEqual(
      samples.map(({ value }) => value),
      [Number.NaN, Infinity, -Infinity, 1e-9],
    );
    assert.match(text, /^# HELP odd a \\"quoted\\" \\\\ help\\nof two lines$/mu);
  });
});
