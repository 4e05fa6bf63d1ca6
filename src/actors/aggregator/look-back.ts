import { ANY_BODY, type Bus, type StoredMessage } from '../../infra/bus.ts';
import { Aggregate } from '../../messages/aggregate.ts';
import { streams, subjects } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';

export interface LookBackOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly signal: AbortSignal;
  readonly onAggregate: (stored: StoredMessage<Aggregate>) => void;
}

/** An aggregator has no unsettled frame that is older than this. */
const SPAN_MS = 120_000;
const MOST = 10_000;
/** Aggregates of one read. */
const BATCH = 500;
const RETRY_MS = 500;

/**
 * Reads the aggregates that were published in the last two minutes of the stream, at most the newest 10,000, and gives
 * them to `onAggregate`, oldest first. Waits for NATS as long as it takes. Also resolves at the abort.
 */
export async function lookBack({ bus, clock, log, signal, onAggregate }: LookBackOptions): Promise<void> {
  let seen = 0;
  for (let waited = false; !signal.aborted; waited = true) {
    try {
      const last = await bus.last({ stream: streams.aggregates, subject: subjects.aggregates, parser: ANY_BODY });
      if (last === null) return;
      for (;;) {
        const from = seen === 0 ? { time: last.storedAt - SPAN_MS } : { seq: seen + 1 };
        const batch = await bus.read({ stream: streams.aggregates, parser: Aggregate, from, limit: BATCH });
        for (const stored of batch) if (stored.seq > last.seq - MOST) onAggregate(stored);
        const end = batch.at(-1)?.seq ?? last.seq;
        seen = Math.max(end, last.seq - MOST);
        if (end >= last.seq || signal.aborted) return;
      }
    } catch (thrown) {
      if (!waited)
        log.warn(
          { err: asError(thrown).message },
          `the aggregator waits for NATS to read the published aggregates: ${asError(thrown).message}`,
        );
      await pause(clock, RETRY_MS, signal);
    }
  }
}
