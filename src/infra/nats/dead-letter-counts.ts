/** Dead letters since the start, of one consumer. */
export interface DeadLetterCount {
  readonly stream: string;
  readonly consumer: string;
  readonly total: number;
}

/** Counts dead letters by consumer. */
export class DeadLetterCounts {
  readonly #counts = new Map<string, DeadLetterCount>();

  /** One entry for each consumer that had any. */
  list(): readonly DeadLetterCount[] {
    return [...this.#counts.values()];
  }

  totalOf({ stream, consumer }: Omit<DeadLetterCount, 'total'>): number {
    return this.#counts.get(`${stream}/${consumer}`)?.total ?? 0;
  }

  add({ stream, consumer, total }: DeadLetterCount): void {
    this.#counts.set(`${stream}/${consumer}`, { stream, consumer, total: total + this.totalOf({ stream, consumer }) });
  }
}
