import { newCounters } from '../aggregation/aggregation.types.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { CameraId } from '../messages/ids.ts';
import { type ActorDefinition, defineActor, type ModuleExport } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import type { FreshnessSettings } from '../tasks/freshness.ts';
import { address } from '../runtime/ref.ts';
import type {
  AggregatorContext,
  AggregatorInit,
  AggregatorStats,
  OpenedAggregator,
} from './aggregator/aggregator.types.ts';

export type AggregatorMessage =
  | ({ type: 'latest'; cameraId: CameraId } & Asking<Aggregate | null>)
  | ({ type: 'stats' } & Asking<AggregatorStats>)
  | { type: 'configure'; freshness: FreshnessSettings };
type Private = { type: 'deadline' } | { type: 'report' };
export const AGGREGATOR = address<AggregatorMessage>('/aggregator');

const REPORT_MS = 1_000;
const NOTHING: AggregatorStats = {
  ...newCounters(),
  pending: 0,
  unpublished: 0,
  held: 0,
  refused: 0,
  verdicts: 0,
  verdictsDropped: 0,
  incidents: 0,
  incidentsDropped: 0,
  alertsForgotten: 0,
  freshness: { p50: null, p95: null, count: 0 },
};

/**
 * The aggregator that `open` sets up while the rest of Gantry goes on. The messages it consumes do not pass through its
 * mailbox, which is on the main thread.
 */
export const aggregatorAt = <Init>(
  open: (ctx: AggregatorContext, init: Init) => Promise<OpenedAggregator>,
  module?: ModuleExport,
): ActorDefinition<AggregatorMessage, Init> =>
  defineActor<AggregatorMessage, Private>()<Init>({
    kind: 'aggregator',
    mailbox: { capacity: 1_000, overflow: 'refuse' },
    ...(module === undefined ? {} : { module }),
    start: (ctx, init) => {
      let running: OpenedAggregator | null = null;
      let reported = '';
      let freshness: FreshnessSettings | null = null;
      const context: AggregatorContext = {
        clock: ctx.clock,
        log: ctx.log,
        metrics: ctx.metrics,
        signal: ctx.signal,
        ref: (to) => ctx.ref(to),
        fail: (error) => ctx.fail(error),
        wakeAt: (time) => {
          if (time === null) ctx.clearTimer('deadline');
          else ctx.setTimer('deadline', Math.max(0, time - ctx.clock.now()), { type: 'deadline' });
        },
        report: () => report(),
      };
      const report = (): void => {
        if (running === null) return;
        const { published, pending, revised, unpublished, held } = running.frames.stats();
        const detail = { published, pending, revised, unpublished, held, ...running.report() };
        const text = JSON.stringify(detail);
        if (text !== reported) ctx.report(detail);
        reported = text;
      };
      const opening = open(context, init).then((opened) => {
        running = opened;
        if (freshness !== null) opened.frames.configure(freshness);
        return opened;
      });
      const starting = opening
        .then(({ frames }) => (ctx.signal.aborted ? undefined : frames.start()))
        .catch((thrown: unknown) => {
          if (!ctx.signal.aborted) ctx.fail(asError(thrown));
        });
      ctx.setInterval('report', REPORT_MS, { type: 'report' });

      return {
        handlers: {
          deadline: () => running?.frames.onTime(),
          report: () => {
            // Answers without a detection have no deadline of their own.
            running?.frames.onTime();
            report();
          },
          configure: (message) => {
            freshness = message.freshness;
            running?.frames.configure(freshness);
          },
          latest: ({ cameraId }) => running?.frames.latest(cameraId) ?? null,
          stats: () => running?.frames.stats() ?? NOTHING,
        },
        stop: async (reason) => {
          // An aggregator that is not set up yet has taken no message.
          if (running === null) {
            opening.then((opened) => opened.close()).catch(() => undefined);
            return;
          }
          // The start ends with the signal; a lock that it has just acquired must be released.
          await starting;
          await running.frames.stop(reason);
          await running.close();
        },
      };
    },
  });

/**
 * The aggregator in a thread of its own: it does a third of the work for a group, and viewers wait for its results, so
 * it and the rest of Gantry must not delay each other. Its libraries load slowly, so they are loaded after the start.
 */
export const aggregatorActor = aggregatorAt<AggregatorInit>(
  async (ctx, init) => (await import('./aggregator/open-aggregator.ts')).openAggregator(ctx, init),
  { url: import.meta.url, name: 'aggregatorActor' },
);
