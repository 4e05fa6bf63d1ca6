import type { SchedulerInit } from '../actors/scheduler/scheduler.types.ts';
import type { TreeInits } from '../actors/tree.ts';
import type { Bus, ImageStore } from '../infra/bus.ts';
import type { Log } from '../infra/log.ts';
import { systemClock } from '../runtime/clock.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { GantryConfig } from './config.ts';
import type { UsedService } from './embedded.ts';
import type { FrameTraces } from './frame-traces.ts';
import { SchedulerWatch } from './scheduler-watch.ts';
import { type UsedKeys, useKeys } from './use-keys.ts';
import type { StartStack } from './start-stack.ts';
import { type UsedUsage, useUsage } from './use-usage.ts';

/** Resources that only a process with the role `scheduler` needs. */
export interface KeysAndUsage {
  readonly keys: UsedKeys;
  readonly usage: UsedUsage;
}

export async function useKeysAndUsage(
  stack: StartStack,
  config: GantryConfig,
  redis: UsedService | null,
  log: Log,
  dataNotices: DataNotices,
): Promise<KeysAndUsage> {
  const keys = await stack.step(
    'API keys',
    () => useKeys(config, log, dataNotices, redis),
    (used) => used.close(),
  );
  const usage = await stack.step(
    'usage of keys',
    () => useUsage({ dataDir: config.dataDir, redisUrl: redis?.url ?? null, keys, log, dataNotices }),
    (used) => used.close(),
  );
  return { keys, usage };
}

/** The releases that judge, and the traces of their answers. */
interface JudgingParts extends Required<Pick<SchedulerInit, 'releases' | 'releaseOutcomes'>> {
  readonly traces: FrameTraces;
}

/** The role `scheduler`: assesses groups, by the model under the limits of its keys or by rules. */
export const schedulerInits = (
  { keys, usage }: KeysAndUsage,
  { taskValidityMs }: Pick<GantryConfig, 'taskValidityMs'>,
  bus: Bus,
  images: ImageStore,
  { releases, releaseOutcomes, traces }: JudgingParts,
): NonNullable<TreeInits['scheduler']> => ({
  keyPool: keys.pool,
  scheduler: () => ({
    ...keys.scheduler,
    vlm: 'caller',
    validityMs: taskValidityMs,
    bus,
    images,
    budget: usage.ledger,
    usage,
    releases,
    releaseOutcomes,
    isSampled: traces.isSampled,
    onPublished: (result) => traces.answered(result),
  }),
});

/** Follows the figures of this process's scheduler. */
export const watchScheduler = ({ keys, usage }: KeysAndUsage, system: ActorSystem): SchedulerWatch =>
  new SchedulerWatch({
    system,
    clock: systemClock,
    ledger: usage.ledger,
    freshnessMs: () => keys.admin.keys.config.scheduler.freshness_seconds * 1_000,
  });
