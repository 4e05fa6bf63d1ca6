/** Gathers items and hands them over together at the end of the turn, or when told to. */
export class Outbox<T> {
  readonly #send: (items: readonly T[], transfer: readonly ArrayBuffer[]) => void;
  #items: T[] = [];
  #transfer: ArrayBuffer[] = [];
  #scheduled = false;

  constructor(send: (items: readonly T[], transfer: readonly ArrayBuffer[]) => void) {
    this.#send = send;
  }

  /** The newest item, to be added to while it has not gone. */
  get last(): T | undefined {
    return this.#items.at(-1);
  }

  /** Buffers that move with the items gathered. */
  get transfer(): ArrayBuffer[] {
    return this.#transfer;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.flush);
  }

  readonly flush = (): void => {
    this.#scheduled = false;
    if (this.#items.length === 0) return;
    const [items, transfer] = [this.#items, this.#transfer];
    this.#items = [];
    this.#transfer = [];
    this.#send(items, transfer);
  };
}
