import type { MailboxOptions } from './actor.ts';
import type { MailboxSnapshot } from './inspect.ts';
import type { Message } from './message.ts';

/** Where the answer of an asked message goes. */
export interface ReplySink {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A message on its way: when it was queued, who waits for the answer, which buffers move with it. */
export interface Envelope {
  readonly message: Message;
  readonly at: number;
  readonly reply: ReplySink | null;
  readonly transfer: readonly ArrayBuffer[];
  /** Called when the message left the queue, for whatever reason. */
  readonly onLeave: (() => void) | null;
  /** Set on an actor's timer messages: they die with that incarnation. */
  readonly incarnation: number | null;
}

export type PushResult = { readonly outcome: 'accepted' | 'refused' } | { readonly outcome: 'dropped-oldest'; readonly dropped: Envelope };

/**
 * Bounded FIFO queue of one actor. A ring over a growing array: amortised O(1) at both ends, and an idle mailbox
 * costs next to nothing.
 */
export class Mailbox {
  readonly #options: MailboxOptions;
  #ring: (Envelope | undefined)[] = Array.from({ length: 8 });
  #head = 0;
  #size = 0;
  #dropped = 0;
  #refused = 0;
  readonly #waiters: (() => void)[] = [];

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size >= this.#options.capacity;
  }

  push(envelope: Envelope): PushResult {
    if (!this.full) {
      this.#append(envelope);
      return ACCEPTED;
    }
    if (this.#options.overflow !== 'drop-oldest') {
      this.#refused += 1;
      return REFUSED;
    }
    const dropped = this.#take();
    this.#append(envelope);
    if (dropped === undefined) return ACCEPTED;
    this.#dropped += 1;
    return { outcome: 'dropped-oldest', dropped };
  }

  shift(): Envelope | undefined {
    const envelope = this.#take();
    this.#waiters.shift()?.();
    return envelope;
  }

  /** Puts messages that were handed out but never begun back to the front, oldest first, even past the capacity. */
  unshift(envelopes: readonly Envelope[]): void {
    for (const envelope of envelopes.toReversed()) {
      this.#grow();
      this.#head = (this.#head - 1 + this.#ring.length) % this.#ring.length;
      this.#ring[this.#head] = envelope;
      this.#size += 1;
    }
  }

  /** Empties the queue and returns what was in it, oldest first. Waiting offers are woken to find that out. */
  drain(): Envelope[] {
    const all: Envelope[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take()) all.push(next);
    for (const wake of this.#waiters.splice(0)) wake();
    return all;
  }

  /** Calls `wake` once when a message has left the queue. Returns a function that forgets it. */
  waitForRoom(wake: () => void): () => void {
    this.#waiters.push(wake);
    return () => {
      const index = this.#waiters.indexOf(wake);
      if (index >= 0) this.#waiters.splice(index, 1);
    };
  }

  snapshot(now: number): MailboxSnapshot {
    const oldest = this.#size === 0 ? undefined : this.#ring[this.#head];
    return {
      depth: this.#size,
      capacity: this.#options.capacity,
      overflow: this.#options.overflow,
      dropped: this.#dropped,
      refused: this.#refused,
      oldestMs: oldest === undefined ? null : now - oldest.at,
    };
  }

  #append(envelope: Envelope): void {
    this.#grow();
    this.#ring[(this.#head + this.#size) % this.#ring.length] = envelope;
    this.#size += 1;
  }

  #take(): Envelope | undefined {
    if (this.#size === 0) return undefined;
    const envelope = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#size -= 1;
    envelope?.onLeave?.();
    return envelope;
  }

  #grow(): void {
    const { length } = this.#ring;
    if (this.#size < length) return;
    const bigger: (Envelope | undefined)[] = Array.from({ length: length * 2 });
    for (let i = 0; i < length; i += 1) bigger[i] = this.#ring[(this.#head + i) % length];
    this.#ring = bigger;
    this.#head = 0;
  }
}

const ACCEPTED: PushResult = { outcome: 'accepted' };
const REFUSED: PushResult = { outcome: 'refused' };
