import type { Bus } from '../infra/bus.ts';
import { Stage } from '../infra/stage.ts';
import type { Handle } from '../infra/stage-processor.ts';
import { Detection } from '../messages/detection.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { tasksOf } from '../tasks/explode.ts';

export interface TaskGeneratorStats {
  /** Detections whose tasks are on the bus, and these tasks. */
  readonly detections: number;
  readonly tasks: number;
  /** Detections to be delivered again, because the bus refused their tasks. */
  readonly retried: number;
}

export type TaskGeneratorMessage = { type: 'stats' } & Asking<TaskGeneratorStats>;
export const TASK_GENERATOR = address<TaskGeneratorMessage>('/task-generator');

export interface TaskGeneratorInit {
  readonly bus: Bus;
  /** How long after its frame a task is worth an answer, in ms. */
  readonly validityMs: number;
}

/** Few: those requested by a node that hangs reach another one only after the ack wait. */
const IN_FLIGHT = 16;
const FLUSH_MS = 2_000;

/** Explodes each detection's groups into prioritised tasks; acks the detection when all its tasks are on the bus. */
export const taskGeneratorActor = defineActor<TaskGeneratorMessage>()<TaskGeneratorInit>({
  kind: 'task-generator',
  mailbox: { capacity: 256, overflow: 'back-pressure' },
  start: (ctx, { bus, validityMs }) => {
    const counts = { detections: 0, tasks: 0, retried: 0 };

    // Task ids are deterministic: a task that is on the bus already is recognised and not doubled.
    const explode: Handle<Detection> = ({ body, storedAt }) => {
      const { cameraId, requestId, traceId } = body;
      const messages = tasksOf(body, { validityMs, replayedAt: storedAt }).map((task) => ({
        subject: subjects.task(task.priority, cameraId),
        body: task,
        trace: { cameraId, requestId, traceId },
        id: task.taskId,
      }));
      return { kind: 'publish', messages };
    };

    const stage = new Stage({
      ctx,
      bus,
      stream: streams.detections,
      durable: consumers.taskGenerator,
      parser: Detection,
      inFlight: IN_FLIGHT,
      handle: explode,
      onSettled: (settlement) => {
        if (settlement.kind === 'retry') counts.retried += 1;
        if (settlement.kind !== 'publish') return;
        counts.detections += 1;
        counts.tasks += settlement.messages.length;
        ctx.report({ ...counts });
      },
    });

    return { handlers: { stats: () => ({ ...counts }) }, stop: () => stage.stop(FLUSH_MS) };
  },
});
