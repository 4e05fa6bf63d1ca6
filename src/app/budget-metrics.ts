import { KEY_POOL } from '../actors/key-pool.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { wantedKeys } from './assessment-health.ts';
import { keysNeeded, shortSince } from './budget-report.ts';
import { PoolFigures, SchedulerFigures } from './scheduler-figures.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';

const QUICK = { timeoutMs: 1_500 };

/** Reads the figures of the budget before every scrape. */
export function bindBudget(metrics: Metrics, system: ActorSystem, watch: Pick<SchedulerWatch, 'stats'>): void {
  metrics.beforeScrape('budget', async () => {
    const figures = SchedulerFigures.parse(await watch.stats());
    const pool = PoolFigures.parse(await system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK));
    showBudget(metrics, figures, wantedKeys(pool).length);
  });
}

/** A figure that is not known is 0. The scheduler itself counts `questions_total`. */
export function showBudget(metrics: Pick<Metrics, 'replace'>, figures: SchedulerFigures, keys: number): void {
  const { calls } = figures;
  const { allowed_per_minute: allowed } = calls;
  metrics.replace('budget_calls_allowed', [[{}, allowed ?? 0]]);
  metrics.replace('budget_calls_used_total', [[{}, calls.used]]);
  metrics.replace('budget_calls_wasted_total', [[{}, calls.wasted]]);
  metrics.replace('budget_price', [[{}, calls.price]]);
  metrics.replace('budget_short', [[{}, shortSince(figures, keys) === null ? 0 : 1]]);
  metrics.replace('budget_keys_needed', [[{}, keysNeeded(figures, keys) ?? 0]]);
}
