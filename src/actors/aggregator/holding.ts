import type { Delivery } from '../../infra/bus.ts';
import type { RequestId } from '../../messages/ids.ts';

/** Deliveries in our hands: handled, and their frame is not settled. */
export class Holding {
  readonly #most: number;
  readonly #taken = new Map<RequestId, Delivery<unknown>[]>();
  #size = 0;
  #waiters: (() => void)[] = [];

  /** `most`: with this many held, `room` waits. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** From now on it goes with its frame. */
  take(requestId: RequestId, delivery: Delivery<unknown>): void {
    const others = this.#taken.get(requestId);
    if (others === undefined) this.#taken.set(requestId, [delivery]);
    else others.push(delivery);
    this.#size += 1;
  }

  /** Hands out what was taken of this frame, to be settled. */
  release(requestId: RequestId): readonly Delivery<unknown>[] {
    const deliveries = this.#taken.get(requestId) ?? [];
    this.#taken.delete(requestId);
    this.#size -= deliveries.length;
    if (deliveries.length > 0) this.#wake();
    return deliveries;
  }

  /** Says of all that they are still held. */
  beat(): void {
    for (const deliveries of this.#taken.values()) for (const delivery of deliveries) delivery.working();
  }

  /** Gives back all: it is delivered again at once. */
  handBack(): void {
    for (const deliveries of this.#taken.values()) for (const delivery of deliveries) delivery.nak(0);
    this.#taken.clear();
    this.#size = 0;
    this.#wake();
  }

  /** Resolves when fewer than the most are held, or all was handed back. */
  async room(): Promise<void> {
    while (this.size >= this.#most) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    if (this.size >= this.#most) return;
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
