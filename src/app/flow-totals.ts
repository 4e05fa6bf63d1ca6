import type { FlowStageName } from '../http/schemas/system-schema.ts';
import type { FeedFigures, LlmCallStatus, Metrics } from '../infra/metrics.ts';
import type { MetricName } from '../infra/metric-table.ts';
import type { ActorSnapshot } from '../runtime/inspect.ts';
import type { FlowTotals, StageTotals } from './recent-flow.ts';

/** Series that count for a stage: `by` splits them into reasons, else `reason` names them. */
interface Counted {
  readonly metric: MetricName;
  readonly where?: Readonly<Record<string, string>>;
  readonly by?: string;
  readonly reason?: string;
}

interface Counters {
  readonly done: readonly Counted[];
  readonly failed: readonly Counted[];
  readonly shed: readonly Counted[];
}

/** Figures of the bus and the feed that are no metrics with a recorder of their own. */
export interface FlowSources {
  readonly metrics: Pick<Metrics, 'totals'>;
  readonly bus: {
    readonly counters: { readonly published: number; readonly failedBroadcasts: number; readonly badBodies: number };
  };
  /** The task generator as the tree shows it; null where this process has none. */
  readonly taskGenerator: () => Pick<ActorSnapshot, 'detail'> | null;
  readonly feed: () => Pick<FeedFigures, 'published' | 'droppedFrames' | 'closedSlow' | 'refusedViewers'>;
}

const FAILED_CALLS: readonly LlmCallStatus[] = [
  'timeout',
  'rate_limited',
  'rejected',
  'provider_error',
  'unreadable',
  'content_refused',
];

/** From the metrics that every scrape shows. */
const COUNTERS: Readonly<Partial<Record<FlowStageName, Counters>>> = {
  detect: {
    done: [{ metric: 'detection_total' }],
    failed: [{ metric: 'decoder_pictures_total', where: { outcome: 'failed' } }],
    shed: [
      { metric: 'pictures_skipped_total', by: 'reason' },
      { metric: 'shed_total', where: { what: 'detection' }, by: 'reason' },
    ],
  },
  scheduler: {
    done: [{ metric: 'assessments_total' }],
    failed: [{ metric: 'assessments_total', where: { outcome: 'unknown' } }],
    shed: [
      { metric: 'questions_total', where: { outcome: 'superseded' }, reason: 'superseded' },
      { metric: 'questions_total', where: { outcome: 'budget' }, reason: 'budget' },
      { metric: 'shed_total', where: { what: 'group' }, by: 'reason' },
    ],
  },
  calls: {
    done: [{ metric: 'llm_calls_total' }],
    failed: FAILED_CALLS.map((status) => ({ metric: 'llm_calls_total', where: { status } })),
    shed: [],
  },
  aggregator: {
    done: [{ metric: 'end_to_end_latency_seconds' }],
    failed: [],
    shed: [
      { metric: 'cache_dropped_total', reason: 'cache' },
      { metric: 'verdicts_dropped_total', reason: 'verdicts' },
      { metric: 'incidents_dropped_total', reason: 'incidents' },
    ],
  },
};

/** The totals of this process's stages as they are now. */
export async function flowTotals({ metrics, bus, taskGenerator, feed }: FlowSources): Promise<FlowTotals> {
  const sum = async (counted: readonly Counted[]): Promise<number> =>
    (await Promise.all(counted.map((each) => valuesOf(metrics, each))))
      .flat()
      .reduce((all, [, value]) => all + value, 0);
  const stages = Object.entries(COUNTERS).map(async ([name, { done, failed, shed }]) => {
    const reasons: Record<string, number> = {};
    for (const [reason, value] of (await Promise.all(shed.map((each) => valuesOf(metrics, each)))).flat())
      reasons[reason] = (reasons[reason] ?? 0) + value;
    return [name, { done: await sum(done), failed: await sum(failed), shed: reasons } satisfies StageTotals] as const;
  });
  const { published, failedBroadcasts, badBodies } = bus.counters;
  const figures = feed();
  const { detections, retried } = taskGenerator()?.detail ?? {};
  return {
    ...Object.fromEntries(await Promise.all(stages)),
    tasks: { done: Number(detections ?? 0), failed: Number(retried ?? 0), shed: {} },
    bus: { done: published, failed: failedBroadcasts + badBodies, shed: {} },
    feed: {
      done: figures.published,
      failed: 0,
      shed: {
        frames: figures.droppedFrames,
        'slow-viewers': figures.closedSlow,
        'viewers-refused': figures.refusedViewers,
      },
    },
  };
}

async function valuesOf(
  metrics: FlowSources['metrics'],
  { metric, where = {}, by, reason = '' }: Counted,
): Promise<readonly (readonly [string, number])[]> {
  const found = await metrics.totals(metric, by === undefined ? { where } : { where, by });
  return [...found].map(([value, total]) => [by === undefined ? reason : value, total] as const);
}
