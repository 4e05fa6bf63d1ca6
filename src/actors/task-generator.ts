import type { Bus, Delivery } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import { InfraError } from '../infra/infra-error.ts';
import { Pipeline } from '../infra/pipeline.ts';
import { redeliveryDelay } from '../infra/redelivery.ts';
import { Detection } from '../messages/detection.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import type { AssessmentTask } from '../messages/task.ts';
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
type Private = { type: 'keep-alive' };
export const TASK_GENERATOR = address<TaskGeneratorMessage>('/task-generator');

export interface TaskGeneratorInit {
  readonly bus: Bus;
  readonly validityMs: number;
}

/** Detections in our hands; the rest waits on the bus. */
const MOST_HELD = 256;
/** Detections whose tasks are on their way to the bus at once. */
const WINDOW = 16;
const RETRY_MS = 250;
/** Well within the ack wait of the consumer (10 s). */
const KEEP_ALIVE_MS = 3_000;
const FLUSH_MS = 2_000;

/** Explodes each detection's groups into prioritised tasks; acks the detection when all its tasks are on the bus. */
export const taskGeneratorActor = defineActor<TaskGeneratorMessage, Private>()<TaskGeneratorInit>({
  kind: 'task-generator',
  mailbox: { capacity: 256, overflow: 'back-pressure' },
  start: (ctx, { bus, validityMs }) => {
    const counts = { detections: 0, tasks: 0, retried: 0 };
    const queue: Delivery<Detection>[] = [];
    const held = new Set<Delivery<Detection>>();
    const work = new AbortController();
    let roomMade: (() => void)[] = [];

    const pipeline = new Pipeline<Delivery<Detection>>({
      window: WINDOW,
      retryMs: RETRY_MS,
      clock: ctx.clock,
      signal: work.signal,
      next: () => queue.shift() ?? null,
      send: (delivery) => send(delivery),
      onAway: (error) =>
        ctx.log.warn({ held: held.size, err: error.message }, `tasks wait: NATS does not take them: ${error.message}`),
      onBack: () => ctx.log.info({ held: held.size }, 'tasks go out again'),
    });

    const send = async (delivery: Delivery<Detection>): Promise<void> => {
      const { cameraId, requestId, traceId } = delivery.body;
      let tasks: readonly AssessmentTask[];
      try {
        tasks = tasksOf(delivery.body, { validityMs, replayedAt: delivery.storedAt });
        // Task ids are deterministic: what is on the bus already is recognised and not doubled.
        await Promise.all(
          tasks.map((task) =>
            bus.publish(subjects.task(task.priority, cameraId), task, { cameraId, requestId, traceId }, task.taskId),
          ),
        );
      } catch (thrown) {
        // NATS away or full: not this message's fault, it is tried again for as long as that takes.
        if (thrown instanceof InfraError && thrown.code === 'BUS_DOWN') throw thrown;
        counts.retried += 1;
        release(delivery, () => delivery.nak(redeliveryDelay(delivery.attempt)));
        ctx.log.warn(
          { cameraId, requestId, attempt: delivery.attempt, err: asError(thrown).message },
          `tasks of a frame of camera ${cameraId} wait: ${asError(thrown).message}`,
        );
        return;
      }
      release(delivery, () => delivery.ack());
      counts.detections += 1;
      counts.tasks += tasks.length;
      ctx.report({ ...counts });
    };

    /** Settles it, once. */
    const release = (delivery: Delivery<Detection>, settle: () => void): void => {
      if (!held.delete(delivery)) return;
      settle();
      wake();
    };
    const wake = (): void => {
      const made = roomMade;
      roomMade = [];
      for (const go of made) go();
    };

    const loop = consume({
      bus,
      stream: streams.detections,
      durable: consumers.taskGenerator,
      parser: Detection,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: 64,
      room: async () => {
        while (held.size >= MOST_HELD && !work.signal.aborted)
          await new Promise<void>((resolve) => roomMade.push(resolve));
      },
      take: (delivery) => {
        held.add(delivery);
        queue.push(delivery);
        pipeline.pump();
        return Promise.resolve();
      },
    });
    loop.catch((thrown: unknown) => ctx.fail(asError(thrown)));
    ctx.setInterval('keep-alive', KEEP_ALIVE_MS, { type: 'keep-alive' });

    return {
      handlers: {
        'keep-alive': () => {
          for (const delivery of held) delivery.working();
        },
        stats: () => ({ ...counts }),
      },
      // What can go out does; the rest is handed back for whoever comes next.
      stop: async () => {
        const timer = ctx.clock.setTimeout(() => work.abort(), FLUSH_MS);
        while (held.size > 0 && !pipeline.away && !work.signal.aborted) await pipeline.change();
        ctx.clock.clearTimeout(timer);
        work.abort();
        for (const delivery of held) delivery.nak(0);
        held.clear();
        wake();
      },
    };
  },
});
