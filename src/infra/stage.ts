import type { ActorContext, ActorLog } from '../runtime/actor.ts';
import { pause } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { Bus, Delivery, Parser, PullConsumer } from './bus.ts';
import { type Handle, type Message, Processor, type Settlement } from './stage-processor.ts';

export interface StageOptions<T> {
  readonly ctx: Pick<ActorContext<never>, 'clock' | 'log' | 'signal' | 'fail'>;
  readonly bus: Bus;
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
  /** Most messages unacked at once. The others stay at the server, where other nodes can take them. */
  readonly inFlight: number;
  /** Decides what becomes of a message. An error is the message's own failure, see {@link Processor}. */
  readonly handle: Handle<T>;
  /** Told how each message ended. */
  readonly onSettled?: (settlement: Settlement, message: Message<T>) => void;
}

/** Most messages of one request, so that as many bodies of the largest size fit into memory. */
const MOST_REQUESTED = 64;
const REQUEST_MS = 10_000;
const RETRY_MS = 250;
/** A request that ends so soon without a message was refused, as when the consumer has too many unacked ones. */
const REFUSED_MS = 100;

/**
 * A stage of the pipeline: takes the messages of a durable consumer, at most `inFlight` unacked at once, and has each
 * handled and settled by a {@link Processor}, which keeps the promises about a message. Begins with its construction
 * and takes nothing more once `ctx.signal` aborts. While NATS is down it waits, and logs that once.
 */
export class Stage<T> {
  readonly #options: StageOptions<T>;
  readonly #processor: Processor<T>;
  readonly #outage: Outage;

  constructor(options: StageOptions<T>) {
    const { ctx, bus, durable } = options;
    this.#options = options;
    this.#outage = new Outage(ctx.log, durable);
    this.#processor = new Processor<T>({
      name: durable,
      bus,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      onDown: (error) => this.#outage.begin('publishing', error),
      onUp: () => this.#outage.end('publishing'),
    });
    this.#run().catch((thrown: unknown) => ctx.fail(asError(thrown)));
  }

  /** Messages taken from the consumer and not settled. */
  get unacked(): number {
    return this.#processor.unacked;
  }

  /**
   * To be called at the actor's stop: finishes messages within `flushMs`, while NATS is up, and hands back the rest.
   */
  stop(flushMs: number): Promise<void> {
    return this.#processor.stop(flushMs);
  }

  async #run(): Promise<void> {
    const { ctx, bus, stream, durable, parser, inFlight } = this.#options;
    const { clock, signal } = ctx;
    let consumer: PullConsumer<T> | null = null;
    while (!signal.aborted && bus.state() !== 'closed') {
      if (this.unacked >= inFlight) {
        await this.#processor.change();
        continue;
      }
      let pauseMs = 0;
      try {
        consumer ??= await bus.pull({ stream, durable, parser });
        if (!(await this.#request(consumer))) pauseMs = REFUSED_MS;
        this.#outage.end('receiving');
      } catch (thrown) {
        if (signal.aborted) break;
        this.#outage.begin('receiving', asError(thrown));
        pauseMs = RETRY_MS;
      }
      if (pauseMs > 0) await pause(clock, pauseMs, signal);
    }
    await consumer?.close();
  }

  /** One request for as many messages as there is room for. False when it was refused. */
  async #request(consumer: PullConsumer<T>): Promise<boolean> {
    const { ctx, inFlight } = this.#options;
    const most = Math.min(MOST_REQUESTED, inFlight - this.unacked);
    const begunAt = ctx.clock.now();
    let received = 0;
    for await (const delivery of consumer.receive(most, REQUEST_MS, ctx.signal)) {
      received += 1;
      this.#outage.end('receiving');
      this.#begin(delivery);
    }
    return received > 0 || ctx.clock.now() - begunAt >= REFUSED_MS;
  }

  #begin(delivery: Delivery<T>): void {
    const { ctx, handle, onSettled } = this.#options;
    // Handed back rather than begun: another node, or the next start, has it at once.
    if (ctx.signal.aborted) return delivery.nak(0);
    this.#processor
      .process(delivery, handle)
      .then((settlement) => onSettled?.(settlement, delivery))
      .catch((thrown: unknown) => ctx.fail(asError(thrown)));
  }
}

/** Logs once that NATS is down, and once that receiving and publishing work again. */
class Outage {
  readonly #log: ActorLog;
  readonly #name: string;
  readonly #failing = new Set<'receiving' | 'publishing'>();

  constructor(log: ActorLog, name: string) {
    this.#log = log;
    this.#name = name;
  }

  begin(what: 'receiving' | 'publishing', { message }: Error): void {
    if (this.#failing.size === 0)
      this.#log.warn({ durable: this.#name, err: message }, `${this.#name} waits for NATS: ${message}`);
    this.#failing.add(what);
  }

  end(what: 'receiving' | 'publishing'): void {
    if (this.#failing.delete(what) && this.#failing.size === 0)
      this.#log.info({ durable: this.#name }, `${this.#name} goes on`);
  }
}
