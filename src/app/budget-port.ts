import { AGGREGATOR } from '../actors/aggregator.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { TASK_GENERATOR } from '../actors/task-generator.ts';
import type { HttpPorts } from '../http/ports.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { aggregatorView } from './aggregator-view.ts';
import { budgetReport } from './budget-report.ts';
import type { Role } from './config.ts';
import { AggregatorFigures, GeneratorFigures, PoolFigures, SchedulerFigures } from './scheduler-figures.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';

const QUICK = { timeoutMs: 3_000 };

/** Where the figures of each stage come from. */
export interface BudgetSources {
  readonly scheduler: () => Promise<SchedulerFigures>;
  readonly pool: () => Promise<PoolFigures>;
  readonly generator: () => Promise<GeneratorFigures>;
  readonly aggregator: () => Promise<AggregatorFigures>;
}

/** The stages that this process has. `watch`: null without the role `scheduler`. */
export const sourcesHere = (
  system: ActorSystem,
  roles: readonly Role[],
  watch: SchedulerWatch | null,
): Partial<BudgetSources> => ({
  ...(watch === null
    ? {}
    : {
        scheduler: async () => SchedulerFigures.parse(await watch.stats()),
        pool: async () => PoolFigures.parse(await system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK)),
      }),
  ...(roles.includes('cameras')
    ? { generator: async () => GeneratorFigures.parse(await system.ref(TASK_GENERATOR).ask({ type: 'stats' }, QUICK)) }
    : {}),
  // An aggregator that stands by has no figures.
  ...(roles.includes('aggregator') && aggregatorView(system.snapshot()).leading
    ? { aggregator: async () => AggregatorFigures.parse(await system.ref(AGGREGATOR).ask({ type: 'stats' }, QUICK)) }
    : {}),
});

/** The HTTP room's port for the budget. Rejects only where no scheduler answers. */
export function budgetPort(sources: () => BudgetSources): HttpPorts['budget'] {
  const orNull = <T>(read: () => Promise<T>): Promise<T | null> => read().catch(() => null);
  return async () => {
    const { scheduler, pool, generator, aggregator } = sources();
    const [asked, keys, carried, ages] = await Promise.all([
      scheduler(),
      orNull(pool),
      orNull(generator),
      orNull(aggregator),
    ]);
    return budgetReport({ scheduler: asked, pool: keys, generator: carried, aggregator: ages });
  };
}
