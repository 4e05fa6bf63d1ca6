import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { Private } from './private.types.ts';
import type { Runs } from './runs.ts';
import type { Queue, TaskQueues } from './task-queues.ts';

export interface FetchesOptions {
  readonly queues: Pick<TaskQueues, 'longFetch'>;
  readonly runs: Pick<Runs, 'hold'>;
  readonly clock: Clock;
  /** Aborted when the scheduler stops. */
  readonly signal: AbortSignal;
  /** False while nothing can be fetched. */
  readonly busOk: () => boolean;
  readonly tell: (message: Private) => void;
  readonly fail: (error: Error) => void;
}

/** The fetches under way. Each ends with a message `fetched` or `fetch-failed`; its tasks are held from then on. */
export class Fetches {
  readonly #options: FetchesOptions;
  readonly #running = new Set<Promise<void>>();

  constructor(options: FetchesOptions) {
    this.#options = options;
  }

  /** Fetches up to `max` tasks. */
  start(queue: Queue, max: number): void {
    const { queues, runs, clock, signal, busOk, tell, fail } = this.#options;
    const done = queues
      .longFetch(queue, max, { clock, signal, failed: !busOk() })
      .then(
        ({ deliveries, begunAt }) => {
          for (const delivery of deliveries) runs.hold(delivery);
          tell({ type: 'fetched', queue, deliveries, begunAt });
        },
        (thrown: unknown) => tell({ type: 'fetch-failed', queue, error: asError(thrown) }),
      )
      .catch((thrown: unknown) => fail(asError(thrown)))
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  /** Resolves when none is under way. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}
