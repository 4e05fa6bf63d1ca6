import type { AggregationCounters } from '../aggregation/aggregation.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { CameraId } from '../messages/ids.ts';
import {
  type ActorContext,
  type ActorDefinition,
  type Detail,
  defineActor,
  type ModuleExport,
  type StopReason,
} from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';

export interface AggregatorStats extends AggregationCounters {
  /** Frames that wait for answers, and frames that wait for the bus. */
  readonly pending: number;
  readonly unpublished: number;
  /** Messages not settled yet. */
  readonly held: number;
  /** Aggregates that the bus refused for good. */
  readonly refused: number;
}

export type AggregatorMessage =
  | ({ type: 'latest'; cameraId: CameraId } & Asking<Aggregate | null>)
  | ({ type: 'stats' } & Asking<AggregatorStats>);
type Private = { type: 'deadline' } | { type: 'keep-alive' } | { type: 'report' };
export const AGGREGATOR = address<AggregatorMessage>('/aggregator');

/** What the work sees of the actor. */
export interface AggregatorContext extends Pick<
  ActorContext<never>,
  'clock' | 'log' | 'metrics' | 'signal' | 'ref' | 'fail'
> {
  /** Has `onTime` called at that time, epoch ms, instead of the one named before; null: not at all. */
  wakeAt(time: number | null): void;
  /** Shows how the aggregator stands at once, not with the next report. */
  report(): void;
}

/** The work itself, see `aggregatorWork`. */
export interface AggregatorWork {
  /** Waits for its turn, looks back, and begins to take messages. Rejects when that fails for good. */
  begin(): Promise<void>;
  onTime(): void;
  /** Says of all that is held that it still is. */
  beat(): void;
  latest(cameraId: CameraId): Aggregate | null;
  stats(): AggregatorStats;
  finish(reason: StopReason): Promise<void>;
}

/** The work with what it works with. */
export interface AggregatorDesk {
  readonly work: AggregatorWork;
  /** Records what happened since the last time. How it stands, for health and the tree. */
  report(): Detail;
  /** After the work is finished: writes and tells what is left, and ends the connections. */
  close(): Promise<void>;
}

/** Well within the ack wait of its consumers (10 s). */
const KEEP_ALIVE_MS = 3_000;
const REPORT_MS = 1_000;
const NOTHING: AggregatorStats = {
  published: 0,
  revised: 0,
  incomplete: 0,
  duplicates: 0,
  orphans: 0,
  found: 0,
  pending: 0,
  unpublished: 0,
  held: 0,
  refused: 0,
};

/**
 * The aggregator, with the desk that `open` sets up while the rest of Gantry goes on. What it consumes goes to the work
 * at once, not through the mailbox: that would lead through the host's thread and back.
 */
export const aggregatorAt = <Init>(
  open: (ctx: AggregatorContext, init: Init) => Promise<AggregatorDesk>,
  module?: ModuleExport,
): ActorDefinition<AggregatorMessage, Init> =>
  defineActor<AggregatorMessage, Private>()<Init>({
    kind: 'aggregator',
    mailbox: { capacity: 1_000, overflow: 'refuse' },
    ...(module === undefined ? {} : { module }),
    start: (ctx, init) => {
      let desk: AggregatorDesk | null = null;
      let reported = '';
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
        if (desk === null) return;
        const { published, pending, revised, unpublished, held } = desk.work.stats();
        const detail = { published, pending, revised, unpublished, held, ...desk.report() };
        const text = JSON.stringify(detail);
        if (text !== reported) ctx.report(detail);
        reported = text;
      };
      const opening = open(context, init).then((opened) => {
        desk = opened;
        return opened;
      });
      const beginning = opening
        .then(({ work }) => (ctx.signal.aborted ? undefined : work.begin()))
        .catch((thrown: unknown) => {
          if (!ctx.signal.aborted) ctx.fail(asError(thrown));
        });
      ctx.setInterval('keep-alive', KEEP_ALIVE_MS, { type: 'keep-alive' });
      ctx.setInterval('report', REPORT_MS, { type: 'report' });

      return {
        handlers: {
          deadline: () => desk?.work.onTime(),
          'keep-alive': () => {
            desk?.work.onTime();
            desk?.work.beat();
          },
          report,
          latest: ({ cameraId }) => desk?.work.latest(cameraId) ?? null,
          stats: () => desk?.work.stats() ?? NOTHING,
        },
        stop: async (reason) => {
          // One that is not set up yet has nothing in hand.
          if (desk === null) {
            opening.then((opened) => opened.close()).catch(() => undefined);
            return;
          }
          // It gives up with the signal; a lock that it has just got is to be given back.
          await beginning;
          await desk.work.finish(reason);
          await desk.close();
        },
      };
    },
  });

/** What it opens in its thread: connections of its own. */
export interface AggregatorInit {
  readonly natsUrl: string;
  /** See `BusOptions`. */
  readonly inHandFile?: string | undefined;
  /** Null when the operator switched Redis off. */
  readonly redisUrl: string | null;
  /** This process among the aggregators, the same after a restart. */
  readonly holder: string;
  readonly deadlineMs: number;
  /** Called with every alert, see `callAlertHooks`. */
  readonly alertHooks: readonly string[];
}

/**
 * The aggregator as a thread runs it. What it does for a frame is a third of the work, and what people see next waits
 * for it: neither holds up the rest, nor the rest it. Its libraries take long to load: after the start.
 */
export const aggregatorActor = aggregatorAt<AggregatorInit>(
  async (ctx, init) => (await import('./aggregator/desk.ts')).openDesk(ctx, init),
  { url: import.meta.url, name: 'aggregatorActor' },
);
