/** Orders and reports of the benchmark's processes, as JSON over their channels. */
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { CallTrace } from '../../src/messages/assessment.ts';

/** Figures of the scene and its rate. */
export interface Load {
  readonly cameras: number;
  /** All cameras together. */
  readonly groupsPerSecond: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface LoadOrder extends Load {
  readonly natsUrl: string;
  /** See `clock.ts`. */
  readonly offset: number;
  /** Prefix of the cameras' names, which keeps two loads apart. */
  readonly prefix: string;
}

export interface ViewerOrder {
  readonly url: string;
  readonly redisUrl: string | null;
  readonly offset: number;
  readonly prefix: string;
}

export interface ProviderOrder {
  readonly keys: number;
  readonly qps: number;
  readonly latency: { readonly medianMs: number; readonly p95Ms: number };
}

/** A published detection; `at` is just before the publish. */
export interface Sent {
  readonly requestId: string;
  readonly traceId: string;
  readonly at: number;
  /** The frame's own time, epoch ms. */
  readonly timestamp: number;
  readonly groups: number;
}

/** The arrival of a message: in its stream, by the server's clock in whole ms, or at a subscriber. */
export interface Seen {
  readonly requestId: string;
  readonly at: number;
}

export interface SeenResult extends Seen {
  readonly groupIndex: number;
  /** Epoch ms. */
  readonly assessedAt: number;
  readonly waitMs: number | null;
  readonly calls: readonly CallTrace[];
  /** The model's answer, and not that of the rules. */
  readonly byModel: boolean;
}

export interface SeenAggregate extends Seen {
  readonly revision: number;
  /** Epoch ms. */
  readonly madeAt: number;
  /** Groups that the model has assessed in this very frame, and those whose answer is still waited for. */
  readonly judged: number;
  readonly pending: number;
}

export const seenAggregate = (
  { requestId, revision, publishedAt, riskAssessment }: Aggregate,
  at: number,
): SeenAggregate => ({
  requestId,
  at,
  revision,
  madeAt: Date.parse(publishedAt),
  // A result of an older checkout, see `--against`, has no source of its own.
  judged: riskAssessment.results.filter(
    ({ source = 'vlm', carried, riskLevel }) => source === 'vlm' && carried !== true && riskLevel !== 'unknown',
  ).length,
  pending: riskAssessment.results.filter(({ reason }) => reason === 'pending').length,
});

export interface LoadBatch {
  readonly kind: 'batch';
  readonly sent: Sent[];
  readonly results: SeenResult[];
  readonly aggregates: SeenAggregate[];
}

export interface LoadEnd {
  readonly kind: 'end';
  /** Detections whose publish, or pictures, NATS refused. */
  readonly failed: number;
  /** The generator's own lag: how much later than planned a detection was published at worst, in ms. */
  readonly latestMs: number;
}

export interface ViewerBatch {
  readonly kind: 'batch';
  readonly pushed: SeenAggregate[];
  /** From Redis's channels. */
  readonly redis: SeenAggregate[];
  alerts: number;
}

/** A call in the provider's record. */
export interface ProviderCall {
  readonly traceId: string;
  readonly at: number;
  /** From its arrival to the end of its answer; null without one. */
  readonly ms: number | null;
  readonly status: number;
}
