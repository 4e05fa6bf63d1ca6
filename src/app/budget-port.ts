import { AGGREGATOR } from '../actors/aggregator.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { TASK_GENERATOR } from '../actors/task-generator.ts';
import type { HttpPorts } from '../http/ports.ts';
import { InfraError } from '../infra/infra-error.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { budgetReport } from './budget-report.ts';
import type { Role } from './config.ts';
import { AggregatorFigures, GeneratorFigures, PoolFigures, SchedulerFigures } from './scheduler-figures.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';

const QUICK = { timeoutMs: 3_000 };

/** Where the figures of each stage come from; one entry for each node that has it. */
export interface BudgetSources {
  readonly schedulers: () => Promise<readonly SchedulerFigures[]>;
  readonly pools: () => Promise<readonly PoolFigures[]>;
  readonly generators: () => Promise<readonly GeneratorFigures[]>;
  readonly aggregators: () => Promise<readonly AggregatorFigures[]>;
}

/** The stages that this process has. `watch`: null without the role `scheduler`. */
export function sourcesHere(
  system: ActorSystem,
  roles: readonly Role[],
  watch: Pick<SchedulerWatch, 'stats'> | null,
): BudgetSources {
  const read = async <T>(has: boolean, parser: { parse(value: unknown): T }, stats: () => Promise<unknown>) =>
    has ? [parser.parse(await stats())] : [];
  return {
    schedulers: () => read(watch !== null, SchedulerFigures, async () => watch?.stats()),
    pools: () => read(watch !== null, PoolFigures, () => system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK)),
    generators: () =>
      read(roles.includes('cameras'), GeneratorFigures, () => system.ref(TASK_GENERATOR).ask({ type: 'stats' }, QUICK)),
    aggregators: () =>
      read(roles.includes('aggregator'), AggregatorFigures, () => system.ref(AGGREGATOR).ask({ type: 'stats' }, QUICK)),
  };
}

/**
 * The HTTP room's port for the budget: the figures of all nodes, or those of this process while others can't be asked.
 * Rejects only where no scheduler answers.
 */
export function budgetPort(
  everywhere: BudgetSources,
  here: BudgetSources,
  clock: Pick<Clock, 'now'> = systemClock,
): HttpPorts['budget'] {
  const all = async <T>(of: (sources: BudgetSources) => Promise<readonly T[]>) => {
    const found = await of(everywhere).catch(() => []);
    return found.length > 0 ? found : of(here).catch(() => []);
  };
  return async (isWanted) => {
    const [schedulers, pools, generators, aggregators] = await Promise.all([
      all((sources) => sources.schedulers()),
      all((sources) => sources.pools()),
      all((sources) => sources.generators()),
      all((sources) => sources.aggregators()),
    ]);
    const [first, ...others] = schedulers;
    if (first === undefined) throw new InfraError('BUS_DOWN', 'no process with the role scheduler answers');
    const figures = { schedulers: [first, ...others], pools, generators, aggregators } as const;
    return budgetReport(figures, clock.now(), isWanted);
  };
}
