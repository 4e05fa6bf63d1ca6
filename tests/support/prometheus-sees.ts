import assert from 'node:assert/strict';
import { ALERT_RULES } from '../../src/monitoring/alert-rules.ts';
import { deployedQueries } from './monitoring-queries.ts';
import { selectorsOf } from './prom-ql-selectors.ts';
import type { RunningPrometheus } from './prometheus.ts';
import { until } from './until.ts';

/**
 * Asserts that Prometheus scrapes a Gantry with frames and verdicts, in OpenMetrics, that every query of dashboard and
 * rules evaluates there, and that the scrape has each metric they name.
 */
export async function prometheusSees(prometheus: RunningPrometheus): Promise<void> {
  await until('a scrape', async () => {
    const { activeTargets } = await prometheus.ask('targets');
    // One that took too long on a busy machine is followed by another.
    return activeTargets.some(({ health, lastError }: { health: string; lastError: string }) => {
      assert.match(lastError, /^$|deadline exceeded/u);
      return health === 'up';
    });
  });
  // Only OpenMetrics has them.
  const [{ exemplars }] = await until('traces beside the values', async () => {
    const now = Date.now() / 1_000;
    const series = await prometheus.ask('query_exemplars', {
      query: 'detection_latency_seconds_bucket',
      start: String(now - 300),
      end: String(now + 60),
    });
    return series.length > 0 ? series : null;
  });
  assert.match(exemplars[0].labels.trace_id, /^[0-9a-f]{32}$/u);
  const { groups } = await prometheus.ask('rules');
  assert.equal(groups[0].rules.length, ALERT_RULES.length);
  const families = new Set(Object.keys(await prometheus.ask('metadata')));
  for (const { of, expr } of await deployedQueries()) {
    await prometheus.ask('query', { query: expr }).catch((error: unknown) => assert.fail(`${of}: ${String(error)}`));
    for (const { name } of selectorsOf(expr)) {
      // A family is named without the ends of its series.
      const family = name.replace(/_(?:total|bucket|count|sum)$/u, '');
      assert.ok(name === 'up' || families.has(name) || families.has(family), `${of}: the scrape has no ${name}`);
    }
  }
  for (const query of ['sum(detection_total)', 'sum(end_to_end_latency_seconds_count)', 'sum(up)'])
    await until(
      `a value of ${query}`,
      async () => Number((await prometheus.ask('query', { query })).result[0]?.value[1]) > 0,
    );
}
