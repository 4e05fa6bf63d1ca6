/** The newest times of something that happens again: a ring of fixed size. Times are epoch ms and never fall. */
export class LastTimes {
  readonly #times: Float64Array;
  #added = 0;

  /** @param most times remembered, from 1 */
  constructor(most: number) {
    this.#times = new Float64Array(most);
  }

  add(at: number): void {
    this.#times[this.#added % this.#times.length] = at;
    this.#added += 1;
  }

  /** Whether at least `count`, at most the size of the ring, happened in the `spanMs` before `now`. O(1). */
  has(count: number, spanMs: number, now: number): boolean {
    return this.at(count) > now - spanMs;
  }

  /** When the newest but `count` - 1 happened; `count` is at most the size of the ring. -Infinity: it never did. */
  at(count: number): number {
    if (this.#added < count) return -Infinity;
    return this.#times[(this.#added - count) % this.#times.length] ?? -Infinity;
  }

  /** How many of those remembered happened in the `spanMs` before `now`. O(size). */
  count(spanMs: number, now: number): number {
    let count = 0;
    while (count < this.#times.length && this.has(count + 1, spanMs, now)) count += 1;
    return count;
  }
}
