import { FeedSequencer, type Sequenced } from '../http/feed/sequencer.ts';
import type { LiveFeed } from '../http/live-feed.ts';
import type { Bus } from '../infra/bus.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { Aggregate, type PushedAggregate } from '../messages/aggregate.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, pause, systemClock, type TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { within } from '../runtime/time-limit.ts';
import type { FrameTraces } from './frame-traces.ts';
import { feedHistory } from './feed-history.ts';

/** Wait for aggregates missing between two pushes before they are read from the stream. */
const WAIT_MS = 250;
const READ_MS = 1_000;
/** Aggregates read at once to fill a gap. */
const READ_MOST = 2_000;
/** Pushes that may wait behind a gap; one more, and the gap is given up. */
const MOST_WAITING = 1_000;
const AGAIN_MS = 500;
/** Wait for the stream at the start; then the feed begins without offsets. */
const START_MS = 3_000;

type FeedTraces = Pick<FrameTraces, 'shown'>;

export interface FeedOptions {
  readonly clock?: Clock;
  /** Told of each aggregate that was given to the viewers. Default: nobody. */
  readonly traces?: FeedTraces | null;
}

/**
 * Feeds viewers from Redis's channels and from the stream of aggregates at once. Every aggregate arrives on both
 * paths and the first copy is sent, in the order of the stream, so when either fails or returns there is no gap and no
 * switch-over. Resolves within {@link START_MS} to a function that ends it.
 */
export async function followFeed(
  bus: Bus,
  redis: Pick<RedisStore, 'follow'> | null,
  feed: LiveFeed,
  log: ActorLog,
  { clock = systemClock, traces = null }: FeedOptions = {},
): Promise<() => void> {
  const source = new FeedSource(bus, feed, log, clock, traces);
  const from = await source.start();
  bus.follow({
    stream: streams.aggregates,
    parser: Aggregate,
    from,
    signal: source.signal,
    onMessage: ({ seq, body }) => source.fromStream(seq, body),
    onReset: (why) => source.reset(why),
  });
  redis
    ?.follow(
      (pushed) => source.fromPush(pushed),
      (offset) => source.isKnown(offset),
    )
    .catch((thrown: unknown) => log.debug({ err: asError(thrown).message }, 'not subscribed to Redis before the stop'));
  return () => source.stop();
}

/** Merges both paths in the stream's order, and fills gaps after a delay. */
class FeedSource {
  readonly #bus: Bus;
  readonly #feed: LiveFeed;
  readonly #log: ActorLog;
  readonly #clock: Clock;
  readonly #traces: FeedTraces | null;
  readonly #sequencer = new FeedSequencer<Aggregate>();
  readonly #stop = new AbortController();
  /** Ends a recovery when the next one begins. */
  #recovery = new AbortController();
  #timer: TimerHandle | null = null;
  #filling = false;

  constructor(bus: Bus, feed: LiveFeed, log: ActorLog, clock: Clock, traces: FeedTraces | null) {
    this.#bus = bus;
    this.#feed = feed;
    this.#log = log;
    this.#clock = clock;
    this.#traces = traces;
    feed.use(feedHistory(bus));
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Begins the feed. Resolves to the stream's position to follow from. */
  async start(): Promise<'new' | { readonly seq: number }> {
    try {
      const [epoch, last] = await within(
        this.#clock,
        Promise.all([
          this.#bus.streamEpoch(streams.aggregates),
          this.#bus.last({ stream: streams.aggregates, subject: subjects.aggregates, parser: Aggregate }),
        ]),
        START_MS,
      );
      this.#feed.begin(epoch, last?.seq ?? null);
      this.#sequencer.begin(last === null ? null : last.seq + 1);
      return { seq: (last?.seq ?? 0) + 1 };
    } catch (thrown) {
      this.#log.warn(
        { err: asError(thrown).message },
        `the live feed begins without offsets, its stream cannot be read yet: ${asError(thrown).message}`,
      );
      this.#recover();
      return 'new';
    }
  }

  fromStream(seq: number, aggregate: Aggregate): void {
    this.#publish(this.#sequencer.fromStream(seq, aggregate));
  }

