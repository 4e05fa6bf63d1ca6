import { TRACES } from '../actors/traces.types.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { AssessmentResult } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';
import type { IsSampled } from '../messages/trace-context.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { detectionSpans, pushSpan, resultSpans } from '../tracing/frame-spans.ts';
import { sampledAt } from '../tracing/sampling.ts';
import type { Span } from '../tracing/span.ts';
import type { TraceSettings } from '../tracing/trace-settings.types.ts';

/** Whether a trace is exported; none is without settings. */
export const isSampledBy = (settings: TraceSettings | null): IsSampled => sampledAt(settings?.share ?? 0);

/** Tells the traces actor of the messages that this process has published. Does nothing where no trace is sampled. */
export class FrameTraces {
  readonly isSampled: IsSampled;
  readonly #system: () => Pick<ActorSystem, 'ref'>;
  readonly #nodeId: string;
  readonly #clock: Clock;

  /** `system` is called with the first message, not before. */
  constructor(
    settings: TraceSettings | null,
    nodeId: string,
    system: () => Pick<ActorSystem, 'ref'>,
    clock: Clock = systemClock,
  ) {
    this.isSampled = isSampledBy(settings);
    this.#system = system;
    this.#nodeId = nodeId;
    this.#clock = clock;
  }

  /** To be called when the bus has the detection. */
  detected(detection: Detection): void {
    if (this.isSampled(detection.traceId)) this.#tell(detectionSpans(detection, this.#clock.now()));
  }

  /** To be called when the bus has the result. */
  answered(result: AssessmentResult): void {
    if (this.isSampled(result.traceId)) this.#tell(resultSpans(result, this.#clock.now()));
  }

  /** To be called when the aggregate was given to the viewers of this process. */
  shown(aggregate: Aggregate): void {
    if (!this.isSampled(aggregate.traceId)) return;
    const times = [Date.parse(aggregate.publishedAt), this.#clock.now()] as const;
    this.#tell([pushSpan(aggregate, 'viewers', this.#nodeId, times)]);
  }

  #tell(spans: readonly Span[]): void {
    this.#system().ref(TRACES).tell({ type: 'spans', spans });
  }
}
