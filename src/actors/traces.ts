import type { MetricRecorder } from '../infra/metric-table.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { settlesWithin } from '../runtime/time-limit.ts';
import type { OtlpSpans } from '../tracing/otlp-spans.ts';
import type { Span } from '../tracing/span.ts';
import type { BatchLimits } from '../tracing/trace-settings.types.ts';
import type { TracesMessage } from './traces.types.ts';

export interface TracesInit {
  readonly batch: BatchLimits;
  readonly version: string;
  readonly nodeId: string;
}

/** Longest wait for the last export at a stop, in ms. */
const FLUSH_MS = 1_000;
/** Spans that wait until the SDK is loaded; further ones are dropped and counted. */
const MOST_EARLY = 2_000;

/** Exports the spans of this process by OTLP. A failed export is logged once, until one works again. */
export const tracesActor = defineActor<TracesMessage>()<TracesInit>({
  kind: 'traces',
  // The handler only hands spans on. Traces must never hold up the pipeline.
  mailbox: { capacity: 5_000, overflow: 'drop-oldest' },
  start: (ctx, { batch, version, nodeId }) => {
    const metrics: MetricRecorder = ctx.metrics;
    const counts = { exported: 0, failed: 0, dropped: 0 };
    const count = (outcome: keyof typeof counts, spans: number): void => {
      counts[outcome] += spans;
      metrics.inc('trace_spans_total', spans, { outcome });
      ctx.report({ ...counts });
    };
    let down = false;
    const onExport = (error: Error | null): void => {
      if (error !== null && !down)
        ctx.log.warn({ err: error.message }, `traces cannot be exported, their spans are lost: ${error.message}`);
      if (error === null && down) ctx.log.info({}, 'traces are exported again');
      down = error !== null;
    };
    let early: Span[] = [];
    let opened: OtlpSpans | null = null;
    // The SDK is loaded only here: without traces it costs nothing.
    const opening = import('../tracing/otlp-spans.ts').then(({ OtlpSpans: Opened }) => {
      opened = new Opened({ batch, version, nodeId, onEnd: count, onExport });
      opened.add(early);
      early = [];
      return opened;
    });
    opening.catch((thrown: unknown) => ctx.fail(asError(thrown)));

    return {
      handlers: {
        spans: ({ spans }) => {
          if (opened !== null) opened.add(spans);
          else if (early.length + spans.length <= MOST_EARLY) early.push(...spans);
          else count('dropped', spans.length);
        },
      },
      stop: async () => {
        const closing = opening.then((spans) => spans.close());
        const { value: _, error, timedOut } = await settlesWithin(ctx.clock, closing, FLUSH_MS);
        if (timedOut || error !== null)
          ctx.log.warn({}, `the last spans were not exported: ${timedOut ? 'no answer' : (error?.message ?? '')}`);
      },
    };
  },
});
