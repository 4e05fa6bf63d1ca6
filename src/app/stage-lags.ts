import { ANY_BODY, type Bus } from '../infra/bus.ts';
import { consumers, PRIORITIES_URGENT_FIRST, streams } from '../messages/subjects.ts';
import type { FlowStageName } from '../http/schemas/system-schema.ts';
import type { StageLags } from './flow-report.ts';

export interface DurableConsumer {
  readonly stream: string;
  readonly durable: string;
  readonly stage: FlowStageName;
}

/** The durable consumers of all stages. Without Redis there is no alert writer. */
export const durableConsumers = (withRedis: boolean): readonly DurableConsumer[] => [
  { stream: streams.detections, durable: consumers.taskGenerator, stage: 'tasks' },
  { stream: streams.detections, durable: consumers.aggregatorDetections, stage: 'aggregator' },
  { stream: streams.results, durable: consumers.aggregatorResults, stage: 'aggregator' },
  { stream: streams.alerts, durable: consumers.alertImages, stage: 'aggregator' },
  { stream: streams.alerts, durable: consumers.alertClips, stage: 'aggregator' },
  { stream: streams.alerts, durable: consumers.alertIndex, stage: 'aggregator' },
  ...(withRedis ? [{ stream: streams.alerts, durable: consumers.alertWriter, stage: 'aggregator' } as const] : []),
  ...PRIORITIES_URGENT_FIRST.map(
    (priority) => ({ stream: streams.tasks, durable: consumers.scheduler(priority), stage: 'scheduler' }) as const,
  ),
  { stream: streams.questions, durable: consumers.questions, stage: 'scheduler' },
];

/** Messages that a consumer has not had yet. Rejects `BUS_DOWN`. */
export async function lagOf(bus: Pick<Bus, 'pull'>, { stream, durable }: DurableConsumer): Promise<number> {
  const consumer = await bus.pull({ stream, durable, parser: ANY_BODY });
  return (await consumer.lag()).waiting;
}

/** The lags of the stages, and of all together under `bus`. Rejects `BUS_DOWN`. */
export async function stageLags(bus: Pick<Bus, 'pull'>, withRedis: boolean): Promise<StageLags> {
  const lags: Partial<Record<FlowStageName, number>> = { bus: 0 };
  const found = await Promise.all(
    durableConsumers(withRedis).map(async (one) => [one.stage, await lagOf(bus, one)] as const),
  );
  for (const [stage, lag] of found) {
    lags[stage] = (lags[stage] ?? 0) + lag;
    lags.bus = (lags.bus ?? 0) + lag;
  }
  return lags;
}
