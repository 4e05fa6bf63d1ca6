import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { showFeed, showTree } from '../../src/app/bind-metrics.ts';
import { CounterTotals, type MetricRecorder } from '../../src/infra/metric-table.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { tree } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';

const make = (maxLabelValues = 1_000) => {
  const log = memoryLog();
  return { log, metrics: createMetrics({ log, maxLabelValues, process: false }) };
};

/** Value of a series, e.g. `llm_calls_total{status="success"}`; null when there is none. */
async function value(metrics: ReturnType<typeof make>['metrics'], series: string): Promise<number | null> {
  const line = (await metrics.render()).split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
}

/** Never called: it only has to compile, or not. */
export function typedNames(metrics: MetricRecorder): void {
  metrics.inc('lock_failures_total', 1);
  metrics.set('queue_depth', 1, { queue: 'cache' });
  // @ts-expect-error a name that is not in the table
  metrics.inc('lock_failure_total', 1);
  // @ts-expect-error a gauge is not counted
  metrics.inc('queue_depth', 1, { queue: 'cache' });
  // @ts-expect-error a missing label
  metrics.set('queue_depth', 1);
  // @ts-expect-error a label of another metric
  metrics.set('queue_depth', 1, { consumer: 'cache' });
  metrics.observe('llm_latency_seconds', 1, 'a trace');
  // @ts-expect-error a histogram without exemplars
  metrics.observe('lock_wait_seconds', 1, 'a trace');
  // @ts-expect-error a metric without labels
  metrics.inc('lock_failures_total', 1, { queue: 'cache' });
}

