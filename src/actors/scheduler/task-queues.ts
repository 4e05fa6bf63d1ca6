import type { Bus, Delivery, PullConsumer, QueueLag } from '../../infra/bus.ts';
import { consumers, streams } from '../../messages/subjects.ts';
import { AssessmentTask, PRIORITIES, type Priority } from '../../messages/task.ts';
import type { Clock } from '../../runtime/clock.ts';
import { pause } from './pause.ts';

/** A fetch waits this long at the server. */
const WAIT_MS = 2_000;
const AGAIN_MS = 500;
const EARLY_MS = 100;

export interface Fetched {
  readonly deliveries: readonly Delivery<AssessmentTask>[];
  /** Epoch ms. */
  readonly begunAt: number;
}

/** The five durable consumers, opened when first needed and again after an error. */
export class TaskQueues {
  readonly #bus: Bus;
  readonly #consumers = new Map<Priority, PullConsumer<AssessmentTask>>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Rejects `BUS_DOWN` while NATS is away. */
  async fetch(
    priority: Priority,
    max: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly Delivery<AssessmentTask>[]> {
    const consumer = await this.#open(priority);
    try {
      return await consumer.fetch(max, waitMs, signal);
    } catch (error) {
      this.#consumers.delete(priority);
      void consumer.close();
      throw error;
    }
  }

  /**
   * A fetch that waits at the server; after one that failed it begins later, so that a bus that is away is not asked
   * without a pause.
   */
  async fetchInTime(
    priority: Priority,
    max: number,
    { clock, signal, failed }: { readonly clock: Clock; readonly signal: AbortSignal; readonly failed: boolean },
  ): Promise<Fetched> {
    if (failed) await pause(clock, AGAIN_MS, signal);
    const begunAt = clock.now();
    const deliveries = await this.fetch(priority, max, WAIT_MS, signal);
    // Nothing, and sooner than asked: the server refuses to wait (too many unsettled, say).
    if (deliveries.length === 0 && clock.now() - begunAt < EARLY_MS) await pause(clock, EARLY_MS, signal);
    return { deliveries, begunAt };
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

  /** At the end, when no fetch is under way. Never rejects. */
  async close(): Promise<void> {
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.close()));
  }

  async #open(priority: Priority): Promise<PullConsumer<AssessmentTask>> {
    const open =
      this.#consumers.get(priority) ??
      (await this.#bus.pull({ stream: streams.tasks, durable: consumers.scheduler(priority), parser: AssessmentTask }));
    this.#consumers.set(priority, open);
    return open;
  }
}
