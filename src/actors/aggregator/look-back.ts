import { ANY_BODY, type Bus, type StoredMessage } from '../../infra/bus.ts';
import { Aggregate } from '../../messages/aggregate.ts';
import { streams, subjects } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';

export interface LookBackOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly signal: AbortSignal;
  readonly onAggregate: (stored: StoredMessage<Aggregate>) => void;
}

/** Before the last thing that went out: whoever published it held nothing older. */
const SPAN_MS = 120_000;
const MOST = 10_000;
const PAGE = 500;
const RETRY_MS = 500;

/**
 * Tells what went out in the last two minutes of the stream, oldest first, at most the newest 10,000; waits for NATS as
 * long as it takes. Resolves at the abort too.
 */
export async function lookBack({ bus, clock, log, signal, onAggregate }: LookBackOptions): Promise<void> {
  let seen = 0;
  for (let waited = false; !signal.aborted; waited = true) {
    try {
      const last = await bus.last({ stream: streams.aggregates, subject: subjects.aggregates, parser: ANY_BODY });
      if (last === null) return;
      for (;;) {
        const from = seen === 0 ? { time: last.storedAt - SPAN_MS } : { seq: seen + 1 };
        const page = await bus.read({ stream: streams.aggregates, parser: Aggregate, from, limit: PAGE });
        for (const stored of page) if (stored.seq > last.seq - MOST) onAggregate(stored);
        const end = page.at(-1)?.seq ?? last.seq;
        seen = Math.max(end, last.seq - MOST);
        if (end >= last.seq || signal.aborted) return;
      }
    } catch (thrown) {
      if (!waited)
        log.warn(
          { err: asError(thrown).message },
          `the aggregator waits for NATS to know what went out before: ${asError(thrown).message}`,
        );
      await sleep(clock, RETRY_MS, signal).catch(() => undefined);
    }
  }
}
