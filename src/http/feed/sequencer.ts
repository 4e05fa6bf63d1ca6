/** A message in its place. */
export interface Placed<T> {
  readonly item: T;
  readonly seq: number;
  /** Every message up to here went out before this one or with it, or does not exist. */
  readonly through: number;
}

/** Sequences `from` to `to`, both included. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

/** Holes remembered; at the bound the oldest is taken for lost. */
const MAX_HOLES = 64;

/**
 * Puts messages of one stream that come by two ways into one order, each once. The `stream` itself brings them in order
 * and leaves out none that exists; a `push` may come before or after it, or never. A push that runs ahead waits until
 * what is before it comes, or until its owner gives that up: then it is a hole, which what comes late still fills. Pure.
 */
export class FeedSequencer<T> {
  /** The next sequence to go out; null until the first is known. */
  #next: number | null;
  /** Pushes that run ahead. */
  readonly #ahead = new Map<number, T>();
  /** Given up, oldest first: neither sent nor known not to exist. */
  #holes: Hole[] = [];

  constructor(next: number | null = null) {
    this.#next = next;
  }

  /** Forgets everything: another stream, or a place far from the last. */
  begin(next: number | null): void {
    this.#next = next;
    this.#ahead.clear();
    this.#holes = [];
  }

  /** Pushes that wait for what is before them. */
  get waiting(): number {
    return this.#ahead.size;
  }

  get holes(): readonly Hole[] {
    return this.#holes;
  }

  /** The last sequence that went out; null before the first. */
  get head(): number | null {
    return this.#next === null ? null : this.#next - 1;
  }

  /** Whether it went out already, or waits: another one of this sequence changes nothing. */
  isKnown(seq: number): boolean {
    return this.#ahead.has(seq) || (this.#next !== null && seq < this.#next && !this.#inHole(seq));
  }

  /** From the stream itself: what it has not brought before this one does not exist. */
  fromStream(seq: number, item: T): readonly Placed<T>[] {
    const filled = this.#inHole(seq);
    this.#closeUpTo(seq);
    if (this.#next === null) this.#next = Math.min(seq, ...this.#ahead.keys());
    if (seq < this.#next) return filled ? [this.#place(seq, item)] : [];
    const out = this.#takeUpTo(seq - 1);
    this.#ahead.delete(seq);
    this.#next = seq + 1;
    return [...out, this.#place(seq, item), ...this.#drain()];
  }

  /** From the side: may be early, late or twice. */
  fromPush(seq: number, item: T): readonly Placed<T>[] {
    if (this.isKnown(seq)) return [];
    if (this.#inHole(seq)) {
      this.#fill(seq);
      return [this.#place(seq, item)];
    }
    this.#ahead.set(seq, item);
    return this.#drain();
  }

  /** What the pushes wait for, from 1 on when no place is known; null when nothing waits. */
  missing(): Hole | null {
    if (this.#ahead.size === 0) return null;
    const first = Math.min(...this.#ahead.keys());
    return { from: this.#next ?? 1, to: first - 1 };
  }

  /** Waits no longer for what is missing: it becomes a hole, and what waited behind it goes out. */
  giveUp(): readonly Placed<T>[] {
    const missing = this.missing();
    if (missing === null) return [];
    if (missing.from <= missing.to) this.#holes.push(missing);
    if (this.#holes.length > MAX_HOLES) this.#holes.shift();
    this.#next = missing.to + 1;
    return this.#drain();
  }

  /** What is still missing up to `to` does not exist: goes on behind it. */
  skip(to: number): readonly Placed<T>[] {
    const out = this.#takeUpTo(to);
    this.#next = Math.max(this.#next ?? 0, to + 1);
    return [...out, ...this.#drain()];
  }

  /** Takes out a waiting push that is not in the stream after all: it was of another one. Null when it does not wait. */
  expel(seq: number): T | null {
    const item = this.#ahead.get(seq) ?? null;
    this.#ahead.delete(seq);
    return item;
  }

  #drain(): Placed<T>[] {
    const out: Placed<T>[] = [];
    while (this.#next !== null && this.#ahead.has(this.#next)) out.push(this.#takeAhead(this.#next));
    return out;
  }

  #takeUpTo(to: number): Placed<T>[] {
    const waiting = [...this.#ahead.keys()].filter((seq) => seq <= to);
    return waiting.toSorted((a, b) => a - b).map((seq) => this.#takeAhead(seq));
  }

  #takeAhead(seq: number): Placed<T> {
    const item = this.#ahead.get(seq);
    if (item === undefined) throw new Error(`sequence ${seq} does not wait`);
    this.#ahead.delete(seq);
    this.#next = seq + 1;
    return this.#place(seq, item);
  }

  #place(seq: number, item: T): Placed<T> {
    const last = (this.#next ?? seq + 1) - 1;
    return { item, seq, through: Math.min(last, (this.#holes[0]?.from ?? Infinity) - 1) };
  }

  #inHole(seq: number): boolean {
    return this.#holes.some(({ from, to }) => seq >= from && seq <= to);
  }

  #fill(seq: number): void {
    this.#holes = this.#holes.flatMap((hole) =>
      seq < hole.from || seq > hole.to
        ? [hole]
        : [
            { from: hole.from, to: seq - 1 },
            { from: seq + 1, to: hole.to },
          ].filter(isNotEmpty),
    );
  }

  #closeUpTo(seq: number): void {
    this.#holes = this.#holes.map(({ from, to }) => ({ from: Math.max(from, seq + 1), to })).filter(isNotEmpty);
  }
}

const isNotEmpty = ({ from, to }: Hole): boolean => from <= to;
