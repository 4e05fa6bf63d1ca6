import { Aggregate } from '../messages/aggregate.ts';
import { type AlertName, AlertPlace } from '../messages/alert-place.ts';
import type { CameraId } from '../messages/ids.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { ANY_BODY, type Bus, type StoredMessage } from './bus.ts';

export interface HistoryQuery {
  /** Null: every camera. */
  readonly cameraId: CameraId | null;
  /** Leaves out the alerts of other cameras. Default: none. */
  readonly isWanted?: (cameraId: CameraId) => boolean;
  /** Time of the frame, or of the assessment for a replayed frame; epoch ms, both included. */
  readonly from: number;
  readonly to: number;
  /** Most alerts returned, from 1. */
  readonly limit: number;
  /** `next` of the previous page; 0 for the first page. */
  readonly after: number;
}

export interface HistoryPage {
  /** In the order of their newest revisions. */
  readonly alerts: readonly Aggregate[];
  /** The next page's `after`; null at the end. */
  readonly next: number | null;
}

type Stored = StoredMessage<Aggregate>;

/** Messages of one read. */
const BATCH = 500;
/** Messages read for one page at most. At this bound the page ends early, and its `next` continues after it. */
const MOST_READ = 5_000;
/**
 * Two revisions of an alert in a row are stored within this time: no answer is awaited for longer, and while its
 * incident goes on an alert is revised every 90 s.
 */
const REVISED_WITHIN_MS = 10 * 60_000;
/** An alert is stored within this time of its frame, even after an outage of an hour. */
const STORED_WITHIN_MS = 2 * 60 * 60_000;
/** Messages after the one that the index knows of. */
const NEWER_REVISIONS = 50;
/** A frame is stored after it was taken; the clocks of two machines may differ by this much. */
const CLOCKS_MS = 60_000;

/** The alerts of the last thirty days. The stream ALERTS has each revision as one message; the newest one counts. */
export class AlertHistory {
  readonly #bus: Pick<Bus, 'read' | 'last'>;

  constructor(bus: Pick<Bus, 'read' | 'last'>) {
    this.#bus = bus;
  }

  /** One page, oldest first. Every alert is on one page only, as its newest revision so far. Rejects `BUS_DOWN`. */
  async page(query: HistoryQuery): Promise<HistoryPage> {
    const { cameraId, from, after } = query;
    const subject = cameraId === null ? subjects.alerts : subjects.alert(cameraId);
    const newest = await this.#bus.last({ stream: streams.alerts, subject, parser: ANY_BODY });
    if (newest === null) return { alerts: [], next: null };
    const page = new PageBuilder(query);
    let start: { readonly seq: number } | { readonly time: number } =
      after > 0 ? { seq: after + 1 } : { time: from - CLOCKS_MS };
    for (let read = 0; ;) {
      const messages = await this.#bus.read({
        stream: streams.alerts,
        filter: subject,
        parser: Aggregate,
        from: start,
        limit: BATCH,
      });
      read += messages.length;
      const finished = page.add(messages, { end: isEnd(messages, newest.seq), cut: read >= MOST_READ });
      if (finished !== null) return finished;
      start = { seq: (messages.at(-1)?.seq ?? 0) + 1 };
    }
  }

  /** The newest revision of an alert; null when there is none, or it is no longer kept. Rejects `BUS_DOWN`. */
  async find(name: AlertName): Promise<Aggregate | null> {
    const place = await this.#placeOf(name);
    if (place === null) return null;
    const { cameraId, requestId, seq } = place;
    // The index may be a revision or two behind.
    const found = await this.#bus.read({
      stream: streams.alerts,
      filter: subjects.alert(cameraId),
      parser: Aggregate,
      from: { seq },
      limit: NEWER_REVISIONS,
    });
    return found.findLast(({ body }) => body.requestId === requestId)?.body ?? null;
  }

  /** The camera of an alert; null when there is no such alert, or it is no longer kept. Rejects `BUS_DOWN`. */
  async camera(name: AlertName): Promise<CameraId | null> {
    return (await this.#placeOf(name))?.cameraId ?? null;
  }

  async #placeOf(name: AlertName): Promise<AlertPlace | null> {
    const subject = subjects.alertPlace(name);
    return (await this.#bus.last({ stream: streams.alertIndex, subject, parser: AlertPlace }))?.body ?? null;
  }

  /** At most `limit` alerts of a camera, the newest frame first. Rejects `BUS_DOWN`. */
  async newest(cameraId: CameraId, limit: number): Promise<readonly Aggregate[]> {
    const subject = subjects.alert(cameraId);
    const last = await this.#bus.last({ stream: streams.alerts, subject, parser: ANY_BODY });
    if (last === null) return [];
    // Late answers are stored after newer frames, so more messages are read than alerts are wanted.
    for (let span = 1_000 + limit * 4; ; span *= 8) {
      const from = Math.max(1, last.seq - span);
      const found = newestFirst(await this.#from(from, last.seq, subject));
      if (found.length >= limit || from === 1) return found.slice(0, limit);
    }
  }

  /** The alerts in the newest `messages` messages of all cameras, the newest frame first. Rejects `BUS_DOWN`. */
  async recent(messages: number): Promise<readonly Aggregate[]> {
    const last = await this.#bus.last({ stream: streams.alerts, subject: subjects.alerts, parser: ANY_BODY });
    return last === null ? [] : newestFirst(await this.#from(Math.max(1, last.seq - messages + 1), last.seq));
  }

  async #from(seq: number, to: number, filter: string = subjects.alerts): Promise<Stored[]> {
    const all: Stored[] = [];
    for (let from = seq; from <= to;) {
      const messages = await this.#bus.read({
        stream: streams.alerts,
        filter,
        parser: Aggregate,
        from: { seq: from },
        limit: BATCH,
      });
      all.push(...messages);
      if (isEnd(messages, to)) break;
      from = (messages.at(-1)?.seq ?? to) + 1;
    }
    return all;
  }
}

