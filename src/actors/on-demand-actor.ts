import { shrinkJpeg } from '../imaging/shrink.ts';
import type { Bus, Delivery, ImageStore } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import { redeliveryDelay } from '../infra/redelivery.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import { AssessmentResult } from '../messages/assessment.ts';
import { cropImageId, newRequestId, newTraceId, ON_DEMAND_CAMERA, taskId } from '../messages/ids.ts';
import type { OnDemandStatus } from '../messages/on-demand.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import type { AssessmentTask, Priority } from '../messages/task.ts';
import type { WebhookJob } from '../messages/webhook.ts';
import { defineActor } from '../runtime/actor.ts';
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
}

export type OnDemandMessage =
  /** `full`: as many as may wait do. */
  | ({ readonly type: 'submit'; readonly submission: Submission } & Asking<OnDemandStatus | 'full'>)
  | ({ readonly type: 'get'; readonly id: string } & Asking<OnDemandStatus | null>);
type Private = { readonly type: 'result'; readonly delivery: Delivery<AssessmentResult> } | { readonly type: 'sweep' };
export const ON_DEMAND = address<OnDemandMessage>('/on-demand');

export interface OnDemandInit {
  readonly bus: Bus;
  readonly images: ImageStore;
  readonly store: OnDemandStore;
  /** How long an answer is waited for, in ms. */
  readonly validityMs: number;
}

const MOST_WAITING = 500;
const OFFER_TIMEOUT_MS = 20_000;
const SWEEP_MS = 5_000;
const MOST_SWEPT = 50;
/** A task that nobody answered this long after its end got lost. */
const LOST_MS = 60_000;

/**
 * Pictures that people hand in: each becomes a task of the same queue as those of cameras, and its result a status by
 * id, and a webhook where one was asked for.
 */
export const onDemandActor = defineActor<OnDemandMessage, Private>()<OnDemandInit>({
  kind: 'on-demand',
  mailbox: { capacity: 256, overflow: 'back-pressure' },
  start: (ctx, { bus, images, store, validityMs }) => {
    /** Of this node and incarnation: id to the time it is taken for lost, in epoch ms. */
    const waiting = new Map<string, number>();
    const counts = { submitted: 0, done: 0, unknown: 0 };
    const report = (): void => ctx.report({ ...counts, waiting: waiting.size });

    const submit = async ({ jpeg, width, height, priority, hookUrl }: Submission): Promise<OnDemandStatus | 'full'> => {
      if (waiting.size >= MOST_WAITING) return 'full';
      const id = newRequestId();
      const traceId = newTraceId();
      const now = ctx.clock.now();
      const createdAt = new Date(now).toISOString();
      const expiresAt = new Date(now + validityMs).toISOString();
      const imageId = cropImageId(id, 1);
      const status: OnDemandStatus = {
        id,
        traceId,
        state: 'queued',
        priority,
        createdAt,
        expiresAt,
        finishedAt: null,
        imageWidth: width,
        imageHeight: height,
        imageId,
        assessment: null,
        source: null,
        llmModel: null,
        llmLatency: null,
        error: null,
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
      waiting.set(id, now + validityMs + LOST_MS);
      try {
        await putPicture(images, imageId, jpeg, shrinkJpeg);
        await store.create(status);
        await bus.publish(
          subjects.task(priority, ON_DEMAND_CAMERA),
          taskFor(status),
          { cameraId: ON_DEMAND_CAMERA, requestId: id, traceId },
          taskId(id, 1),
        );
      } catch (thrown) {
        waiting.delete(id);
        throw thrown;
      }
      counts.submitted += 1;
      report();
      return status;
    };

    /** Writes the end, and has the hook called. Safe to repeat. */
    const finish = async (id: string, end: (status: OnDemandStatus) => OnDemandStatus): Promise<void> => {
      const status = await store.change(id, (known) => {
        if (known.state !== 'queued') return known;
        const finished = end(known);
        return finished.hook === null
          ? finished
          : { ...finished, hook: { ...finished.hook, state: 'pending', nextAttemptAt: finished.finishedAt } };
      });
      waiting.delete(id);
      if (status === null) return;
      if (status.state === 'done') counts.done += 1;
      else counts.unknown += 1;
      report();
      if (status.hookUrl === null) return;
      const { hookUrl: url, hook: _hook, ...data } = status;
      const hookId = `assessment-${id}`;
      const job: WebhookJob = {
        id: hookId,
        kind: 'assessment',
        url,
        createdAt: new Date(ctx.clock.now()).toISOString(),
        assessmentId: id,
        body: JSON.stringify({ type: 'assessment', id: hookId, data }),
      };
      await bus.publish(
        subjects.webhook('assessment'),
        job,
        { cameraId: ON_DEMAND_CAMERA, requestId: id, traceId: status.traceId },
        hookId,
      );
    };

    const sweep = async (): Promise<void> => {
      const now = ctx.clock.now();
      for (const [id, lostAt] of [...waiting].slice(0, MOST_SWEPT)) {
        const message = 'no answer came in time';
        try {
          // Answered through another node: its results go to whichever node takes them.
          const state = (await store.get(id))?.state;
          if (state !== 'queued') waiting.delete(id);
          if (state !== 'queued' || lostAt > now) continue;
          await finish(id, (status) => ({
            ...status,
            state: 'unknown',
            finishedAt: new Date(now).toISOString(),
            error: { code: 'expired', message },
          }));
        } catch (thrown) {
          ctx.log.debug({ id, err: asError(thrown).message }, 'a waiting assessment cannot be looked at now');
          if (thrown instanceof InfraError && thrown.code === 'BUS_DOWN') return;
        }
      }
    };

    const loop = consume({
      bus,
      stream: streams.results,
      durable: consumers.onDemandResults,
      parser: AssessmentResult,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: 32,
      take: (delivery) => ctx.self.offer({ type: 'result', delivery }, { timeoutMs: OFFER_TIMEOUT_MS }),
    });
    loop.catch((thrown: unknown) => ctx.fail(asError(thrown)));
    ctx.setInterval('sweep', SWEEP_MS, { type: 'sweep' });

    return {
      handlers: {
        submit: ({ submission }) => submit(submission),
        get: ({ id }) => store.get(id),
        result: async ({ delivery }) => {
          const { requestId } = delivery.body;
          try {
            await finish(requestId, (status) => ended(status, delivery.body));
            delivery.ack();
          } catch (thrown) {
            delivery.nak(redeliveryDelay(delivery.attempt));
            ctx.log.warn(
              { id: requestId, err: asError(thrown).message },
              `the result of assessment ${requestId} waits: ${asError(thrown).message}`,
            );
          }
        },
        sweep,
      },
    };
  },
});

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

function ended(
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
