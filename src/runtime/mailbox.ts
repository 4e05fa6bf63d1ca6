import type { MailboxOptions } from './actor.ts';
import type { Signal } from './exit.ts';
import type { MailboxSnapshot } from './inspect.ts';
import type { Message } from './message.ts';
import { Ring } from './ring.ts';

/** Takes the answer of an asked message. */
export interface ReplySink {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A message or a signal in a mailbox. */
export class Envelope {
  /** Null for a signal. */
  readonly message: Message | null;
  readonly reply: ReplySink | null;
  /** When it was queued, epoch ms. */
  readonly at: number;
  readonly extra: EnvelopeExtra | null;

  constructor(message: Message | null, reply: ReplySink | null, at: number, extra: EnvelopeExtra | null) {
    this.message = message;
    this.reply = reply;
    this.at = at;
    this.extra = extra;
  }
}

/** Fields that few envelopes have. */
export interface EnvelopeExtra {
  /** Called when it leaves the queue: handled, dropped or discarded. */
  readonly onLeave?: (() => void) | null;
  /** Set on messages that end with an incarnation: its timers and signals. */
  readonly incarnation?: number;
  readonly signal?: Signal;
}

export type PushResult =
  | { readonly outcome: 'accepted' }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'dropped-oldest'; readonly dropped: Envelope };

const ACCEPTED: PushResult = { outcome: 'accepted' };
const REFUSED: PushResult = { outcome: 'refused' };

/** Bounded queue of one actor: FIFO inside each lane, lower lanes first. Costs next to nothing while empty. */
export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #capacity: number;
  readonly #single: boolean;
  #first: Ring<Envelope> | null = null;
  /** Lanes after the first; null while there is only one. */
  #others: Ring<Envelope>[] | null = null;
  #size = 0;
  #dropped = 0;
  #refused = 0;
  #waiters: (() => void)[] | null = null;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#capacity = options.capacity;
    this.#single = options.laneOf === undefined || (options.lanes ?? 1) === 1;
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size >= this.#capacity;
  }

  push(envelope: Envelope): PushResult {
    const lane = this.#single ? (this.#first ??= new Ring()) : this.#lane(envelope.message);
    if (this.#size < this.#capacity) {
      lane.push(envelope);
      this.#size += 1;
      return ACCEPTED;
    }
    if (this.#options.overflow !== 'drop-oldest') {
      this.#refused += 1;
      return REFUSED;
    }
    const dropped = this.#dropFor(lane);
    if (dropped === undefined) {
      this.#refused += 1;
      return REFUSED;
    }
    lane.push(envelope);
    this.#dropped += 1;
    dropped.extra?.onLeave?.();
    return { outcome: 'dropped-oldest', dropped };
  }

  /** Queues a signal, even past the capacity: signals are never lost. */
  pushSignal(envelope: Envelope): void {
    this.#lane(null).push(envelope);
    this.#size += 1;
  }

  shift(): Envelope | undefined {
    if (this.#size === 0) return undefined;
    const envelope = this.#take();
    if (envelope === undefined) return undefined;
    this.#size -= 1;
    envelope.extra?.onLeave?.();
    if (this.#waiters !== null) this.#wake();
    return envelope;
  }

  /** Puts messages that were delivered but never begun back to the front, oldest first, even past the capacity. */
  unshift(envelopes: readonly Envelope[]): void {
    for (const envelope of envelopes.toReversed()) {
      this.#lane(envelope.message).unshift(envelope);
      this.#size += 1;
    }
  }

  /** Empties the queue and returns its messages. Wakes waiting offers, which then find the actor ended. */
  drain(): Envelope[] {
    const all: Envelope[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      next.extra?.onLeave?.();
      all.push(next);
    }
    this.#size = 0;
    const waiters = this.#waiters ?? [];
    this.#waiters = null;
    for (const wake of waiters) wake();
    return all;
  }

  /** Calls `wake` once when a message has left the queue. Returns a function that forgets it. */
  waitForRoom(wake: () => void): () => void {
    this.#waiters ??= [];
    this.#waiters.push(wake);
    return () => {
      const index = this.#waiters?.indexOf(wake) ?? -1;
      if (index >= 0) this.#waiters?.splice(index, 1);
    };
  }

  snapshot(now: number): MailboxSnapshot {
    const oldest = [this.#first, ...(this.#others ?? [])].flatMap((lane) => lane?.peek()?.at ?? []);
    const { capacity, overflow } = this.#options;
    return {
      depth: this.#size,
      capacity,
      overflow,
      dropped: this.#dropped,
      refused: this.#refused,
      oldestMs: oldest.length === 0 ? null : Math.max(0, now - Math.min(...oldest)),
    };
  }

  #lane(message: Message | null): Ring<Envelope> {
    this.#first ??= new Ring();
    const { lanes = 1, laneOf } = this.#options;
    if (this.#single || laneOf === undefined || message === null) return this.#first;
    this.#others ??= Array.from({ length: lanes - 1 }, () => new Ring<Envelope>());
    const index = Math.min(lanes - 1, Math.max(0, Math.trunc(laneOf(message)) || 0));
    return this.#others[index - 1] ?? this.#first;
  }

  #take(): Envelope | undefined {
    const first = this.#first?.shift();
    if (first !== undefined || this.#others === null) return first;
    for (const lane of this.#others) {
      const next = lane.shift();
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** The oldest message of the least urgent lane, at most as urgent as the new message's. Signals are never dropped. */
  #dropFor(newLane: Ring<Envelope>): Envelope | undefined {
    const lanes = [this.#first, ...(this.#others ?? [])].filter((lane) => lane !== null);
    for (const lane of lanes.toReversed()) {
      const oldest = lane.shiftWhere((envelope) => envelope.message !== null);
      if (oldest !== undefined) return oldest;
      if (lane === newLane) return undefined;
    }
    return undefined;
  }

  #wake(): void {
    this.#waiters?.shift()?.();
    if (this.#waiters?.length === 0) this.#waiters = null;
  }
}
