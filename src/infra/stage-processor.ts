import { clipped } from '../messages/bounds.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { Bus, Delivery, StoredMessage, Trace } from './bus.ts';
import { isBusDown } from './infra-error.ts';
import { MOST_DELIVERIES, redeliveryDelay } from './redelivery.ts';
import { Sender } from './stage-sender.ts';

/** A message as its handler sees it. */
export interface Message<T> extends StoredMessage<T> {
  /** 1 for the first delivery. */
  readonly attempt: number;
}

/** A message to publish. */
export interface Outgoing {
  readonly subject: string;
  /** An object or its JSON text. */
  readonly body: object | string;
  readonly trace: Trace;
  /** De-duplicates: derive it from the message that caused it, so that a repetition publishes the same id. */
  readonly id: string;
}

/** A handler's decision about its message. */
export type Outcome =
  /** Ack it. */
  | { readonly kind: 'done' }
  /** Publish these, then ack it. */
  | { readonly kind: 'publish'; readonly messages: readonly Outgoing[] }
  /** Deliver it again after `afterMs`; default: after the back-off of its attempt. */
  | { readonly kind: 'retry'; readonly afterMs?: number }
  | { readonly kind: 'dead-letter'; readonly reason: string };

/** How a message ended: by the outcome that was applied, or handed back to the bus at a stop. */
export type Settlement = Outcome | { readonly kind: 'handed-back' };

export type Handle<T> = (message: Message<T>) => Outcome | Promise<Outcome>;

export const DONE = { kind: 'done' } as const satisfies Outcome;
/** Deliver it again at once. */
export const RETRY_NOW = { kind: 'retry', afterMs: 0 } as const satisfies Outcome;

export interface ProcessorOptions {
  /** Names the consumer in the log. */
  readonly name: string;
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Aborted at a stop: a message whose handler fails after that is handed back. */
  readonly signal: AbortSignal;
  /** NATS takes no message, and takes messages again; each called once per outage. */
  readonly onDown?: (error: Error) => void;
  readonly onUp?: () => void;
}

/** Well within the shortest ack wait of a consumer, 10 s. */
const IN_PROGRESS_MS = 3_000;
/** Handled messages whose outgoing messages are being published at once. */
const WINDOW = 256;
const HANDED_BACK: Settlement = { kind: 'handed-back' };

interface Publication<T> {
  readonly delivery: Delivery<T>;
  readonly messages: readonly Outgoing[];
  readonly onEnd: (settlement: Settlement) => void;
}

/**
 * Handles the unacked messages of one consumer and settles each exactly once. Its promises, in the order in which a
 * message meets them, which is also the order of the methods:
 *
 * 1. In progress: the ack wait of every message is renewed from `hold` until it is settled.
 * 2. Publish before ack: a message is acked only when the bus has all its outgoing messages, also after an outage.
 * 3. Redelivery: a message whose handling failed is delivered again, after a growing back-off.
 * 4. Dead letter: a message whose handling failed ten times becomes one.
 * 5. Drain: `stop` lets handlers finish for a while and hands back all other messages.
 *
 * The caller bounds the number of unacked messages, as `Stage` does.
 */
export class Processor<T> {
  readonly #options: ProcessorOptions;
  /** The messages to settle; true once they are being handled. */
  readonly #unacked = new Map<Delivery<T>, boolean>();
  /** Publications that the sender does not have yet. */
  readonly #queue: Publication<T>[] = [];
  /** All publications, queued or with the sender. */
  readonly #publications = new Set<Publication<T>>();
  readonly #sender: Sender<Publication<T>>;
  readonly #deadLetters = new Set<Promise<void>>();
  #waiters: (() => void)[] = [];
  #timer: TimerHandle | null = null;
  #stopping = false;
  #ended = false;

