import type { Bus, Delivery } from '../../infra/bus.ts';
import { type Outgoing, Processor, RETRY_NOW } from '../../infra/stage-processor.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import { subjects } from '../../messages/subjects.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { spanIdOf } from '../../messages/trace-context.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Assessed } from './assess.ts';

type Task = Delivery<AssessmentTask>;

export interface RunsOptions {
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Aborted at a stop. */
  readonly signal: AbortSignal;
  /** A task ended. `result`: the published one; null when the task went back to the bus. */
  readonly onFinished: (taskId: string, result: AssessmentResult | null) => void;
  /** Told of each result that the bus has. */
  readonly onPublished?: ((result: AssessmentResult) => void) | undefined;
}

const DUPLICATE_AGAIN_MS = 1_000;

/** The tasks that were begun and have not ended: each is assessed, its result published, and then it is acked. */
export class Runs {
  readonly #processor: Processor<AssessmentTask>;
  readonly #onFinished: RunsOptions['onFinished'];
  readonly #onPublished: RunsOptions['onPublished'];
  /** By task id, parked ones too. */
  readonly #inFlight = new Map<string, Promise<void>>();
  /** Deliveries of a task that was in flight already. */
  duplicates = 0;

  constructor({ onFinished, onPublished, ...options }: RunsOptions) {
    this.#processor = new Processor({ name: 'scheduler', ...options });
    this.#onFinished = onFinished;
    this.#onPublished = onPublished;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  /** Keeps a fetched task from being delivered again until it is begun. */
  hold(delivery: Task): void {
    this.#processor.hold(delivery);
  }

  /** Assesses a task and publishes the result. Resolves when the task is settled; never rejects. */
  run(delivery: Task, assess: (task: AssessmentTask) => Promise<Assessed>, onEnd?: () => void): Promise<void> {
    const { taskId } = delivery.body;
    let result: Assessed = null;
    const end = this.#processor
      .process(delivery, async ({ body, storedAt }) => {
        result = withStoredAt(await assess(body), storedAt);
        return result === null ? RETRY_NOW : { kind: 'publish', messages: [outgoing(result)] };
      })
      .then(({ kind }) => {
        onEnd?.();
        this.#inFlight.delete(taskId);
        if (kind === 'publish' && result !== null) this.#onPublished?.(result);
        this.#onFinished(taskId, kind === 'publish' ? result : null);
      });
    this.#inFlight.set(taskId, end);
    return end;
  }

  /** A task is delivered again while it is in flight when NATS was down. The ack of the first delivery ends both. */
  isDuplicate(delivery: Task): boolean {
    this.#processor.hold(delivery);
    if (!this.#inFlight.has(delivery.body.taskId)) return false;
    this.putOff(delivery);
    return true;
  }

  /** Has a delivery of a task that is here already come again later. */
  putOff(delivery: Task): void {
    this.duplicates++;
    void this.#processor.settle(delivery, { kind: 'retry', afterMs: DUPLICATE_AGAIN_MS });
  }

  /** Hands tasks that were not begun back at once, the others after `drainMs`. */
  stop(drainMs: number): Promise<void> {
    return this.#processor.stop(drainMs);
  }

  /** Resolves when every task that was begun has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#inFlight.values());
  }
}

/** `storedAt`: of the task, epoch ms. */
const withStoredAt = (result: Assessed, storedAt: number): Assessed =>
  result === null
    ? null
    : { ...result, metadata: { ...result.metadata, taskStoredAt: new Date(storedAt).toISOString() } };

const outgoing = (result: AssessmentResult): Outgoing => {
  const { cameraId, requestId, traceId, taskId } = result;
  const trace = { cameraId, requestId, traceId, spanId: spanIdOf(traceId, 'task', taskId) };
  return { subject: subjects.result(cameraId), body: result, trace, id: taskId };
};