  isKnown(offset: number): boolean {
    return this.#sequencer.isKnown(offset);
  }

  fromPush({ offset, ...aggregate }: PushedAggregate): void {
    this.#publish(this.#sequencer.fromPush(offset, aggregate));
    if (this.#sequencer.waiting > MOST_WAITING) this.#giveUp(`over ${MOST_WAITING} pushes wait for them`);
  }

  reset(why: string): void {
    this.#log.warn({ why }, `the live feed starts over: ${why}; viewers get a gap message`);
    this.#recover();
  }

  stop(): void {
    this.#stop.abort();
    this.#recovery.abort();
    this.#disarm();
  }

  #publish(messages: readonly Sequenced<Aggregate>[]): void {
    for (const { item, seq, through } of messages) {
      this.#feed.publish(item, { seq, through });
      this.#traces?.shown(item);
    }
    this.#arm();
  }

  /** Starts the timer of the gap that pushes wait behind, or stops it when there is none. */
  #arm(): void {
    const missing = this.#sequencer.missing();
    if (missing === null || this.#filling) {
      if (missing === null) this.#disarm();
      return;
    }
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = null;
      // It may be a newer gap than the timer's: reading it early costs one read.
      if (this.#sequencer.missing() !== null) void this.#fill();
    }, WAIT_MS);
  }

  #disarm(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Fills the gap from the stream. Never rejects. */
  async #fill(): Promise<void> {
    const missing = this.#sequencer.missing();
    if (missing === null) return;
    this.#filling = true;
    try {
      const limit = Math.min(READ_MOST, missing.to - missing.from + 2);
      const found = await within(
        this.#clock,
        this.#bus.read({ stream: streams.aggregates, parser: Aggregate, from: { seq: missing.from }, limit }),
        READ_MS,
      );
      // The stream may have filled it meanwhile, or be another stream. Numbers that it leaves out don't exist.
      if (this.#sequencer.missing()?.from !== missing.from) return;
      for (const { seq, body } of found) this.#publish(this.#sequencer.fromPush(seq, body));
      const read = found.at(-1)?.seq ?? 0;
      if (read >= missing.from) this.#publish(this.#sequencer.skip(Math.min(read, missing.to)));
      if (read > missing.to) return;
      if (found.length < limit) this.#publishForeign(missing.to + 1);
    } catch (thrown) {
      if (this.#sequencer.missing()?.from === missing.from) this.#giveUp(asError(thrown).message);
    } finally {
      this.#filling = false;
      this.#arm();
    }
  }

  /** Publishes a held push of a former stream, without an offset. */
  #publishForeign(seq: number): void {
    const aggregate = this.#sequencer.remove(seq);
    if (aggregate !== null) this.#feed.publish(aggregate);
  }

  #giveUp(why: string): void {
    const missing = this.#sequencer.missing();
    if (missing === null) return;
    const count = missing.to - missing.from + 1;
    this.#log.warn(
      { from: missing.from, to: missing.to, why },
      `the live feed continues without ${count} aggregates, which are sent once they can be read: ${why}`,
    );
    if (count > 0) this.#feed.gap(missing.to, count);
    this.#publish(this.#sequencer.giveUp());
  }

  /** Sends without offsets until the stream's epoch is known and missed alerts are read from the history. */
  #recover(): void {
    const before = this.#feed.place();
    this.#recovery.abort();
    this.#recovery = new AbortController();
    const signal = AbortSignal.any([this.#recovery.signal, this.#stop.signal]);
    this.#disarm();
    this.#sequencer.begin(null);
    this.#feed.lost();
    void this.#recoverUntil(before, signal);
  }

  async #recoverUntil(before: ReturnType<LiveFeed['place']>, signal: AbortSignal): Promise<void> {
    let epoch: string | null = null;
    while (epoch === null) {
      epoch = await this.#bus.streamEpoch(streams.aggregates).catch(() => null);
      if (epoch === null) await pause(this.#clock, AGAIN_MS, signal);
      if (signal.aborted) return;
    }
    await this.#feed.recovered(epoch, before, signal);
  }
}
