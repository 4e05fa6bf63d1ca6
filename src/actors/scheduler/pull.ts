import type { Bus, Delivery, PullConsumer } from '../../infra/bus.ts';
import { consumers, streams } from '../../messages/subjects.ts';
import { AssessmentTask, PRIORITIES, type Priority } from '../../messages/task.ts';
import type { QueueLag } from './types.ts';

/** The five durable consumers, opened when first needed and again after an error. */
export class TaskQueues {
  readonly #bus: Bus;
  readonly #consumers = new Map<Priority, PullConsumer<AssessmentTask>>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Rejects `BUS_DOWN` while NATS is away. */
  async fetch(priority: Priority, max: number, waitMs: number): Promise<readonly Delivery<AssessmentTask>[]> {
    const consumer = await this.#open(priority);
    try {
      return await consumer.fetch(max, waitMs);
    } catch (error) {
      this.#consumers.delete(priority);
      throw error;
    }
  }

  /** What waits at each level; null where it cannot be told. Never rejects. */
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

  async #open(priority: Priority): Promise<PullConsumer<AssessmentTask>> {
    const open = this.#consumers.get(priority) ?? (await this.#bus.pull({ stream: streams.tasks, durable: consumers.scheduler(priority), parser: AssessmentTask }));
    this.#consumers.set(priority, open);
    return open;
  }
}
