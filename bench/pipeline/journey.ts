/** Joins the sightings of each frame on its way, and splits its time into stages. Pure; all times in ms. */
import type { LoadBatch, ProviderCall, SeenAggregate, SeenResult, Sent, ViewerBatch } from './orders.ts';

/**
 * The stages of the frame's last answered group, up to the revision that has the model's answers about all its groups;
 * their sum is the time from publish to WebSocket. `model: provider` is
 * the provider's own figure, `model: transit` the rest of Gantry's `modelMs`. Stages between Gantry's own timestamps
 * are exact to a millisecond.
 */
export const STAGES = [
  'detection -> its turn',
  'picture',
  'lease',
  'lease -> sent',
  'model: provider',
  'model: transit',
  'assessed -> result on the bus',
  'result -> aggregate made',
  'made -> aggregate on the bus',
  'aggregate on the bus -> WebSocket',
] as const;
export type Stage = (typeof STAGES)[number];

export interface Journey {
  readonly at: number;
  /** From publish to revision 0 on the WebSocket: boxes, with the verdicts that are there already. */
  readonly first: number;
  /** The same to the revision with all answers; `added` is without the provider's time. */
  readonly total: number;
  readonly added: number;
  /** Without `modelMs`, which includes the transit over HTTP. */
  readonly addedWithoutTransit: number;
  /** From the aggregate's making to a Redis subscriber; null when it did not arrive. */
  readonly redis: number | null;
  readonly stages: Readonly<Record<Stage, number>>;
}

export interface Tally {
  readonly frames: number;
  readonly groups: number;
  /** Frames of which no aggregate arrived; revisions that reached the viewer more than once. */
  readonly lost: number;
  readonly doubled: number;
  /** Groups that the viewer never saw assessed by the model. */
  readonly unjudged: number;
  /** Alerts that reached the viewer. */
  readonly alerts: number;
  readonly journeys: readonly Journey[];
}

interface Frame {
  /** Null until the load reports it: reports arrive in any order. */
  sent: Sent | null;
  readonly results: SeenResult[];
  /** Its revisions: in their stream, at a Redis subscriber, at the viewer. */
  readonly stored: SeenAggregate[];
  readonly redis: SeenAggregate[];
  readonly pushed: SeenAggregate[];
}

type SentFrame = Frame & { readonly sent: Sent };

export class Ledger {
  readonly #frames = new Map<string, Frame>();
  #alerts = 0;

  load(batch: LoadBatch): void {
    for (const sent of batch.sent) this.#frame(sent).sent = sent;
    for (const result of batch.results) this.#frame(result).results.push(result);
    for (const seen of batch.aggregates) this.#frame(seen).stored.push(seen);
  }

  viewer(batch: ViewerBatch): void {
    this.#alerts += batch.alerts;
    for (const seen of batch.pushed) this.#frame(seen).pushed.push(seen);
    for (const seen of batch.redis) this.#frame(seen).redis.push(seen);
  }

  /** Counts all frames; the journeys are those of frames published from `from` on. */
  tally(calls: readonly ProviderCall[], from: number): Tally {
    const byTrace = Map.groupBy(calls, (call) => call.traceId);
    const frames = this.#sent();
    const pushes = frames.map(({ pushed }) => pushed.map((seen) => seen.revision));
    return {
      frames: frames.length,
      groups: frames.reduce((sum, { sent }) => sum + sent.groups, 0),
      lost: pushes.filter((revisions) => revisions.length === 0).length,
      doubled: pushes.reduce((sum, revisions) => sum + revisions.length - new Set(revisions).size, 0),
      unjudged: frames.reduce(
        (sum, { sent, pushed }) => sum + sent.groups - Math.max(0, ...pushed.map((seen) => seen.judged)),
        0,
      ),
      alerts: this.#alerts,
      journeys: frames
        .filter(({ sent }) => sent.at >= from)
        .flatMap((frame) => journeyOf(frame, byTrace.get(frame.sent.traceId) ?? []) ?? []),
    };
  }

  /** Counts of the lost frames by how far they came. */
  lost(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { sent, results, stored, redis, pushed } of this.#sent()) {
      if (pushed.length > 0) continue;
      const how =
        `${results.length} results for ${sent.groups} groups, ${stored.length} revisions on the bus, ` +
        `${redis.length} on Redis`;
      counts[how] = (counts[how] ?? 0) + 1;
    }
    return counts;
  }

  #sent(): readonly SentFrame[] {
    return [...this.#frames.values()].filter((frame): frame is SentFrame => frame.sent !== null);
  }

  #frame({ requestId }: { readonly requestId: string }): Frame {
    const known = this.#frames.get(requestId);
    if (known !== undefined) return known;
    const made: Frame = { sent: null, results: [], stored: [], redis: [], pushed: [] };
    this.#frames.set(requestId, made);
    return made;
  }
}

/** Null for a frame without all its sightings. */
function journeyOf(
  { sent, results, stored, redis, pushed }: SentFrame,
  calls: readonly ProviderCall[],
): Journey | null {
  const last = results.toSorted((a, b) => b.at - a.at)[0];
  const first = pushed.find((seen) => seen.revision === 0);
  const push = pushed.find((seen) => seen.judged === sent.groups);
  const sameRevision = (seen: SeenAggregate): boolean => seen.revision === push?.revision;
  const aggregate = stored.find(sameRevision);
  const onRedis = redis.find(sameRevision);
  const slowest = calls
    .filter((call) => call.ms !== null)
    .toSorted((a, b) => b.at + (b.ms ?? 0) - a.at - (a.ms ?? 0))[0];
  const call = last?.calls.at(-1);
  if (last === undefined || call === undefined) return null;
  if (first === undefined || push === undefined || aggregate === undefined) return null;
  const provider = slowest?.ms ?? 0;
  const modelMs = call.modelMs ?? 0;
  const sendMs = call.sendMs ?? 0;
  const turnAt = sent.timestamp + (last.waitMs ?? 0);
  const leaseAskedAt = last.assessedAt - modelMs - sendMs - call.leaseMs;
  const total = push.at - sent.at;
  return {
    at: sent.at,
    first: first.at - sent.at,
    total,
    added: total - provider,
    addedWithoutTransit: total - modelMs,
    redis: onRedis === undefined ? null : onRedis.at - onRedis.madeAt,
    stages: {
      'detection -> its turn': turnAt - sent.at,
      picture: leaseAskedAt - turnAt,
      lease: call.leaseMs,
      'lease -> sent': sendMs,
      'model: provider': provider,
      'model: transit': modelMs - provider,
      'assessed -> result on the bus': last.at - last.assessedAt,
      'result -> aggregate made': aggregate.madeAt - last.at,
      'made -> aggregate on the bus': aggregate.at - aggregate.madeAt,
      'aggregate on the bus -> WebSocket': push.at - aggregate.at,
    },
  };
}
