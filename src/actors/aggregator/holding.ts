import type { Delivery } from '../../infra/bus.ts';
import type { RequestId } from '../../messages/ids.ts';

/** Deliveries in our hands: those that wait for their turn, and those handled whose frame is not settled. */
export class Holding {
  readonly #most: number;
  readonly #queued = new Set<Delivery<unknown>>();
  readonly #taken = new Map<RequestId, Delivery<unknown>[]>();
  #takenCount = 0;
  #waiters: (() => void)[] = [];

  /** `most`: with this many held, `room` waits. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#queued.size + this.#takenCount;
  }

  queue(delivery: Delivery<unknown>): void {
    this.#queued.add(delivery);
  }

  /** Its turn came: from now on it goes with its frame. */
  take(requestId: RequestId, delivery: Delivery<unknown>): void {
    this.#queued.delete(delivery);
    const others = this.#taken.get(requestId);
    if (others === undefined) this.#taken.set(requestId, [delivery]);
    else others.push(delivery);
    this.#takenCount += 1;
  }

  /** Hands out what was taken of this frame, to be settled. */
  release(requestId: RequestId): readonly Delivery<unknown>[] {
    const deliveries = this.#taken.get(requestId) ?? [];
    this.#taken.delete(requestId);
    this.#takenCount -= deliveries.length;
    if (deliveries.length > 0) this.#wake();
    return deliveries;
  }

  /** Gives back one that will have no turn here. */
  unqueue(delivery: Delivery<unknown>): void {
    this.#queued.delete(delivery);
    delivery.nak(0);
    this.#wake();
  }

  /** Says of all that they are still held. */
  beat(): void {
    for (const delivery of this.#queued) delivery.working();
    for (const deliveries of this.#taken.values()) for (const delivery of deliveries) delivery.working();
  }

  /** Gives back what was taken; with `queued`, what waits for its turn too. */
  handBack(queued: boolean): void {
    for (const deliveries of this.#taken.values()) for (const delivery of deliveries) delivery.nak(0);
    this.#taken.clear();
    this.#takenCount = 0;
    if (queued) for (const delivery of this.#queued) delivery.nak(0);
    this.#queued.clear();
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
