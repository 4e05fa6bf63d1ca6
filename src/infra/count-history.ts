import { mergedBin } from '../messages/count-figures.ts';
import { type CountedBin, TrafficCounts } from '../messages/counted-bin.ts';
import type { CameraId } from '../messages/ids.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { ANY_BODY, type Bus, type StoredMessage } from './bus.ts';

export interface CountQuery {
  readonly cameraId: CameraId;
  /** Of each bin, a multiple of 60. */
  readonly seconds: number;
  /** Epoch ms: bins that begin in this time, `to` excluded. */
  readonly from: number;
  readonly to: number;
}

export interface CountPage {
  /** Oldest first. Spans without pictures have none. */
  readonly bins: readonly CountedBin[];
  /** The next page's `from`, epoch ms; null at the end. */
  readonly next: number | null;
}

const BATCH = 500;
/** Most bins of a page, and messages read for one. */
const MOST_BINS = 360;
const MOST_READ = 6_000;
/** A minute is stored within this time of its end, even after an outage of an hour. */
const STORED_WITHIN_MS = 2 * 60 * 60_000;
/** The clocks of two machines may differ by this much. */
const CLOCKS_MS = 60_000;

/** Counts of the last two days, from the stream COUNTS, which has a message for each minute of a camera. */
export class CountHistory {
  readonly #bus: Pick<Bus, 'read' | 'last'>;

  constructor(bus: Pick<Bus, 'read' | 'last'>) {
    this.#bus = bus;
  }

  /** One page of bins aligned to the clock (UTC). Rejects `BUS_DOWN`. */
  async page({ cameraId, seconds, from, to }: CountQuery): Promise<CountPage> {
    const ms = seconds * 1_000;
    const first = Math.floor(from / ms) * ms;
    const end = Math.min(Math.ceil(to / ms) * ms, first + MOST_BINS * ms);
    const { minutes, until } = await this.#minutes(cameraId, first, end);
    const reached = until < end ? Math.floor(until / ms) * ms : end;
    const byBin = Map.groupBy(minutes, ({ start }) => Math.floor(Date.parse(start) / ms) * ms);
    const bins = [...byBin]
      .filter(([start]) => start < reached)
      .toSorted(([a], [b]) => a - b)
      .map(([start, parts]) => mergedBin(parts, start, seconds));
    return { bins, next: reached < to && reached > first ? reached : null };
  }

  /** Each once, in the order of the stream. `until`: there may be more minutes from then on. */
  async #minutes(
    cameraId: CameraId,
    from: number,
    to: number,
  ): Promise<{ readonly minutes: readonly TrafficCounts[]; readonly until: number }> {
    const subject = subjects.counts(cameraId);
    const newest = await this.#bus.last({ stream: streams.counts, subject, parser: ANY_BODY });
    const found = new Map<string, TrafficCounts>();
    if (newest === null) return { minutes: [], until: Infinity };
    let start: { readonly seq: number } | { readonly time: number } = { time: from - CLOCKS_MS };
    for (let read = 0; ; read += BATCH) {
      const messages: readonly StoredMessage<TrafficCounts>[] = await this.#bus.read({
        stream: streams.counts,
        filter: subject,
        parser: TrafficCounts,
        from: start,
        limit: BATCH,
      });
      for (const { body } of messages) {
        const begin = Date.parse(body.start);
        if (begin >= from && begin < to) found.set(body.countId, body);
      }
      const last = messages.at(-1);
      const isEnd = last === undefined || last.seq >= newest.seq || last.storedAt > to + STORED_WITHIN_MS;
      if (isEnd) return { minutes: [...found.values()], until: Infinity };
      if (read + BATCH >= MOST_READ) return { minutes: [...found.values()], until: Date.parse(last.body.start) };
      start = { seq: last.seq + 1 };
    }
  }
}