/** Collects one page from the messages of the stream, given in order. Pure. */
class PageBuilder {
  readonly #query: HistoryQuery;
  readonly #alerts: Aggregate[] = [];
  /** Messages that a later revision may still replace. */
  #open: Stored[] = [];

  constructor(query: HistoryQuery) {
    this.#query = query;
  }

  /**
   * Adds the next messages; returns the page once it is finished, else null.
   *
   * @param end the stream has no further message
   * @param cut no further message is to be read for this page
   */
  add(messages: readonly Stored[], { end, cut }: { readonly end: boolean; readonly cut: boolean }): HistoryPage | null {
    const { to, limit } = this.#query;
    const alerts = this.#alerts;
    const until = end || cut ? Infinity : (messages.at(-1)?.storedAt ?? 0) - REVISED_WITHIN_MS;
    this.#open.push(...messages);
    const newest = newestRevisions(this.#open);
    const final = this.#open.filter(({ storedAt }) => storedAt <= until);
    this.#open = this.#open.slice(final.length);
    for (const stored of final) {
      if (newest.get(stored.body.requestId) !== stored || !this.#isWanted(stored.body)) continue;
      alerts.push(stored.body);
      if (alerts.length === limit) return { alerts, next: stored.seq };
    }
    const reached = final.at(-1);
    if (end || (reached !== undefined && reached.storedAt > to + STORED_WITHIN_MS)) return { alerts, next: null };
    return cut ? { alerts, next: reached?.seq ?? null } : null;
  }

  #isWanted(alert: Aggregate): boolean {
    const { isWanted } = this.#query;
    if (isWanted !== undefined && !isWanted(alert.cameraId)) return false;
    const time = timeOf(alert);
    return time >= this.#query.from && time <= this.#query.to;
  }
}

/** Compares sequences, not lengths: bodies that cannot be read are left out of a batch. */
const isEnd = (messages: readonly Stored[], newest: number): boolean => (messages.at(-1)?.seq ?? newest) >= newest;

const timeOf = ({ timestamp, publishedAt, replayOf }: Aggregate): number =>
  Date.parse(replayOf === undefined ? timestamp : publishedAt);

/** The newest message of each alert. */
const newestRevisions = (messages: readonly Stored[]): ReadonlyMap<string, Stored> =>
  new Map(messages.map((stored) => [stored.body.requestId, stored]));

const newestFirst = (messages: readonly Stored[]): Aggregate[] =>
  [...newestRevisions(messages).values()]
    .map(({ body }) => body)
    .toSorted((a, b) => (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0));
