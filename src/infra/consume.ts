import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { clipped } from '../messages/bounds.ts';
import { asError } from '../runtime/errors.ts';
import type { Bus, Delivery, Parser } from './bus.ts';
import { MOST_DELIVERIES, redeliveryDelay } from './redelivery.ts';

export interface ConsumeOptions<T> {
  readonly bus: Bus;
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Ends the loop. */
  readonly signal: AbortSignal;
  /** Most deliveries taken at once. */
  readonly batch: number;
  /** Waits until more can be taken; asked before every pull. Default: at once. */
  readonly room?: () => Promise<void>;
  /**
   * Takes one delivery over; its resolution lets the next one come. One that is rejected or throws is the message's own
   * failure: it comes again, later each time, and after {@link MOST_DELIVERIES} becomes a dead letter; the others flow on.
   */
  readonly take: (delivery: Delivery<T>) => Promise<void>;
}

const WAIT_MS = 5_000;
const RETRY_MS = 500;

/**
 * Pulls from a durable consumer until `signal` is aborted, waiting while NATS is away. Resolves at the abort, or when the
 * bus is closed; rejects only when the consumer cannot be opened.
 */
export async function consume<T>(options: ConsumeOptions<T>): Promise<void> {
  const { bus, stream, durable, parser, clock, log, signal, batch, take } = options;
  const consumer = await bus.pull({ stream, durable, parser });
  const taken = async (delivery: Delivery<T>): Promise<void> => {
    try {
      delivery.begin();
      await take(delivery);
    } catch (thrown) {
      if (signal.aborted) delivery.nak(0);
      else await failed(delivery, durable, asError(thrown), log);
    }
  };
  let away = false;
  try {
    while (!signal.aborted) {
      let deliveries: readonly Delivery<T>[] = [];
      try {
        await options.room?.();
        deliveries = await consumer.fetch(batch, WAIT_MS, signal);
        if (away) log.info({ durable }, `${durable} goes on`);
        away = false;
      } catch (thrown) {
        if (signal.aborted || bus.state() === 'closed') return;
        if (!away)
          log.warn({ durable, err: asError(thrown).message }, `${durable} waits for NATS: ${asError(thrown).message}`);
        away = true;
        await sleep(clock, RETRY_MS, signal).catch(() => undefined);
      }
      for (const delivery of deliveries) {
        // Handed back rather than begun: another node, or the next start, has it at once.
        if (signal.aborted) delivery.nak(0);
        else await taken(delivery);
      }
    }
  } finally {
    await consumer.close();
  }
}

/** Settles a delivery whose handling failed. Never rejects. */
export async function failed(delivery: Delivery<unknown>, durable: string, error: Error, log: ActorLog): Promise<void> {
  const { subject, seq, attempt } = delivery;
  const err = clipped(error.message);
  if (attempt >= MOST_DELIVERIES) {
    await delivery.deadLetter(`its handling failed ${attempt} times: ${err}`);
    return;
  }
  delivery.nak(redeliveryDelay(attempt));
  log.error(
    { subject, seq, attempt, durable, err },
    `a message on ${subject} could not be handled by ${durable} and comes again: ${err}`,
  );
}