  constructor(options: ProcessorOptions) {
    this.#options = options;
    const { clock, onDown, onUp } = options;
    this.#sender = new Sender({
      clock,
      window: WINDOW,
      next: () => this.#queue.shift() ?? null,
      waiting: () => this.#queue.length,
      send: (publication) => this.#send(publication),
      onDown: (error) => {
        this.#wake();
        onDown?.(error);
      },
      ...(onUp === undefined ? {} : { onUp }),
    });
  }

  /** Messages that are neither settled nor handed back. */
  get unacked(): number {
    return this.#unacked.size;
  }

  /** Takes charge of a message that `process` or `settle` gets later. During a stop it is handed back at once. */
  hold(delivery: Delivery<T>): void {
    if (this.#unacked.has(delivery)) return;
    if (this.#stopping) delivery.nak(0);
    else this.#unacked.set(delivery, false);
    this.#renewLater();
  }

  /** Keeps the timer running that renews the ack waits, while there are unacked messages. */
  #renewLater(): void {
    if (this.#timer !== null || this.#unacked.size === 0) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = null;
      for (const delivery of this.#unacked.keys()) delivery.working();
      this.#renewLater();
    }, IN_PROGRESS_MS);
  }

  /** Handles a message and settles it. An error of `handle` counts as a failure of the message. Never rejects. */
  async process(delivery: Delivery<T>, handle: Handle<T>): Promise<Settlement> {
    this.hold(delivery);
    if (!this.#unacked.has(delivery)) return HANDED_BACK;
    this.#unacked.set(delivery, true);
    let outcome: Outcome;
    try {
      delivery.begin();
      outcome = await handle(delivery);
    } catch (thrown) {
      return this.#failed(delivery, thrown);
    }
    return outcome.kind === 'publish' ? this.#publish(delivery, outcome.messages) : this.settle(delivery, outcome);
  }

  /** Resolves when the bus has all messages and the delivery is acked. */
  #publish(delivery: Delivery<T>, messages: readonly Outgoing[]): Promise<Settlement> {
    if (this.#ended) return Promise.resolve(HANDED_BACK);
    return new Promise((resolve) => {
      const publication: Publication<T> = {
        delivery,
        messages,
        onEnd: (settlement) => {
          this.#publications.delete(publication);
          resolve(settlement);
        },
      };
      this.#publications.add(publication);
      this.#queue.push(publication);
      this.#sender.pump();
    });
  }

  async #send({ delivery, messages, onEnd }: Publication<T>): Promise<void> {
    const { bus } = this.#options;
    try {
      await Promise.all(messages.map(({ subject, body, trace, id }) => bus.publish(subject, body, trace, id)));
    } catch (thrown) {
      // The sender tries again until NATS is back, as this is no failure of the message. A full disk counts as down
      // too.
      if (isBusDown(thrown) && !this.#ended) throw thrown;
      onEnd(await this.#failed(delivery, thrown));
      return;
    }
    const settled = await this.settle(delivery, DONE);
    onEnd(settled === HANDED_BACK ? settled : { kind: 'publish', messages });
  }

  /** Has a message whose handling failed delivered again; makes it a dead letter at the bound. */
  async #failed(delivery: Delivery<T>, thrown: unknown): Promise<Settlement> {
    const { name, log, signal } = this.#options;
    if (signal.aborted) {
      this.#handBack(delivery);
      return HANDED_BACK;
    }
    const { subject, seq, attempt } = delivery;
    const err = clipped(asError(thrown).message);
    if (attempt >= MOST_DELIVERIES && !isBusDown(thrown))
      return this.settle(delivery, { kind: 'dead-letter', reason: `its handling failed ${attempt} times: ${err}` });
    log[isBusDown(thrown) ? 'warn' : 'error'](
      { subject, seq, attempt, durable: name, err },
      `a message on ${subject} could not be handled by ${name} and is delivered again: ${err}`,
    );
    return this.settle(delivery, { kind: 'retry' });
  }

  /** Settles a message without handling it. */
  async settle(delivery: Delivery<T>, outcome: Exclude<Outcome, { kind: 'publish' }>): Promise<Settlement> {
    if (!this.#forget(delivery)) return HANDED_BACK;
    if (outcome.kind === 'done') delivery.ack();
    else if (outcome.kind === 'retry') delivery.nak(outcome.afterMs ?? redeliveryDelay(delivery.attempt));
    else await this.#deadLetter(delivery, outcome.reason);
    return outcome;
  }

  async #deadLetter(delivery: Delivery<T>, reason: string): Promise<void> {
    const stored = delivery.deadLetter(reason);
    this.#deadLetters.add(stored);
    await stored;
    this.#deadLetters.delete(stored);
  }

  /** False when the message had been settled or handed back before. */
  #forget(delivery: Delivery<T>): boolean {
    const known = this.#unacked.delete(delivery);
    if (known) this.#wake();
    return known;
  }

  /** Resolves when a message has been settled, or the processor has stopped. */
  change(): Promise<void> {
    return this.#ended ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  /**
   * Hands back at once all messages that are not being handled, and the others after `flushMs`, or when NATS is down.
   * Resolves then, with every dead letter stored. A handler that still runs no longer affects its message.
   */
  async stop(flushMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#stopping = true;
    for (const [delivery, handling] of this.#unacked) if (!handling) this.#handBack(delivery);
    const timer = clock.setTimeout(() => this.#end(), flushMs);
    while (flushMs > 0 && this.#unacked.size > 0 && !this.#sender.down && !this.#ended) await this.change();
    clock.clearTimeout(timer);
    this.#end();
    await Promise.all(this.#deadLetters);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    void this.#sender.stop(0);
    for (const delivery of this.#unacked.keys()) this.#handBack(delivery);
    for (const { onEnd } of this.#publications) onEnd(HANDED_BACK);
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#wake();
  }

  #handBack(delivery: Delivery<T>): void {
    if (this.#forget(delivery)) delivery.nak(0);
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
