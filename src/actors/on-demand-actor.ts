import { shrinkJpeg } from '../imaging/shrink.ts';
import type { Bus, ImageStore } from '../infra/bus.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import { Stage } from '../infra/stage.ts';
import { DONE, type Outgoing } from '../infra/stage-processor.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import { AssessmentResult } from '../messages/assessment.ts';
import { cropImageId, newRequestId, newTraceId, ON_DEMAND_CAMERA, taskId } from '../messages/ids.ts';
import type { OnDemandStatus } from '../messages/on-demand.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import type { AssessmentTask, Priority } from '../messages/task.ts';
import type { WebhookJob } from '../messages/webhook.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { putPicture } from './put-picture.ts';

export interface Submission {
  readonly jpeg: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly priority: Priority;
  readonly hookUrl: string | null;
  /** Name of the principal that handed it in. */
  readonly by: string;
}

export type OnDemandMessage =
  /** `full`: no more may wait now. */
  | ({ readonly type: 'submit'; readonly submission: Submission } & Asking<OnDemandStatus | 'full'>)
  | ({ readonly type: 'get'; readonly id: string } & Asking<OnDemandStatus | null>);
type Private = { readonly type: 'sweep' };
export const ON_DEMAND = address<OnDemandMessage>('/on-demand');

export interface OnDemandInit {
  readonly bus: Bus;
  readonly images: ImageStore;
  readonly store: OnDemandStore;
  /** How long a task is worth an answer, in ms. */
  readonly validityMs: number;
}

const MOST_WAITING = 500;
const IN_FLIGHT = 8;
const FLUSH_MS = 1_000;
const SWEEP_MS = 5_000;
const MOST_SWEPT = 50;
/** A task without an answer this long after it expired got lost. */
const LOST_MS = 60_000;

/**
 * Pictures that people submit: each becomes a task of the same queues as those of cameras; its result becomes a status
 * that is read by id, and calls a webhook where one was asked for.
 */
export const onDemandActor = defineActor<OnDemandMessage, Private>()<OnDemandInit>({
  kind: 'on-demand',
  mailbox: { capacity: 256, overflow: 'back-pressure' },
  start: (ctx, init) => {
    const { bus, store } = init;
    const submissions = new Submissions(ctx, init);
    const stage = new Stage({
      ctx,
      bus,
      stream: streams.results,
      durable: consumers.onDemandResults,
      parser: AssessmentResult,
      inFlight: IN_FLIGHT,
      handle: async ({ body }) => {
        const call = await submissions.finish(body.requestId, (status) => answered(status, body));
        return call === null ? DONE : { kind: 'publish', messages: [call] };
      },
    });
    ctx.setInterval('sweep', SWEEP_MS, { type: 'sweep' });
    return {
      handlers: {
        submit: ({ submission }) => submissions.submit(submission),
        get: ({ id }) => store.get(id),
        sweep: () => submissions.sweep(),
      },
      stop: () => stage.stop(FLUSH_MS),
    };
  },
});

/** The pictures submitted through this node in this incarnation, from their arrival to their end. */
class Submissions {
  readonly #ctx: Pick<ActorContext<never>, 'clock' | 'log' | 'report'>;
  readonly #init: OnDemandInit;
  /** From id to the time when the task counts as lost, in epoch ms. */
  readonly #waiting = new Map<string, number>();
  readonly #counts = { submitted: 0, done: 0, unknown: 0 };

  constructor(ctx: Pick<ActorContext<never>, 'clock' | 'log' | 'report'>, init: OnDemandInit) {
    this.#ctx = ctx;
    this.#init = init;
  }

  /** Stores the picture and its status, then puts its task on the bus. Rejects when one of these fails. */
  async submit(submission: Submission): Promise<OnDemandStatus | 'full'> {
    if (this.#waiting.size >= MOST_WAITING) return 'full';
    const { bus, images, store, validityMs } = this.#init;
    const now = this.#ctx.clock.now();
    const status = queued(submission, now, now + validityMs);
    const { id, traceId, priority } = status;
    this.#waiting.set(id, now + validityMs + LOST_MS);
    try {
      const { jpeg } = submission;
      await putPicture(images, { id: cropImageId(id, 1), jpeg, cameraId: ON_DEMAND_CAMERA }, shrinkJpeg);
      await store.create(status);
      await bus.publish(
        subjects.task(priority, ON_DEMAND_CAMERA),
        taskFor(status),
        { cameraId: ON_DEMAND_CAMERA, requestId: id, traceId },
        taskId(id, 1),
      );
    } catch (thrown) {
      this.#waiting.delete(id);
      throw thrown;
    }
    this.#counts.submitted += 1;
    this.#report();
    return status;
  }

  /**
   * Writes the end, unless one is written. Resolves to the call of its webhook, to be published; null without one. Safe
   * to repeat.
   */
  async finish(id: string, end: (status: OnDemandStatus) => OnDemandStatus): Promise<Outgoing | null> {
    const status = await this.#init.store.change(id, (known) => {
      if (known.state !== 'queued') return known;
      const finished = end(known);
      return finished.hook === null
        ? finished
        : { ...finished, hook: { ...finished.hook, state: 'pending', nextAttemptAt: finished.finishedAt } };
    });
    this.#waiting.delete(id);
    if (status === null) return null;
    this.#counts[status.state === 'done' ? 'done' : 'unknown'] += 1;
    this.#report();
    return hookCallOf(status, this.#ctx.clock.now());
  }

