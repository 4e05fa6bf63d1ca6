/** What the processes of the benchmark are started with and what they report, as JSON over their channel. */
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
  /** Begin of the cameras' names, so that two loads do not mix. */
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

/** A detection that was published; `at` is the moment before. */
export interface Sent {
  readonly requestId: string;
  readonly traceId: string;
  readonly at: number;
  /** The frame's own time, epoch ms. */
  readonly timestamp: number;
  readonly groups: number;
}

/** A message and when it was there: in its stream, by the server's clock to the millisecond, or at who follows it. */
export interface Seen {
  readonly requestId: string;
  readonly at: number;
}

export interface SeenResult extends Seen {
  readonly groupIndex: number;
  /** When it was assessed, epoch ms. */
  readonly assessedAt: number;
  readonly waitMs: number | null;
  readonly calls: readonly CallTrace[];
  readonly unknown: boolean;
}

export interface SeenAggregate extends Seen {
  readonly revision: number;
  /** When it was made, epoch ms. */
  readonly madeAt: number;
  readonly missing: number;
}

export const seenAggregate = (
  { requestId, revision, publishedAt, riskAssessment }: Aggregate,
  at: number,
): SeenAggregate => ({
  requestId,
  at,
  revision,
  madeAt: Date.parse(publishedAt),
  missing: riskAssessment.missingGroups.length,
});

export interface LoadBatch {
  readonly kind: 'batch';
  readonly sent: Sent[];
  readonly results: SeenResult[];
  readonly aggregates: SeenAggregate[];
}

export interface LoadEnd {
  readonly kind: 'end';
  /** Detections and pictures that NATS did not take. */
  readonly failed: number;
  /** How much later than planned a detection went out at worst, in ms: the generator's own lag. */
  readonly latestMs: number;
}

export interface ViewerBatch {
  readonly kind: 'batch';
  readonly pushed: SeenAggregate[];
  /** Of Redis's channels. */
  readonly redis: SeenAggregate[];
  alerts: number;
}

/** A call as the provider saw it. */
export interface ProviderCall {
  readonly traceId: string;
  readonly at: number;
  /** From its arrival to the end of its answer; null while there was none. */
  readonly ms: number | null;
  readonly status: number;
}
