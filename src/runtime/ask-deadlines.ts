import type { Clock, TimerHandle } from './clock.ts';
import { Ring } from './ring.ts';

/** One ask that waits for its answer. */
export interface PendingAsk {
  /** Epoch ms. */
  readonly deadline: number;
  /** False once it is answered. */
  readonly live: boolean;
  /** Called when the deadline passes before an answer. */
  expire(): void;
}

/** A queue is tidied up when it holds this many more entries than twice the pending ones. */
const SLACK = 1_024;

/**
 * The deadlines of all asks, without a timer for each. Asks with the same time-out expire in the order they were made,
 * so there is one queue per time-out, and one timer for the earliest deadline. An answered ask stays in its queue,
 * marked.
 */
export class AskDeadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, { readonly ring: Ring<PendingAsk>; live: number }>();
  #timer: TimerHandle | null = null;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `ask.deadline` must be `timeoutMs` after the moment the ask was made. */
  add(ask: PendingAsk, timeoutMs: number): void {
    let queue = this.#queues.get(timeoutMs);
    if (queue === undefined) this.#queues.set(timeoutMs, (queue = { ring: new Ring(), live: 0 }));
    const { ring } = queue;
    while (ring.peek()?.live === false) ring.shift();
    ring.push(ask);
    if (ring.size > SLACK && ring.size > this.#recount(queue) * 2 + SLACK) this.#tidy(queue);
    if (ask.deadline < this.#armedFor) this.#arm(ask.deadline);
  }

  /** Forgets every ask without expiring it. */
  clear(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#queues.clear();
  }

  #arm(deadline: number): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#armedFor = deadline;
    this.#timer = this.#clock.setTimeout(() => this.#expireDue(), Math.max(0, deadline - this.#clock.now()));
  }

  #expireDue(): void {
    this.#timer = null;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [timeoutMs, { ring }] of this.#queues) {
      for (let head = ring.peek(); head !== undefined && (!head.live || head.deadline <= now); head = ring.peek()) {
        ring.shift();
        if (head.live) head.expire();
      }
      const head = ring.peek();
      if (head === undefined) this.#queues.delete(timeoutMs);
      else next = Math.min(next, head.deadline);
    }
    if (next < this.#armedFor) this.#arm(next);
  }

  #recount(queue: { readonly ring: Ring<PendingAsk>; live: number }): number {
    // Counting is linear, so the queue is counted only when it has doubled since the last time.
    if (queue.ring.size > 2 * queue.live) queue.live = queue.ring.count((each) => each.live);
    return queue.live;
  }

  #tidy(queue: { readonly ring: Ring<PendingAsk>; live: number }): void {
    queue.ring.keep((each) => each.live);
    queue.live = queue.ring.size;
  }
}
