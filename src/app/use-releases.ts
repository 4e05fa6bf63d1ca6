import { LISTING } from '../messages/bounds.ts';
import { Release } from '../messages/release.ts';
import { OutcomeSender } from '../infra/outcome-sender.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import { BUCKETS } from '../infra/nats/buckets.ts';
import type { NatsLink } from '../infra/nats/connection.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { WatchedBucket } from '../infra/nats/watched-bucket.ts';
import { MOST_RELEASES, ReleaseBook, RunningSlot } from '../releases/release-book.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock } from '../runtime/clock.ts';
import type { StartStack } from './start-stack.ts';

/** Two nodes that start one at the same moment may each find room. */
const SPARE = 10;

export interface OpenedReleases {
  readonly book: ReleaseBook;
  readonly close: () => void;
}

/** The releases of all nodes, in memory. Rejects `BUS_DOWN`. `startMs`: the longest wait for them, default 30 s. */
export async function openReleases(link: NatsLink, log: ActorLog, startMs?: number): Promise<OpenedReleases> {
  const about = { link, plan: BUCKETS.releases, bounds: LISTING, log };
  const opening = [
    WatchedBucket.open<Release>({ ...about, prefix: 'release', parser: Release, most: MOST_RELEASES + SPARE }, startMs),
    WatchedBucket.open<RunningSlot>({ ...about, prefix: 'slot', parser: RunningSlot, most: 1 }, startMs),
  ] as const;
  try {
    const [records, slots] = await Promise.all(opening);
    const book = new ReleaseBook(records, slots);
    const close = (): void => {
      book.close();
      records.close();
      slots.close();
    };
    return { book, close };
  } catch (thrown) {
    for (const opened of await Promise.allSettled(opening)) if (opened.status === 'fulfilled') opened.value.close();
    throw thrown;
  }
}

export interface UsedReleases {
  readonly releases: ReleaseBook;
  readonly releaseOutcomes: OutcomeSender;
}

/** Starts the book of releases, and the way of their outcomes to the stream. */
export async function useReleases(stack: StartStack, bus: NatsBus, metrics: Metrics, log: Log): Promise<UsedReleases> {
  const { book } = await stack.step(
    'releases',
    () => openReleases(bus.link, log),
    ({ close }) => close(),
  );
  const releaseOutcomes = await stack.step(
    'outcomes of releases',
    () => new OutcomeSender({ bus, clock: systemClock, log, metrics }),
    (sender) => sender.stop(),
  );
  return { releases: book, releaseOutcomes };
}
