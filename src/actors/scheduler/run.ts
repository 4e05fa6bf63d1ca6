import type { Bus, Delivery } from '../../infra/bus.ts';
import { MOST_DELIVERIES, redeliveryDelay } from '../../infra/redelivery.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import { subjects } from '../../messages/subjects.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { Assessed } from './assess.ts';
import { pause } from './pause.ts';

const PUBLISH_AGAIN_MS = 250;

export interface RunOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Aborted: stop waiting for the bus. */
  readonly abort: AbortSignal;
}

export type RunEnd =
  | { readonly kind: 'published'; readonly result: AssessmentResult }
  | { readonly kind: 'handed-back' };

/** One delivery from judgement to ack: the task is acked only when its result is stored. Never rejects. */
export async function runTask(
  delivery: Delivery<AssessmentTask>,
  assess: (task: AssessmentTask) => Promise<Assessed>,
  options: RunOptions,
): Promise<RunEnd> {
  const task = delivery.body;
  const fields = { taskId: task.taskId, cameraId: task.cameraId, traceId: task.traceId };
  try {
    const result = await assess(task);
    if (result === null) {
      delivery.nak(0);
      return { kind: 'handed-back' };
    }
    if (!(await publish(result, options))) {
      delivery.nak(0);
      return { kind: 'handed-back' };
    }
    delivery.ack();
    return { kind: 'published', result };
  } catch (thrown) {
    options.log.error(
      { ...fields, attempt: delivery.attempt, err: asError(thrown) },
      `assessment task ${task.taskId} of camera ${task.cameraId} failed`,
    );
    if (delivery.attempt >= MOST_DELIVERIES)
      await delivery.bury(`judging it failed ${delivery.attempt} times: ${asError(thrown).message}`);
    else delivery.nak(redeliveryDelay(delivery.attempt));
    return { kind: 'handed-back' };
  }
}

/** Publishes, waiting while NATS is away. False when told to stop first. Rejects when the bus refuses the result. */
async function publish(result: AssessmentResult, { bus, clock, abort }: RunOptions): Promise<boolean> {
  const { cameraId, requestId, traceId } = result;
  for (;;) {
    try {
      await bus.publish(subjects.result(cameraId), result, { cameraId, requestId, traceId }, result.taskId);
      return true;
    } catch (thrown) {
      const error = asError(thrown);
      if (!('code' in error) || error.code !== 'BUS_DOWN') throw error;
      if (abort.aborted) return false;
      await pause(clock, PUBLISH_AGAIN_MS, abort);
    }
  }
}
