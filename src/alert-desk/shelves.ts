import { z } from 'zod';
import { Shelf } from '../messages/alert-handling.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { changeNewest, type DeskStore } from './desk-store.ts';
import { isShelved, type Shelvable } from './shelved.ts';

/** Shelves at a time. */
export const MOST_SHELVES = 200;

const Stored = z.object({ shelves: z.array(Shelf).max(MOST_SHELVES) });

export interface ShelvesOptions {
  readonly store: DeskStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with the shelves that hold now, after each change and each end of one. */
  readonly onChange: (shelves: readonly Shelf[]) => void;
}

/** The shelves of all nodes, kept as one list. One whose time is over is gone. */
export class Shelves {
  readonly #options: ShelvesOptions;
  #all: readonly Shelf[] = [];
  #seq = 0;
  #timer: TimerHandle | null = null;

  constructor(options: ShelvesOptions) {
    this.#options = options;
    const { store, signal } = options;
    store.follow({
      stream: streams.alertDesk,
      filter: subjects.alertShelves,
      parser: Stored,
      from: { seq: 1 },
      signal,
      onMessage: ({ seq, body }) => this.#learn(body.shelves, seq),
      // The list, where the stream still has one, is read after this.
      onReset: () => {
        this.#seq = 0;
        if (this.#all.length > 0) this.#show([]);
      },
    });
    signal.addEventListener('abort', () => this.#disarm(), { once: true });
  }

  /** The shelves in force now, the newest first. */
  now(): readonly Shelf[] {
    return holding(this.#all, this.#options.clock.now());
  }

  isShelved(alert: Shelvable, at: number): boolean {
    return isShelved(this.#all, alert, at);
  }

  /** Rejects `BUS_DOWN`. */
  add(shelf: Shelf): Promise<'added' | 'full'> {
    return this.#change((shelves) =>
      shelves.length >= MOST_SHELVES ? { result: 'full' } : { result: 'added', shelves: [shelf, ...shelves] },
    );
  }

  /** The removed one; null when there was none of that id. Rejects `BUS_DOWN`. */
  remove(shelfId: string): Promise<Shelf | null> {
    return this.#change((shelves) => {
      const result = shelves.find((each) => each.shelfId === shelfId) ?? null;
      return result === null ? { result } : { result, shelves: shelves.filter((each) => each !== result) };
    });
  }

  async #change<T>(
    change: (shelves: readonly Shelf[]) => { readonly result: T; readonly shelves?: readonly Shelf[] },
  ): Promise<T> {
    const { store, clock } = this.#options;
    const where = { subject: subjects.alertShelves, parser: Stored };
    const done = await changeNewest(store, where, (newest) => {
      const { result, shelves } = change(holding(newest?.shelves ?? [], clock.now()));
      return shelves === undefined ? { result } : { result, body: { shelves: [...shelves] } };
    });
    if (done.stored !== null) this.#learn(done.stored.body.shelves, done.stored.seq);
    return done.result;
  }

  #learn(shelves: readonly Shelf[], seq: number): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    this.#show(shelves);
  }

  #show(shelves: readonly Shelf[]): void {
    const { clock, signal, onChange } = this.#options;
    this.#all = shelves;
    const now = clock.now();
    const holds = holding(shelves, now);
    this.#disarm();
    const [first] = holds.map(({ until }) => Date.parse(until)).toSorted((a, b) => a - b);
    if (first !== undefined && !signal.aborted)
      this.#timer = clock.setTimeout(() => this.#show(this.#all), first - now);
    onChange(holds);
  }

  #disarm(): void {
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const holding = (shelves: readonly Shelf[], now: number): readonly Shelf[] =>
  shelves.filter(({ until }) => Date.parse(until) > now);
