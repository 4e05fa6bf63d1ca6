import type { CircuitStats } from './circuit.ts';
import type { KeyStrategy } from './key-config.schema.ts';
import { keyStats } from './key-view.ts';
import type { PooledKey } from './key.ts';
import type { ModelStats } from './model-history.ts';
import type { CallOutcomeKind } from './outcome.ts';
import type { KeyChange, KeyPoolStats, KeyStatus, RefusalReason } from './pool.types.ts';
import type { LimitMode } from './shared/gate.ts';
import type { Waiters } from './waiters.ts';

interface PoolCounts {
  readonly mode: LimitMode;
  readonly inFlight: number;
  readonly granted: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
  readonly lateSettlements: number;
  readonly permitsInHand: number;
  readonly circuits: readonly CircuitStats[];
  readonly models: readonly ModelStats[];
}

/** The pool in figures, named as the HTTP contract names them. */
export function poolStats(
  pooled: readonly PooledKey[],
  strategy: KeyStrategy,
  waiters: Waiters,
  now: number,
  counts: PoolCounts,
): KeyPoolStats {
  const keys = pooled.map((key) => keyStats(key, now));
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
    waiting_by_priority: {
      p1: waiters.sizeOf(1),
      p2: waiters.sizeOf(2),
      p3: waiters.sizeOf(3),
      p4: waiters.sizeOf(4),
      p5: waiters.sizeOf(5),
    },
    granted: counts.granted,
    refused: counts.refused,
    late_settlements: counts.lateSettlements,
    permits_in_hand: counts.permitsInHand,
    keys,
    models: counts.models,
    circuits: counts.circuits,
  };
}

/** The keys of one budget that a settlement made rest, disabled or enabled, by their state before. */
export function keyChanges(
  before: readonly { readonly key: PooledKey; readonly status: KeyStatus; readonly until: number }[],
  cause: CallOutcomeKind,
  now: number,
): readonly KeyChange[] {
  return before.flatMap(({ key, status, until }): KeyChange[] => {
    const changed = key.status(now);
    const keyName = key.spec.name;
    if (status === 'disabled' && changed !== 'disabled') return [{ keyName, status: 'available', cause, until: null }];
    if (changed === 'disabled' && status !== 'disabled') return [{ keyName, status: changed, cause, until: null }];
    if (changed === 'cooling' && key.rest.until > until)
      return [{ keyName, status: changed, cause, until: key.rest.until }];
    return [];
  });
}
