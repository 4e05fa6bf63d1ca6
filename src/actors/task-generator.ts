import type { Bus, Delivery } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import { Detection } from '../messages/detection.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { tasksOf } from '../tasks/explode.ts';

export interface TaskGeneratorStats {
  readonly detections: number;
  readonly tasks: number;
  readonly retried: number;
}

export type TaskGeneratorMessage = { type: 'stats' } & Asking<TaskGeneratorStats>;
type Private = { type: 'detection'; delivery: Delivery<Detection> };
export const TASK_GENERATOR = address<TaskGeneratorMessage>('/task-generator');

export interface TaskGeneratorInit {
  readonly bus: Bus;
  readonly validityMs: number;
}

const RETRY_MS = 1_000;
const OFFER_TIMEOUT_MS = 20_000;

/** Explodes each detection's groups into prioritised tasks; acks the detection when all its tasks are on the bus. */
export const taskGeneratorActor = defineActor<TaskGeneratorMessage, Private>()<TaskGeneratorInit>({
  kind: 'task-generator',
  mailbox: { capacity: 256, overflow: 'back-pressure' },
  start: (ctx, { bus, validityMs }) => {
    let detections = 0;
    let tasks = 0;
    let retried = 0;

    const loop = consume({
      bus,
      stream: streams.detections,
      durable: consumers.taskGenerator,
      parser: Detection,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: 64,
      take: (delivery) => ctx.self.offer({ type: 'detection', delivery }, { timeoutMs: OFFER_TIMEOUT_MS }),
    });
    loop.catch((thrown: unknown) => ctx.fail(asError(thrown)));

    return {
      handlers: {
        detection: async ({ delivery }) => {
          const { cameraId, requestId, traceId } = delivery.body;
          try {
            for (const task of tasksOf(delivery.body, { validityMs })) {
              await bus.publish(subjects.task(task.priority, cameraId), task, { cameraId, requestId, traceId }, task.taskId);
              tasks += 1;
            }
          } catch (thrown) {
            // Task ids are deterministic: what is on the bus already is recognised and not doubled.
            retried += 1;
            delivery.nak(RETRY_MS);
            ctx.log.warn({ cameraId, requestId, err: asError(thrown).message }, `tasks of a frame of camera ${cameraId} wait: ${asError(thrown).message}`);
            return;
          }
          delivery.ack();
          detections += 1;
          ctx.report({ detections, tasks, retried });
        },
        stats: () => ({ detections, tasks, retried }),
      },
    };
  },
});
