import type { Bus, ClipStore, Requests } from '../infra/bus.ts';
import { isBusDown } from '../infra/infra-error.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { LineLimit } from '../infra/line-limit.ts';
import { Stage } from '../infra/stage.ts';
import { DONE, type Message, type Outcome } from '../infra/stage-processor.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { clipped } from '../messages/bounds.ts';
import type { RequestId } from '../messages/ids.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import { ClipAnswer } from '../messages/wanted.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

export interface AlertClipsInit {
  readonly bus: Bus;
  readonly requests: Pick<Requests, 'ask'>;
  readonly clips: Pick<ClipStore, 'find' | 'putNone'>;
}

/** Alerts whose clip is awaited at once. */
const MOST_AWAITED = 32;
/** The clip ends 5 s after its frame; the rest is for making and storing it. */
const ANSWER_MS = 20_000;
const AGAIN_MS = 2_000;
/** A node keeps the last 12 s of its cameras, so that a clip of an older alert cannot be made any more. */
const GIVE_UP_MS = 20_000;
const FLUSH_MS = 1_000;
const LOG_EVERY_MS = 1_000;

/** Ends of a clip, as the metric counts them. */
export const CLIP_ENDS = {
  stored: 'it is kept',
  refused: 'the node that reads the camera has none',
  nobody: 'no node reads the camera',
  silent: 'no node that reads the camera answered in time',
  failed: 'it could not be made or stored in time',
  late: 'the alert came too late for it',
} as const;
export type ClipEnd = keyof typeof CLIP_ENDS;

/** The next step for an alert's clip. */
export type ClipStep =
  | { readonly kind: 'end'; readonly end: ClipEnd; readonly reason: string }
  | { readonly kind: 'again'; readonly reason: string };

/** What an answer means for a clip whose frame is `ageMs` old. Pure. */
export function clipStep(answer: Awaited<ReturnType<typeof askFor>>, ageMs: number): ClipStep {
  const [end, reason]: readonly [ClipEnd, string] =
    answer.outcome !== 'answered'
      ? [answer.outcome, CLIP_ENDS[answer.outcome]]
      : answer.body.outcome === 'stored'
        ? ['stored', CLIP_ENDS.stored]
        : [answer.body.outcome === 'none' ? 'refused' : 'failed', answer.body.reason];
  const isFinal = end === 'stored' || end === 'refused' || ageMs >= GIVE_UP_MS;
  return isFinal ? { kind: 'end', end, reason } : { kind: 'again', reason };
}

const askFor = (
  requests: AlertClipsInit['requests'],
  { cameraId, requestId, timestamp }: Pick<Aggregate, 'cameraId' | 'requestId' | 'timestamp'>,
) => requests.ask(subjects.clipWanted(cameraId), { cameraId, requestId, timestamp }, ClipAnswer, ANSWER_MS);

/**
 * Has a clip stored around each alert, by the node that reads the camera. Repeats a request while the answer may still
 * change, then records why there is none; however often that fails, an alert becomes no dead letter. Shows in the tree
 * how many clips ended in which way.
 */
export const alertClipsActor = defineActor<never>()<AlertClipsInit>({
  kind: 'alert-clips',
  mailbox: { capacity: 100, overflow: 'refuse' },
  start: (ctx, init) => {
    const keeper = new ClipKeeper(ctx, init);
    const stage = new Stage({
      ctx,
      bus: init.bus,
      stream: streams.alerts,
      durable: consumers.alertClips,
      parser: Aggregate,
      inFlight: MOST_AWAITED,
      handle: (message) => keeper.handle(message),
    });
    return { handlers: {}, stop: () => stage.stop(FLUSH_MS) };
  },
});

class ClipKeeper {
  readonly #ctx: ActorContext<never>;
  readonly #init: AlertClipsInit;
  readonly #metrics: Pick<MetricRecorder, 'inc'>;
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  readonly #ends: Record<ClipEnd, number> = { stored: 0, refused: 0, nobody: 0, silent: 0, failed: 0, late: 0 };
  /** Clips under way; revisions of an alert wait for the same. */
  readonly #awaited = new Map<RequestId, Promise<Outcome>>();

  constructor(ctx: ActorContext<never>, init: AlertClipsInit) {
    this.#ctx = ctx;
    this.#init = init;
    this.#metrics = ctx.metrics;
  }

  handle({ body, attempt }: Pick<Message<Aggregate>, 'body' | 'attempt'>): Promise<Outcome> {
    const { requestId } = body;
    const before = this.#awaited.get(requestId);
    if (before !== undefined) return before;
    const outcome = this.#keep(body, attempt).finally(() => this.#awaited.delete(requestId));
    this.#awaited.set(requestId, outcome);
    return outcome;
  }

  /** Rejects only while NATS is down, which is no failure of the alert. */
  async #keep(alert: Aggregate, attempt: number): Promise<Outcome> {
    const { clock, signal } = this.#ctx;
    try {
      if ((await this.#init.clips.find(alert.requestId)) !== null) return DONE;
      const at = Date.parse(alert.timestamp);
      // Of an outage, or from before there were clips.
      if (attempt === 1 && clock.now() - at >= GIVE_UP_MS) return await this.#end(alert, 'late', CLIP_ENDS.late);
      const answer = await askFor(this.#init.requests, alert);
      const step = clipStep(answer, clock.now() - at);
      return step.kind === 'again'
        ? { kind: 'retry', afterMs: AGAIN_MS }
        : await this.#end(alert, step.end, step.reason);
    } catch (thrown) {
      if (signal.aborted || isBusDown(thrown)) throw thrown;
      return this.#end(alert, 'failed', asError(thrown).message);
    }
  }

  async #end({ cameraId, requestId }: Aggregate, end: ClipEnd, reason: string): Promise<Outcome> {
    if (end !== 'stored') await this.#init.clips.putNone(requestId, clipped(reason));
    this.#ends[end] += 1;
    this.#metrics.inc('alert_clips_total', 1, { outcome: end });
    this.#ctx.report({ ...this.#ends });
    if (end !== 'stored' && this.#lines.mayLog())
      this.#ctx.log.warn(
        { cameraId, requestId, end, reason },
        `there is no clip of an alert of camera ${cameraId}: ${reason}`,
      );
    return DONE;
  }
}
