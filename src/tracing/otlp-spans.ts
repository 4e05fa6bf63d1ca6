/**
 * Spans sent to an OTLP endpoint by OpenTelemetry's SDK, whose standard variables hold. Loaded only where traces are
 * exported.
 */
import {
  type Attributes,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  type ReadableSpan,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { asError } from '../runtime/errors.ts';
import type { Span } from './span.ts';
import type { BatchLimits } from './trace-settings.types.ts';

export interface OtlpSpansOptions {
  /** Of the process that exports: its version, and its name among the nodes. */
  readonly version: string;
  readonly nodeId: string;
  readonly batch: BatchLimits;
  /** `dropped`: the queue was full. */
  readonly onEnd: (outcome: 'exported' | 'failed' | 'dropped', spans: number) => void;
  /** Told of each export that failed, and with null of each that did not. */
  readonly onExport: (error: Error | null) => void;
  /** Default: by OTLP. */
  readonly exporter?: SpanExporter;
}

const KINDS = { internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, client: SpanKind.CLIENT } as const;

/** Exports spans in batches. A bounded number waits; further ones are dropped and counted. */
export class OtlpSpans {
  readonly #options: OtlpSpansOptions;
  readonly #ids = new GivenIds();
  readonly #exporter: CountedExporter;
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  #added = 0;

  constructor(options: OtlpSpansOptions) {
    this.#options = options;
    const { version, nodeId, batch } = options;
    this.#exporter = new CountedExporter(options.exporter ?? new OTLPTraceExporter(), options);
    // The operator's names come before ours.
    const resource = defaultResource()
      .merge(
        resourceFromAttributes({
          'service.name': 'gantry',
          'service.version': version,
          'service.instance.id': nodeId,
        }),
      )
      .merge(detectResources({ detectors: [envDetector] }));
    this.#provider = new TracerProvider({
      resource,
      idGenerator: this.#ids,
      // Whoever makes the spans has sampled them.
      sampler: new AlwaysOnSampler(),
      spanProcessors: [new BatchSpanProcessor({ exporter: this.#exporter, ...batch })],
    });
    this.#tracer = this.#provider.getTracer('gantry', version);
  }

  add(spans: readonly Span[]): void {
    for (const span of spans) {
      if (this.#added - this.#exporter.taken >= this.#options.batch.maxQueueSize) {
        this.#options.onEnd('dropped', 1);
        continue;
      }
      this.#added += 1;
      this.#start(span);
    }
  }

  /** Exports the spans that wait. Rejects when that fails. */
  close(): Promise<void> {
    return this.#provider.shutdown();
  }

  #start({ traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, error }: Span): void {
    this.#ids.give(traceId, spanId);
    const parent =
      parentSpanId === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId,
            spanId: parentSpanId,
            traceFlags: TraceFlags.SAMPLED,
            isRemote: true,
          });
    const options = { kind: KINDS[kind], startTime: hrTime(startMs), attributes: attributes satisfies Attributes };
    const span = this.#tracer.startSpan(name, options, parent);
    if (error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(hrTime(endMs));
  }
}

/** As seconds and nanoseconds: the SDK reads a number as a time since the process began when it is small enough. */
const hrTime = (epochMs: number): [number, number] => {
  const seconds = Math.floor(epochMs / 1_000);
  return [seconds, Math.round((epochMs - seconds * 1_000) * 1e6)];
};

/** Gives the SDK the ids that every process derives alike. */
class GivenIds implements IdGenerator {
  #traceId = '';
  #spanId = '';

  give(traceId: string, spanId: string): void {
    this.#traceId = traceId;
    this.#spanId = spanId;
  }

  generateTraceId(): string {
    return this.#traceId;
  }

  generateSpanId(): string {
    return this.#spanId;
  }
}

/** Counts the spans that the SDK hands to an exporter, by how that ended. */
class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #options: Pick<OtlpSpansOptions, 'onEnd' | 'onExport'>;
  taken = 0;

  constructor(exporter: SpanExporter, options: Pick<OtlpSpansOptions, 'onEnd' | 'onExport'>) {
    this.#exporter = exporter;
    this.#options = options;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    const { onEnd, onExport } = this.#options;
    this.taken += spans.length;
    this.#exporter.export(spans, (result) => {
      // 0 is success. The names of the codes are in a package that only the SDK loads.
      // oxlint-disable-next-line typescript/no-unsafe-enum-comparison -- see above
      const isOk = result.code === 0;
      onEnd(isOk ? 'exported' : 'failed', spans.length);
      onExport(isOk ? null : asError(result.error ?? new Error('the exporter gives no reason')));
      // The failure is told: the SDK would only tell its own log of it.
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- see above
      done({ code: 0 });
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}
