import { RuntimeError } from './errors.ts';
import type { ReplySink } from './mailbox.ts';
import type { Message } from './message.ts';

/** A message with the place its answer goes. */
export interface Held {
  readonly message: Message;
  readonly reply: ReplySink | null;
}

const CAPACITY = 1_000;

/** Messages an actor put aside, and those it asked for again. */
export class Aside {
  readonly #path: string;
  #stashed: Held[] = [];
  #again: Held[] = [];
  #stashRequested = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Marks the message being handled; it is put aside when its handler returns. Throws `STASH_FULL`. */
  stashCurrent(): void {
    if (this.#stashed.length >= CAPACITY)
      throw new RuntimeError('STASH_FULL', `${this.#path} has ${CAPACITY} messages put aside already`, {
        path: this.#path,
        capacity: CAPACITY,
      });
    this.#stashRequested = true;
  }

  /** After a handler: true when its message was put aside and must not be answered now. */
  settle(held: Held): boolean {
    if (!this.#stashRequested) return false;
    this.#stashRequested = false;
    this.#stashed.push(held);
    return true;
  }

  replayAll(): void {
    this.#again.push(...this.#stashed);
    this.#stashed = [];
  }

  next(): Held | undefined {
    return this.#again.shift();
  }

  drain(): readonly Held[] {
    const all = [...this.#again, ...this.#stashed];
    this.#again = [];
    this.#stashed = [];
    return all;
  }
}
