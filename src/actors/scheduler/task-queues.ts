import type { Bus, Delivery, PullConsumer, QueueLag } from '../../infra/bus.ts';
import { consumers, streams } from '../../messages/subjects.ts';
import { AssessmentTask, PRIORITIES, type Priority } from '../../messages/task.ts';
import { type Clock, pause } from '../../runtime/clock.ts';

/** A fetch waits this long at the server for a first task. */
const WAIT_MS = 2_000;
/** Pause after a failed fetch. */
const AGAIN_MS = 250;
/** A fetch that ends so soon without a task was refused, as when the consumer has too many unacked ones. */
const REFUSED_MS = 100;

export interface Fetched {
  readonly deliveries: readonly Delivery<AssessmentTask>[];
  /** When the request was sent, epoch ms. */
  readonly begunAt: number;
}

/** A level of the tasks, or the questions about the cameras' groups. */
export type Queue = Priority | 'questions';

/** The durable consumers of the five levels and of the questions, opened when first needed and again after an error. */
export class TaskQueues {
  readonly #bus: Bus;
  readonly #consumers = new Map<Queue, PullConsumer<AssessmentTask>>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Resolves to up to `max` tasks, see {@link PullConsumer.fetch}. Rejects `BUS_DOWN` while NATS is down. */
  async fetch(
    queue: Queue,
    max: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly Delivery<AssessmentTask>[]> {
    const consumer = await this.#open(queue);
    try {
      return await consumer.fetch(max, waitMs, signal);
    } catch (error) {
      this.#consumers.delete(queue);
      void consumer.close();
      throw error;
    }
  }

  /**
   * A fetch that waits up to two seconds at the server. After a failed one it begins with a pause, so that a server
   * that is down is not hammered.
   */
  async longFetch(
    queue: Queue,
    max: number,
    { clock, signal, failed }: { readonly clock: Clock; readonly signal: AbortSignal; readonly failed: boolean },
  ): Promise<Fetched> {
    if (failed) await pause(clock, AGAIN_MS, signal);
    const begunAt = clock.now();
    const deliveries = await this.fetch(queue, max, WAIT_MS, signal);
    if (deliveries.length === 0 && clock.now() - begunAt < REFUSED_MS) await pause(clock, REFUSED_MS, signal);
    return { deliveries, begunAt };
  }

  /** The backlog of each level; null where the server does not say. Never rejects. */
  async lag(): Promise<ReadonlyMap<Priority, QueueLag | null>> {
    const entries = await Promise.all(
      PRIORITIES.map(async (priority): Promise<readonly [Priority, QueueLag | null]> => {
        try {
          return [priority, (await this.#consumers.get(priority)?.lag()) ?? null];
        } catch {
          return [priority, null];
        }
      }),
    );
    return new Map(entries);
  }

  /** To be called at the end, when no fetch is under way. Never rejects. */
  async close(): Promise<void> {
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.close()));
  }

  async #open(queue: Queue): Promise<PullConsumer<AssessmentTask>> {
    const known = this.#consumers.get(queue);
    if (known !== undefined) return known;
    const [stream, durable] =
      queue === 'questions' ? [streams.questions, consumers.questions] : [streams.tasks, consumers.scheduler(queue)];
    const opened = await this.#bus.pull({ stream, durable, parser: AssessmentTask });
    this.#consumers.set(queue, opened);
    return opened;
  }
}
