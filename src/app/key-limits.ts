import type { BudgetReport } from '../http/schemas/budget-schema.ts';
import type { PoolFigures, SchedulerFigures } from './scheduler-figures.ts';

type Pool = Pick<PoolFigures, 'keys'>;
type Limit = BudgetReport['limits'][number];

/** The use of each key's limits. Every node counts its own calls, so they are added. */
export function keyLimits(pools: readonly Pool[]): readonly Limit[] {
  const keys = pools.flatMap((pool) => pool.keys);
  return (pools[0]?.keys ?? []).flatMap(({ key_id: key, qps_limit, rpm_limit, tpm_limit }): Limit[] => {
    const sum = (of: (one: Pool['keys'][number]) => number): number =>
      keys.reduce((total, one) => total + (one.key_id === key ? of(one) : 0), 0);
    return [
      { key, limit: 'qps', used: sum((one) => one.used_last_second), of: qps_limit },
      { key, limit: 'rpm', used: sum((one) => one.used_last_minute), of: rpm_limit },
      ...(tpm_limit === null
        ? []
        : [{ key, limit: 'tpm' as const, used: sum((one) => one.tokens_last_minute), of: tpm_limit }]),
    ];
  });
}

/** The day's budget of money; none without a bound. */
export const dayLimit = (today: SchedulerFigures['today']): readonly Limit[] =>
  today === null || today.budget === null ? [] : [{ key: null, limit: 'day', used: today.cost, of: today.budget }];

/** `now`: epoch ms. */
export function coolingKeys(pool: Pool | null, now: number): BudgetReport['cooling'] {
  return (pool?.keys ?? [])
    .flatMap(({ key_id: key, cooldown_until: until, last_error_code }) =>
      until === null
        ? []
        : [
            {
              key,
              until,
              seconds: Math.max(0, Math.ceil((Date.parse(until) - now) / 1_000)),
              notice: `rests after ${last_error_code ?? 'a failure'}`,
            },
          ],
    )
    .toSorted((a, b) => a.seconds - b.seconds);
}

/** Null while one of the two is not known. */
export const isReached = (p95Seconds: number | null, limitMs: number | null): boolean | null =>
  p95Seconds === null || limitMs === null ? null : p95Seconds * 1_000 <= limitMs;