  /** Ends the tasks that got lost, and forgets those that were answered through another node. */
  async sweep(): Promise<void> {
    const { bus, store } = this.#init;
    const now = this.#ctx.clock.now();
    for (const [id, lostAt] of [...this.#waiting].slice(0, MOST_SWEPT)) {
      try {
        const state = (await store.get(id))?.state;
        if (state !== 'queued') this.#waiting.delete(id);
        if (state !== 'queued' || lostAt > now) continue;
        const call = await this.finish(id, (status) => ({
          ...status,
          state: 'unknown',
          finishedAt: new Date(now).toISOString(),
          error: { code: 'expired', message: 'no answer came in time' },
        }));
        if (call !== null) await bus.publish(call.subject, call.body, call.trace, call.id);
      } catch (thrown) {
        this.#ctx.log.debug({ id, err: asError(thrown).message }, 'a waiting assessment cannot be looked at now');
        if (thrown instanceof InfraError && thrown.code === 'BUS_DOWN') return;
      }
    }
  }

  #report(): void {
    this.#ctx.report({ ...this.#counts, waiting: this.#waiting.size });
  }
}

/** `now` and `expiresAt` in epoch ms. */
function queued({ width, height, priority, hookUrl, by }: Submission, now: number, expiresAt: number): OnDemandStatus {
  const id = newRequestId();
  return {
    id,
    traceId: newTraceId(),
    state: 'queued',
    priority,
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
    finishedAt: null,
    imageWidth: width,
    imageHeight: height,
    imageId: cropImageId(id, 1),
    assessment: null,
    source: null,
    llmModel: null,
    llmLatency: null,
    error: null,
    by,
    hookUrl,
    hook:
      hookUrl === null
        ? null
        : {
            url: urlOrigin(hookUrl),
            state: 'waiting',
            attempts: 0,
            lastStatus: null,
            lastError: null,
            nextAttemptAt: null,
          },
  };
}

/** Null when no webhook was asked for. `now` in epoch ms. */
function hookCallOf({ hookUrl: url, hook: _hook, ...data }: OnDemandStatus, now: number): Outgoing | null {
  if (url === null) return null;
  const id = `assessment-${data.id}`;
  const job: WebhookJob = {
    id,
    kind: 'assessment',
    url,
    createdAt: new Date(now).toISOString(),
    assessmentId: data.id,
    body: JSON.stringify({ type: 'assessment', id, data }),
  };
  const trace = { cameraId: ON_DEMAND_CAMERA, requestId: data.id, traceId: data.traceId };
  return { subject: subjects.webhook('assessment'), body: job, trace, id };
}

/** The whole picture as one group without members: nothing was detected on it. */
const taskFor = ({
  id,
  traceId,
  priority,
  createdAt,
  expiresAt,
  imageWidth,
  imageHeight,
}: OnDemandStatus): AssessmentTask => ({
  taskId: taskId(id, 1),
  requestId: id,
  cameraId: ON_DEMAND_CAMERA,
  timestamp: createdAt,
  traceId,
  priority,
  expiresAt,
  group: {
    groupIndex: 1,
    groupId: id,
    objectCount: 0,
    classes: [],
    bbox: [0, 0, imageWidth, imageHeight],
    averageConfidence: 0,
    memberIndices: [],
    features: {
      density: 0,
      meanSpacing: 0,
      minSpacing: 0,
      vehicleCount: 0,
      personCount: 0,
      minPersonVehicleDistance: null,
      maxSpeed: null,
      maxClosingSpeed: null,
    },
    cropId: cropImageId(id, 1),
  },
  members: [],
  imageWidth,
  imageHeight,
});

function answered(
  status: OnDemandStatus,
  { results, source, metadata, error, timestamp }: AssessmentResult,
): OnDemandStatus {
  const [first] = results;
  const { riskLevel, confidence, riskTypes, description, dangerObjectCount } = first ?? {
    riskLevel: 'unknown' as const,
    confidence: 0,
    riskTypes: [],
    description: '',
    dangerObjectCount: 0,
  };
  return {
    ...status,
    state: riskLevel === 'unknown' ? 'unknown' : 'done',
    finishedAt: timestamp,
    assessment: { riskLevel, confidence, riskTypes: [...riskTypes], description, dangerObjectCount },
    source,
    llmModel: metadata.llmModel,
    llmLatency: metadata.llmLatency,
    error: error ?? null,
  };
}
