import { type AuditAction, AuditEntry } from '../messages/audit.ts';
import type { CameraId } from '../messages/ids.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { ANY_BODY, type Bus, type StoredMessage } from './bus.ts';

export interface AuditQuery {
  /** Epoch ms, both included. */
  readonly from: number;
  readonly to: number;
  /** Null: anybody. */
  readonly who: string | null;
  readonly action: AuditAction | null;
  readonly cameraId: CameraId | null;
  /** Most entries returned, from 1. */
  readonly limit: number;
  /** `next` of the previous page; null for the first page. */
  readonly before: number | null;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditEntry[];
  /** The next page's `before`; null at the end. */
  readonly next: number | null;
}

type Stored = StoredMessage<AuditEntry>;

/** Sequences of a window; each one after an empty window is twice as wide, up to the second figure. */
const WINDOW = 1_000;
const WIDEST_WINDOW = 16_000;
/** Bounds of one page, checked between windows. At a bound it ends early, and its `next` continues after it. */
const MOST_WINDOWS = 20;
const MOST_READ = 20_000;
const BATCH = 500;
/** An entry is stored within this time of its change, even after an outage of a day. */
const STORED_WITHIN_MS = 24 * 60 * 60_000;
/** The clocks of two machines may differ by this much. */
const CLOCKS_MS = 60_000;

/** The changes of the last year, from the stream AUDIT. NATS reads forwards only, so a page is read in windows. */
export class AuditHistory {
  readonly #bus: Pick<Bus, 'read' | 'last'>;

  constructor(bus: Pick<Bus, 'read' | 'last'>) {
    this.#bus = bus;
  }

  /** One page, newest first. Rejects `BUS_DOWN`. */
  async page(query: AuditQuery): Promise<AuditPage> {
    const filter = subjects.auditOf(query.cameraId, query.action);
    const wanted: Stored[] = [];
    let end = await this.#newest(query, filter);
    for (let windows = 0, read = 0, width = WINDOW; end > 0; windows += 1) {
      if (windows === MOST_WINDOWS || read >= MOST_READ) return { entries: bodiesOf(wanted), next: end + 1 };
      const begin = Math.max(1, end - width + 1);
      const messages = await this.#between(filter, begin, end);
      wanted.push(...messages.filter(({ body }) => isWanted(body, query)).toReversed());
      const oldest = wanted[query.limit - 1];
      if (oldest !== undefined)
        return { entries: bodiesOf(wanted.slice(0, query.limit)), next: oldest.seq > 1 ? oldest.seq : null };
      if (messages[0] !== undefined && messages[0].storedAt < query.from - CLOCKS_MS) break;
      read += messages.length;
      if (messages.length === 0) width = Math.min(WIDEST_WINDOW, width * 2);
      end = begin - 1;
    }
    return { entries: bodiesOf(wanted), next: null };
  }

  /** The last sequence that may be on the page; 0 where there is none. */
  async #newest({ before, to }: AuditQuery, filter: string): Promise<number> {
    const last = await this.#bus.last({ stream: streams.audit, subject: filter, parser: ANY_BODY });
    if (last === null) return 0;
    const newest = Math.min(last.seq, (before ?? Infinity) - 1);
    const late = to + STORED_WITHIN_MS;
    if (last.storedAt <= late) return newest;
    const options = { stream: streams.audit, filter, parser: ANY_BODY, from: { time: late }, limit: 1 };
    const [after] = await this.#bus.read(options);
    return Math.min(newest, (after?.seq ?? Infinity) - 1);
  }

  async #between(filter: string, begin: number, end: number): Promise<Stored[]> {
    const all: Stored[] = [];
    for (let seq = begin; seq <= end;) {
      const messages = await this.#bus.read({
        stream: streams.audit,
        filter,
        parser: AuditEntry,
        from: { seq },
        limit: Math.min(BATCH, end - seq + 1),
      });
      all.push(...messages.filter((message) => message.seq <= end));
      seq = (messages.at(-1)?.seq ?? end) + 1;
    }
    return all;
  }
}

const bodiesOf = (messages: readonly Stored[]): AuditEntry[] => messages.map(({ body }) => body);

function isWanted({ at, who }: AuditEntry, query: AuditQuery): boolean {
  const time = Date.parse(at);
  return time >= query.from && time <= query.to && (query.who === null || who === query.who);
}