describe('metrics', () => {
  it('have the names that dashboards ask for', async () => {
    const { metrics } = make();
    const text = await metrics.render();
    for (const name of [
      'detection_total',
      'detection_latency_seconds',
      'llm_calls_total',
      'llm_latency_seconds',
      'nats_consumer_lag',
      'api_key_status',
      'end_to_end_latency_seconds',
      'queue_depth',
      'mailbox_depth',
      'mailbox_dropped_total',
      'actor_restarts_total',
      'lock_wait_seconds',
      'redis_failed_writes_total',
      'cache_dropped_total',
      'feed_viewers',
      'feed_dropped_total',
      'actor_dead_letters_total',
      'dead_letters_total',
      'images_failed_total',
    ]) {
      assert.match(text, new RegExp(`^# TYPE ${name} `, 'mu'), name);
    }
    assert.match(metrics.contentType(), /^text\/plain/u);
  });

  it('count and measure', async () => {
    const { metrics } = make();
    metrics.inc('detection_total', 2, { camera_id: 'a', model_type: 'ssd' });
    metrics.observe('detection_latency_seconds', 0.03);
    metrics.observe('detection_latency_seconds', 0.3);
    metrics.inc('llm_calls_total', 1, { status: 'rate_limited' });
    metrics.observe('end_to_end_latency_seconds', 1.4);
    metrics.observe('end_to_end_latency_seconds', -0.1); // clocks of two machines
    metrics.set('nats_consumer_lag', 12, { consumer: 'scheduler-p3' });
    metrics.set('queue_depth', 4, { queue: 'scheduler' });
    assert.equal(await value(metrics, 'detection_total{camera_id="a",model_type="ssd"}'), 2);
    assert.equal(await value(metrics, 'detection_latency_seconds_count'), 2);
    assert.equal(await value(metrics, 'detection_latency_seconds_bucket{le="0.05"}'), 1);
    assert.equal(await value(metrics, 'llm_calls_total{status="rate_limited"}'), 1);
    assert.equal(await value(metrics, 'end_to_end_latency_seconds_bucket{le="1.5"}'), 2);
    assert.equal(await value(metrics, 'end_to_end_latency_seconds_bucket{le="0.1"}'), 1);
    assert.equal(await value(metrics, 'nats_consumer_lag{consumer="scheduler-p3"}'), 12);
    assert.equal(await value(metrics, 'queue_depth{queue="scheduler"}'), 4);
  });

  it('show exactly one state of a key', async () => {
    const { metrics } = make();
    metrics.apiKey('key-001', 'available');
    metrics.apiKey('key-001', 'cooling');
    metrics.inc('llm_requests_total', 1, { model: 'm', api_key_id: 'key-001', status: 'success' });
    assert.equal(await value(metrics, 'api_key_status{key_id="key-001",status="cooling"}'), 1);
    assert.equal(await value(metrics, 'api_key_status{key_id="key-001",status="available"}'), 0);
    await metrics.forgetKey('key-001');
    assert.doesNotMatch(await metrics.render(), /key-001/u);
  });

  it('mirror the tree, and lose the series of actors that are gone', async () => {
    const { metrics } = make();
    showTree(metrics, tree(['a', 'b']));
    assert.equal(await value(metrics, 'mailbox_depth{actor="/cameras/a"}'), 3);
    assert.equal(await value(metrics, 'actor_restarts_total{actor="/cameras/b"}'), 1);
    assert.equal(await value(metrics, 'mailbox_dropped_total{actor="/cameras/a"}'), 2);
    showTree(metrics, tree(['a']));
    assert.equal(await value(metrics, 'mailbox_depth{actor="/cameras/b"}'), null);
    assert.equal(await value(metrics, 'actor_restarts_total{actor="/cameras/a"}'), 1, 'not added up');
  });

  it('mirror totals that are kept elsewhere', async () => {
    const { metrics } = make();
    metrics.replace('actor_dead_letters_total', [[{}, 1]]);
    metrics.replace('actor_dead_letters_total', [[{}, 2]]);
    showFeed(metrics, {
      viewers: 2,
      live: { viewers: { h264: 3, mpeg1: 1 }, skipped: { h264: 2, mpeg1: 0 } },
      droppedFrames: 7,
      refusedViewers: 4,
      closedSlow: 1,
      gaps: 3,
      replayed: 9,
      published: 7,
      lagging: 1,
      bytesWaiting: 4096,
    });
    assert.equal(await value(metrics, 'actor_dead_letters_total'), 2);
    assert.equal(await value(metrics, 'feed_viewers{feed="live"}'), 2);
    assert.equal(await value(metrics, 'live_viewers{kind="h264"}'), 3);
    assert.equal(await value(metrics, 'live_skipped_total{kind="h264"}'), 2);
    assert.equal(await value(metrics, 'feed_dropped_total{kind="frame"}'), 7);
    assert.equal(await value(metrics, 'feed_gaps_total'), 3);
    assert.equal(await value(metrics, 'feed_replayed_total'), 9);
    assert.equal(await value(metrics, 'feed_waiting_bytes'), 4096);
  });

  it('add up what several threads count, each from the totals it keeps', async () => {
    const { metrics } = make();
    const series = 'dead_letters_total{stream="RESULTS",consumer="aggregator-results"}';
    const labels = { stream: 'RESULTS', consumer: 'aggregator-results' };
    const [own, other] = [new CounterTotals(metrics), new CounterTotals(metrics)];
    own.raise('redis_failed_writes_total', 3);
    own.raise('redis_failed_writes_total', 5);
    own.raise('redis_failed_writes_total', 5);
    other.raise('redis_failed_writes_total', 2);
    own.raise('dead_letters_total', 1, labels);
    other.raise('dead_letters_total', 3, labels);
    assert.equal(await value(metrics, 'redis_failed_writes_total'), 7);
    assert.equal(await value(metrics, series), 4);
  });

  it('take the recordings of actors by name; a wrong one is logged and does not throw', async () => {
    const { metrics, log } = make();
    metrics.sink.inc('images_failed_total', 2);
    metrics.sink.set('queue_depth', 3, { queue: 'cache' });
    metrics.sink.observe('redis_push_seconds', 0.004);
    metrics.sink.inc('no_such_total', 1);
    metrics.sink.inc('queue_depth', 1, { queue: 'cache' });
    metrics.sink.inc('images_failed_total', Number.NaN);
    metrics.sink.set('queue_depth', 1, { color: 'red' });
    assert.equal(await value(metrics, 'images_failed_total'), 2);
    assert.equal(await value(metrics, 'queue_depth{queue="cache"}'), 3);
    assert.equal(await value(metrics, 'redis_push_seconds_bucket{le="0.005"}'), 1);
    assert.deepEqual(
      log.lines.map(({ fields }) => fields['metric']),
      ['no_such_total', 'queue_depth', 'images_failed_total', 'queue_depth'],
    );
  });

  it('bound the values of a label, and free the place of a removed key', async () => {
    const { metrics } = make(2);
    for (const camera of ['a', 'b', 'c', 'd'])
      metrics.inc('detection_total', 1, { camera_id: camera, model_type: 'ssd' });
    assert.equal(await value(metrics, 'detection_total{camera_id="other",model_type="ssd"}'), 2);
    assert.equal(await value(metrics, 'metric_labels_dropped_total{label="camera_id"}'), 2);
    for (const key of ['k1', 'k2', 'k3']) metrics.apiKey(key, 'available');
    assert.equal(await value(metrics, 'api_key_status{key_id="other",status="available"}'), 1);
    await metrics.forgetKey('k1');
    metrics.apiKey('k3', 'cooling');
    assert.equal(await value(metrics, 'api_key_status{key_id="k1",status="available"}'), null);
    assert.equal(await value(metrics, 'api_key_status{key_id="k3",status="cooling"}'), 1);
    showTree(metrics, tree(['a', 'b', 'c', 'd']), 2);
    assert.equal(await value(metrics, 'mailbox_depth{actor="other"}'), 6);
  });

  it('forget a camera in all its series, and free its place', async () => {
    const { metrics } = make(2);
    for (const camera_id of ['a', 'b']) {
      metrics.inc('detection_total', 1, { camera_id, model_type: 'ssd' });
      metrics.inc('shed_total', 1, { camera_id, what: 'group', reason: 'overload' });
      metrics.set('camera_up', 1, { camera_id });
    }
    await metrics.forgetCamera('a');
    assert.doesNotMatch(await metrics.render(), /camera_id="a"/u);
    assert.equal(await value(metrics, 'camera_up{camera_id="b"}'), 1);
    metrics.inc('detection_total', 1, { camera_id: 'c', model_type: 'ssd' });
    assert.equal(await value(metrics, 'detection_total{camera_id="c",model_type="ssd"}'), 1);
  });

  it('bound the words of a model more tightly than names of cameras', async () => {
    const { metrics } = make();
    for (let i = 0; i < 60; i += 1) metrics.inc('risk_types_detected_total', 1, { risk_type: `prose ${i}` });
    assert.equal(await value(metrics, 'risk_types_detected_total{risk_type="other"}'), 10);
    assert.equal(await value(metrics, 'metric_labels_dropped_total{label="risk_type"}'), 10);
  });

  it('ask their sources at every scrape; a failing one is told and does not hurt the rest', async () => {
    const { metrics, log } = make();
    let depth = 0;
    metrics.beforeScrape('queue', () => metrics.set('queue_depth', (depth += 1), { queue: 'q' }));
    metrics.beforeScrape('nats', () => Promise.reject(new Error('away')));
    assert.equal(await value(metrics, 'queue_depth{queue="q"}'), 1);
    assert.equal(await value(metrics, 'queue_depth{queue="q"}'), 2);
    assert.equal(await value(metrics, 'scrape_errors_total{source="nats"}'), 3);
    assert.match(log.lines[0]!.message, /figures of nats are old/u);
  });

  it("keep apart from the library's global registry", async () => {
    const one = make().metrics;
    const two = make().metrics;
    one.inc('lock_failures_total', 1);
    assert.equal(await value(two, 'lock_failures_total'), 0);
  });
});
