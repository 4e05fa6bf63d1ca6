import type { KeyStrategy } from './config.schema.ts';
import type { PooledKey } from './key.ts';
import type { KeyPoolStats, KeyStatus, RefusalReason } from './pool.types.ts';
import type { LimitMode } from './shared/gate.ts';
import type { Waiters } from './waiters.ts';

interface PoolCounts {
  readonly mode: LimitMode;
  readonly inFlight: number;
  readonly granted: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
  readonly lateSettlements: number;
}

/** The pool in figures, named as the HTTP contract names them. */
export function poolStats(pooled: readonly PooledKey[], strategy: KeyStrategy, waiters: Waiters, now: number, counts: PoolCounts): KeyPoolStats {
  const keys = pooled.map((key) => key.stats(now));
  const having = (status: KeyStatus): number => keys.filter((key) => key.status === status).length;
  const total = keys.reduce((sum, key) => sum + key.total_calls, 0);
  const succeeded = keys.reduce((sum, key) => sum + key.success_calls, 0);
  return {
    strategy,
    mode: counts.mode,
    total_keys: keys.length,
    available_keys: having('available'),
    in_use_keys: having('in_use'),
    cooling_keys: having('cooling'),
    disabled_keys: having('disabled'),
    total_calls: total,
    success_rate: total === 0 ? 1 : succeeded / total,
    in_flight: counts.inFlight,
    waiting: waiters.size,
    waiting_by_priority: { p1: waiters.sizeOf(1), p2: waiters.sizeOf(2), p3: waiters.sizeOf(3), p4: waiters.sizeOf(4), p5: waiters.sizeOf(5) },
    granted: counts.granted,
    refused: counts.refused,
    late_settlements: counts.lateSettlements,
    keys,
  };
}
