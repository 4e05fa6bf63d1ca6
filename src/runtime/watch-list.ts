/** The actors that one incarnation watches. A watch ends with the delivery of its signal, or when it is taken back. */
export class WatchList {
  /** `queued`: the signal is in the watcher's mailbox. */
  readonly #watches = new Map<string, 'waiting' | 'queued'>();

  paths(): Iterable<string> {
    return this.#watches.keys();
  }

  /** False when that actor is watched already. */
  add(path: string): boolean {
    if (this.#watches.get(path) === 'waiting') return false;
    this.#watches.set(path, 'waiting');
    return true;
  }

  remove(path: string): void {
    this.#watches.delete(path);
  }

  /** True when the signal about this actor is to be queued. */
  queue(path: string): boolean {
    if (this.#watches.get(path) !== 'waiting') return false;
    this.#watches.set(path, 'queued');
    return true;
  }

  /** True when the queued signal about this actor is still wanted; its watch ends. */
  deliver(path: string): boolean {
    return this.#watches.get(path) === 'queued' && this.#watches.delete(path);
  }
}
