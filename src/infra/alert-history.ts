import { Aggregate } from '../messages/aggregate.ts';
import type { CameraId } from '../messages/ids.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { ANY_BODY, type Bus, type StoredMessage } from './bus.ts';

export interface HistoryQuery {
  /** Null: every camera. */
  readonly cameraId: CameraId | null;
  /** Of the frames (of a replayed one: of its judgement), epoch ms; both included. */
  readonly from: number;
  readonly to: number;
  /** Most alerts returned, from 1. */
  readonly limit: number;
  /** Where the page before ended; 0 for the first. */
  readonly after: number;
}

export interface HistoryPage {
  /** In the order in which they became final. */
  readonly alerts: readonly Aggregate[];
  /** What to go on after; null at the end. */
  readonly next: number | null;
}

type Stored = StoredMessage<Aggregate>;

const PAGE = 500;
/** Messages read for one page of a reply, at most; then it ends early, and its `next` goes on. */
const MOST_READ = 5_000;
/** Revisions of an alert are stored within this time of each other: later answers are not waited for by then. */
const REVISED_WITHIN_MS = 10 * 60_000;
/** An alert is stored within this time of its frame, also when everything stood still for an hour. */
const STORED_WITHIN_MS = 2 * 60 * 60_000;
/** A frame is stored at its time or after it; clocks may differ by this much. */
const CLOCKS_MS = 60_000;

/**
 * The alerts of the last thirty days, as the stream ALERTS has them: each revision one message, of which the last
 * counts.
 */
export class AlertHistory {
  readonly #bus: Pick<Bus, 'read' | 'last'>;

  constructor(bus: Pick<Bus, 'read' | 'last'>) {
    this.#bus = bus;
  }

  /** One page, oldest first. Every alert is in one page, as its last revision so far. Rejects `BUS_DOWN`. */
  async page({ cameraId, from, to, limit, after }: HistoryQuery): Promise<HistoryPage> {
    const subject = cameraId === null ? subjects.alerts : subjects.alert(cameraId);
    const newest = await this.#bus.last({ stream: streams.alerts, subject, parser: ANY_BODY });
    if (newest === null) return { alerts: [], next: null };
    let start: { readonly seq: number } | { readonly time: number } =
      after > 0 ? { seq: after + 1 } : { time: from - CLOCKS_MS };
    /** Read, and not yet known to be the last of its alert. */
    let open: Stored[] = [];
    const alerts: Aggregate[] = [];
    for (let read = 0; ;) {
      const page = await this.#bus.read({
        stream: streams.alerts,
        filter: subject,
        parser: Aggregate,
        from: start,
        limit: PAGE,
      });
      read += page.length;
      const end = isEnd(page, newest.seq);
      open.push(...page);
      const until = end ? Infinity : (page.at(-1)?.storedAt ?? 0) - REVISED_WITHIN_MS;
      const known = open.filter(({ storedAt }) => storedAt <= until || read >= MOST_READ);
      const last = lastOf(open);
      for (const stored of known) {
        const time = timeOf(stored.body);
        if (last.get(stored.body.requestId) !== stored || time < from || time > to) continue;
        alerts.push(stored.body);
        if (alerts.length === limit) return { alerts, next: stored.seq };
      }
      const reached = known.at(-1);
      open = open.slice(known.length);
      if (end || (reached !== undefined && reached.storedAt > to + STORED_WITHIN_MS)) return { alerts, next: null };
      if (read >= MOST_READ) return { alerts, next: reached?.seq ?? null };
      start = { seq: (page.at(-1)?.seq ?? 0) + 1 };
    }
  }

  /** A camera's newest, by the time of the frame, newest first. Rejects `BUS_DOWN`. */
  async newest(cameraId: CameraId, limit: number): Promise<readonly Aggregate[]> {
    const subject = subjects.alert(cameraId);
    const last = await this.#bus.last({ stream: streams.alerts, subject, parser: ANY_BODY });
    if (last === null) return [];
    // Late answers are stored after newer frames: some more are looked at than asked for.
    for (let span = 1_000 + limit * 4; ; span *= 8) {
      const from = Math.max(1, last.seq - span);
      const found = newestFirst(await this.#from(from, last.seq, subject));
      if (found.length >= limit || from === 1) return found.slice(0, limit);
    }
  }

  /** Of the newest `messages` of all cameras the alerts, newest first. Rejects `BUS_DOWN`. */
  async recent(messages: number): Promise<readonly Aggregate[]> {
    const last = await this.#bus.last({ stream: streams.alerts, subject: subjects.alerts, parser: ANY_BODY });
    return last === null ? [] : newestFirst(await this.#from(Math.max(1, last.seq - messages + 1), last.seq));
  }

  async #from(seq: number, to: number, filter: string = subjects.alerts): Promise<Stored[]> {
    const all: Stored[] = [];
    for (let from = seq; from <= to;) {
      const page = await this.#bus.read({
        stream: streams.alerts,
        filter,
        parser: Aggregate,
        from: { seq: from },
        limit: PAGE,
      });
      all.push(...page);
      if (isEnd(page, to)) break;
      from = (page.at(-1)?.seq ?? to) + 1;
    }
    return all;
  }
}

/** A page may be short because bodies in it could not be read. */
const isEnd = (page: readonly Stored[], newest: number): boolean => (page.at(-1)?.seq ?? newest) >= newest;

const timeOf = ({ timestamp, publishedAt, replayOf }: Aggregate): number =>
  Date.parse(replayOf === undefined ? timestamp : publishedAt);

/** The last message of each alert. */
const lastOf = (messages: readonly Stored[]): ReadonlyMap<string, Stored> =>
  new Map(messages.map((stored) => [stored.body.requestId, stored]));

const newestFirst = (messages: readonly Stored[]): Aggregate[] =>
  [...lastOf(messages).values()]
    .map(({ body }) => body)
    .toSorted((a, b) => (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0));
