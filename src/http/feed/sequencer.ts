/** A message and its position in the stream. */
export interface Sequenced<T> {
  readonly item: T;
  readonly seq: number;
  /** Every message up to this sequence has gone out, this one included, or does not exist. */
  readonly through: number;
}

/** Sequences `from` to `to`, both included. */
export interface SequenceRange {
  readonly from: number;
  readonly to: number;
}

/** Gaps remembered; when there are more, the oldest is forgotten and never filled. */
const MAX_GAPS = 64;

/**
 * Merges Redis pushes with the JetStream stream in sequence order, each message once. The stream delivers every message
 * in order; a push may come earlier, later or never. A push that arrives early is held until the gap before it is
 * filled. `giveUp()` declares the gap lost; a late message may still fill it. Pure.
 */
export class FeedSequencer<T> {
  /** The next sequence to go out; null until the first is known. */
  #next: number | null;
  /** Held pushes. */
  readonly #held = new Map<number, T>();
  /** Gaps given up, oldest first: their messages may still arrive. */
  #gaps: SequenceRange[] = [];

  constructor(next: number | null = null) {
    this.#next = next;
  }

  /** Starts over with another stream, or at a distant position. */
  begin(next: number | null): void {
    this.#next = next;
    this.#held.clear();
    this.#gaps = [];
  }

  /** Pushes held because messages before them are missing. */
  get waiting(): number {
    return this.#held.size;
  }

  /** Whether this sequence went out or is held: another message with it would be ignored. */
  isKnown(seq: number): boolean {
    return this.#held.has(seq) || (this.#next !== null && seq < this.#next && !this.#inGap(seq));
  }

  /** A message of the stream. Sequences that the stream skipped before it do not exist. */
  fromStream(seq: number, item: T): readonly Sequenced<T>[] {
    const filled = this.#inGap(seq);
    this.#closeUpTo(seq);
    if (this.#next === null) this.#next = Math.min(seq, ...this.#held.keys());
    if (seq < this.#next) return filled ? [this.#sequenced(seq, item)] : [];
    const out = this.#releaseUpTo(seq - 1);
    this.#held.delete(seq);
    this.#next = seq + 1;
    return [...out, this.#sequenced(seq, item), ...this.#drain()];
  }

  /** A message pushed by Redis: may be early, late or repeated. */
  fromPush(seq: number, item: T): readonly Sequenced<T>[] {
    if (this.isKnown(seq)) return [];
    if (this.#inGap(seq)) {
      this.#fill(seq);
      return [this.#sequenced(seq, item)];
    }
    this.#held.set(seq, item);
    return this.#drain();
  }

  /** Messages missing before the first held push, from 1 on when no position is known; null when no push is held. */
  missing(): SequenceRange | null {
    if (this.#held.size === 0) return null;
    const first = Math.min(...this.#held.keys());
    return { from: this.#next ?? 1, to: first - 1 };
  }

  /** Stops waiting for the missing messages: they become a gap, and the pushes held behind them go out. */
  giveUp(): readonly Sequenced<T>[] {
    const missing = this.missing();
    if (missing === null) return [];
    if (missing.from <= missing.to) this.#gaps.push(missing);
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
    this.#next = missing.to + 1;
    return this.#drain();
  }

  /** Declares that messages still missing up to `to` do not exist, and continues after it. */
  skip(to: number): readonly Sequenced<T>[] {
    const out = this.#releaseUpTo(to);
    this.#next = Math.max(this.#next ?? 0, to + 1);
    return [...out, ...this.#drain()];
  }

  /** Removes and returns a held push, which belongs to another stream; null when none of this sequence is held. */
  remove(seq: number): T | null {
    const item = this.#held.get(seq) ?? null;
    this.#held.delete(seq);
    return item;
  }

  #drain(): Sequenced<T>[] {
    const out: Sequenced<T>[] = [];
    while (this.#next !== null && this.#held.has(this.#next)) out.push(this.#release(this.#next));
    return out;
  }

  #releaseUpTo(to: number): Sequenced<T>[] {
    const held = [...this.#held.keys()].filter((seq) => seq <= to);
    return held.toSorted((a, b) => a - b).map((seq) => this.#release(seq));
  }

  #release(seq: number): Sequenced<T> {
    const item = this.#held.get(seq);
    if (item === undefined) throw new Error(`no push of sequence ${seq} is held`);
    this.#held.delete(seq);
    this.#next = seq + 1;
    return this.#sequenced(seq, item);
  }

  #sequenced(seq: number, item: T): Sequenced<T> {
    const last = (this.#next ?? seq + 1) - 1;
    return { item, seq, through: Math.min(last, (this.#gaps[0]?.from ?? Infinity) - 1) };
  }

  #inGap(seq: number): boolean {
    return this.#gaps.some(({ from, to }) => seq >= from && seq <= to);
  }

  #fill(seq: number): void {
    this.#gaps = this.#gaps.flatMap((gap) =>
      seq < gap.from || seq > gap.to
        ? [gap]
        : [
            { from: gap.from, to: seq - 1 },
            { from: seq + 1, to: gap.to },
          ].filter(isNotEmpty),
    );
  }

  #closeUpTo(seq: number): void {
    this.#gaps = this.#gaps.map(({ from, to }) => ({ from: Math.max(from, seq + 1), to })).filter(isNotEmpty);
  }
}

const isNotEmpty = ({ from, to }: SequenceRange): boolean => from <= to;
