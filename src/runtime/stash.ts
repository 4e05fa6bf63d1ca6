import { RuntimeError } from './errors.ts';
import type { ReplySink } from './mailbox.ts';
import type { Message } from './message.ts';

/** A message and the sink of its answer. */
export interface StashedMessage {
  readonly message: Message;
  readonly reply: ReplySink | null;
}

const CAPACITY = 1_000;

/** Messages that an actor stashed, and those it unstashed and has not handled yet. */
export class Stash {
  readonly #path: string;
  #stashed: StashedMessage[] = [];
  #unstashed: StashedMessage[] = [];
  #stashRequested = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Marks the message being handled; it is stashed when its handler returns. Throws `STASH_FULL`. */
  stashCurrent(): void {
    if (this.#stashed.length >= CAPACITY)
      throw new RuntimeError('STASH_FULL', `${this.#path} has stashed ${CAPACITY} messages already`, {
        path: this.#path,
        capacity: CAPACITY,
      });
    this.#stashRequested = true;
  }

  /** After a handler: true when its message was stashed and must not be answered now. */
  settle(message: StashedMessage): boolean {
    if (!this.#stashRequested) return false;
    this.#stashRequested = false;
    this.#stashed.push(message);
    return true;
  }

  unstashAll(): void {
    this.#unstashed.push(...this.#stashed);
    this.#stashed = [];
  }

  /** Removes the unstashed message that is to be handled next. */
  take(): StashedMessage | undefined {
    return this.#unstashed.shift();
  }

  drain(): readonly StashedMessage[] {
    const all = [...this.#unstashed, ...this.#stashed];
    this.#unstashed = [];
    this.#stashed = [];
    return all;
  }
}
