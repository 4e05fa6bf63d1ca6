import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type MetricName, METRICS } from '../../src/infra/metric-table.ts';
import { ALERT_RULES } from '../../src/monitoring/alert-rules.ts';
import { deployFiles } from '../../src/monitoring/deploy-files.ts';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';
import { deployedQueries } from '../support/monitoring-queries.ts';
import { type Selector, selectorsOf } from '../support/prom-ql-selectors.ts';

/** Figures that Prometheus and the library add to those of the table. */
const OTHERS: Readonly<Record<string, 'counter' | 'gauge'>> = {
  up: 'gauge',
  process_cpu_seconds_total: 'counter',
  process_resident_memory_bytes: 'gauge',
  nodejs_eventloop_lag_p99_seconds: 'gauge',
};
const SCRAPED_LABELS = ['instance', 'job'];

interface Series {
  readonly kind: 'counter' | 'gauge' | 'buckets';
  readonly labels: readonly string[];
}

/** The series of that name, or null when Gantry has none. */
function seriesOf(name: string): Series | null {
  const other = OTHERS[name];
  if (other !== undefined) return { kind: other, labels: SCRAPED_LABELS };
  const [, base = name, suffix] = /^(.*)_(bucket|count|sum)$/u.exec(name) ?? [];
  const metric = Object.hasOwn(METRICS, base) ? METRICS[base as MetricName] : null;
  if (metric === null || (metric.kind === 'histogram') !== (suffix !== undefined)) return null;
  const labels = [...metric.labels, ...SCRAPED_LABELS];
  if (metric.kind !== 'histogram') return { kind: metric.kind, labels };
  return suffix === 'bucket' ? { kind: 'buckets', labels: [...labels, 'le'] } : { kind: 'counter', labels };
}

/** The first fault of a selector; null when it fits the table. */
function faultOf({ name, matched, kept, functions }: Selector): string | null {
  const series = seriesOf(name);
  if (series === null) return `there is no ${name}`;
  const unknown = [...matched, ...(kept ?? [])].find((label) => !series.labels.includes(label));
  if (unknown !== undefined) return `${name} has no label ${unknown}`;
  const grows = functions[0] === 'rate' || functions[0] === 'increase';
  if (grows === (series.kind === 'gauge')) return `${name} is a ${series.kind}, and ${functions[0] ?? 'bare'}`;
  if (functions.includes('histogram_quantile') && (series.kind !== 'buckets' || kept?.includes('le') !== true))
    return `histogram_quantile needs buckets by le, not ${name}`;
  return null;
}

const faultsOf = (expr: string): (string | null)[] => selectorsOf(expr).map(faultOf);

describe('the files of deploy/', () => {
  it('are those that the lists give; else run bin/make-monitoring.mjs', async () => {
    for (const [path, text] of deployFiles())
      assert.equal(await readFile(join(PROJECT_ROOT, path), 'utf8'), text, `${path} is old`);
  });

  it('ask only for series that the table of metrics has, as their kind allows', async () => {
    const queries = await deployedQueries();
    assert.ok(queries.length > 90, `${queries.length} queries`);
    for (const { of, expr, legend } of queries) {
      const selectors = selectorsOf(expr);
      assert.ok(selectors.length > 0, `${of}: ${expr}`);
      for (const selector of selectors) assert.equal(faultOf(selector), null, `${of}: ${expr}`);
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/gu))
        assert.ok(new RegExp(`by \\([^)]*\\b${label}\\b`, 'u').test(expr), `${of}: ${legend}`);
    }
  });

  it('have every rule of the list, and show what every rule looks at', async () => {
    const queries = await deployedQueries();
    for (const { name } of ALERT_RULES)
      assert.ok(
        queries.some(({ of }) => of === name),
        name,
      );
    const shown = new Set(
      queries.filter(({ legend }) => legend !== '').flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => name)),
    );
    for (const group of ['nats_consumer_lag', 'api_key_status', 'tasks_processed_total', 'incidents_total'])
      assert.ok(shown.has(group), group);
  });
});

describe('the check of queries', () => {
  it('finds names, labels and kinds that do not fit', () => {
    assert.deepEqual(faultsOf('sum(rate(detection_total{camera_id=~".*"}[5m]))'), [null]);
    for (const [expr, fault] of [
      ['sum(rate(detections_total[5m]))', /there is no detections_total/u],
      ['sum(rate(detection_total{camera="a"}[5m]))', /no label camera$/u],
      ['sum by (key) (rate(detection_total[5m]))', /no label key$/u],
      ['detection_total', /is a counter, and bare/u],
      ['rate(active_cameras[5m])', /is a gauge, and rate/u],
      ['end_to_end_latency_seconds', /there is no/u],
      ['histogram_quantile(0.9, sum(rate(end_to_end_latency_seconds_bucket[5m])))', /needs buckets by le/u],
      [
        'histogram_quantile(0.9, sum by (le) (rate(end_to_end_latency_seconds_count[5m])))',
        /no label le|needs buckets/u,
      ],
    ] as const)
      assert.match(String(faultsOf(expr)[0]), fault, expr);
    assert.throws(() => selectorsOf('sum(rate(detection_total[5m])'), SyntaxError);
  });
});
