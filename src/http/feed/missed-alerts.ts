import type { Aggregate } from '../../messages/aggregate.ts';
import type { FeedPlace, GapReason } from '../../messages/feed.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AlertLog, type AlertLogLimits, type LoggedAlert } from './alert-log.ts';
import { alertMessage } from './feed-protocol.ts';

/** An aggregate as a stream stores it. */
export interface StoredAggregate {
  readonly aggregate: Aggregate;
  readonly seq: number;
  /** Epoch ms. */
  readonly storedAt: number;
}

/** The streams behind the feed. Both methods reject while the streams cannot be read. */
export interface FeedHistory {
  /** Messages after `seq` of the stream whose sequences are the feed's, oldest first, at most `limit`. */
  after(seq: number, limit: number): Promise<readonly StoredAggregate[]>;
  /** Messages of the alert history, which has sequences of its own: oldest first, at most `limit`. */
  alerts(from: HistoryStart, limit: number): Promise<readonly StoredAggregate[]>;
}

type HistoryStart = { readonly seq: number } | { readonly time: number };

/** Alerts found by time. */
export interface FoundAlerts {
  /** Oldest first. */
  readonly alerts: readonly LoggedAlert[];
  /** They are complete from this time on, epoch ms; later than asked for when there were too many. */
  readonly since: number;
}

export interface MissedAlertsOptions {
  readonly clock: Clock;
  readonly limits: AlertLogLimits & { readonly replayMessages: number };
  readonly isAlert: (aggregate: Aggregate) => boolean;
  /** Called with each aggregate read back from the stream. */
  readonly onRead: (stored: StoredAggregate, place: FeedPlace) => void;
}

const PAGE = 500;
/** An alert and its aggregate are stored at different moments: clocks differ, and NATS may be down in between. */
const MARGIN_MS = 120_000;
/** Viewers that return within this time share one search of the history. */
const SHARED_MS = 5_000;

/** Alerts for returning viewers: from memory, or from NATS, where concurrent requests share one read. */
export class MissedAlerts {
  readonly log: AlertLog;
  readonly #options: MissedAlertsOptions;
  #history: FeedHistory | null = null;
  #epoch: string | null = null;
  #extending: Promise<unknown> = Promise.resolve();
  #search: { readonly at: number; readonly from: number; readonly found: Promise<FoundAlerts> } | null = null;

  constructor(options: MissedAlertsOptions) {
    this.#options = options;
    this.log = new AlertLog(options.limits);
  }

  use(history: FeedHistory): void {
    this.#history = history;
  }

  /** Starts an empty log, complete after sequence `after`; null: it logs nothing yet. */
  begin(epoch: string, after: number | null): void {
    this.#epoch = epoch;
    this.log.begin(after);
  }

  /** Forgets the stream until `begin` names the next one. */
  lose(): void {
    this.#epoch = null;
    this.log.begin(null);
  }

  /**
   * Extends the log back to `since`. Null when it reaches that far, else the reason; only `unreachable` is worth a
   * retry.
   */
  async extendLogTo(since: FeedPlace): Promise<GapReason | null> {
    if (this.#epoch === null) return 'unreachable';
    if (since.epoch !== this.#epoch) return 'other_stream';
    if (this.#logReaches(since.seq)) return null;
    // One at a time: later viewers use the alerts read for the first.
    const extended = this.#extending.then(() => this.#extendLogTo(since));
    this.#extending = extended.catch(() => undefined);
    return extended;
  }

  /** Every alert stored since about `time` (epoch ms), from the history. Rejects while it cannot be read. */
  async alertsSince(time: number): Promise<FoundAlerts> {
    const from = time - MARGIN_MS;
    const now = this.#options.clock.now();
    if (this.#search === null || now - this.#search.at > SHARED_MS || this.#search.from > from)
      this.#search = { at: now, from, found: this.#searchHistory(from) };
    const search = this.#search;
    try {
      const { alerts, since } = await search.found;
      return { alerts: alerts.filter(({ at }) => at >= from), since: Math.max(since, from) };
    } catch (thrown) {
      if (this.#search === search) this.#search = null;
      throw thrown;
    }
  }

  #logReaches(seq: number): boolean {
    return this.log.after !== null && seq >= this.log.after;
  }

  async #extendLogTo(since: FeedPlace): Promise<GapReason | null> {
    const { log } = this;
    const { after } = log;
    if (since.epoch !== this.#epoch) return 'other_stream';
    if (after === null) return 'too_old';
    if (this.#logReaches(since.seq)) return null;
    if (log.trimmed || after - since.seq > this.#options.limits.replayMessages) return 'too_much';
    if (this.#history === null) return 'too_old';
    const isSameLog = (): boolean => this.#epoch === since.epoch && log.after === after;
    const alerts = await this.#readAlerts(this.#history, since, after, isSameLog);
    if (typeof alerts === 'string') return alerts;
    if (!isSameLog()) return 'unreachable';
    log.extend(since.seq, alerts);
    return this.#logReaches(since.seq) ? null : 'too_much';
  }

  /** The alerts after `since` up to sequence `to`, or why they cannot be read. */
  async #readAlerts(
    history: FeedHistory,
    since: FeedPlace,
    to: number,
    isSameLog: () => boolean,
  ): Promise<readonly LoggedAlert[] | GapReason> {
    const alerts = new Map<string, LoggedAlert>();
    for (let seq = since.seq; seq < to;) {
      const page = await history.after(seq, Math.min(PAGE, to - seq)).catch(() => null);
      if (page === null || !isSameLog()) return 'unreachable';
      const first = page[0];
      if (first === undefined || (seq === since.seq && first.seq !== seq + 1)) return 'too_old';
      for (const stored of page.filter((each) => each.seq <= to)) {
        const place = { epoch: since.epoch, seq: stored.seq };
        this.#options.onRead(stored, place);
        const { aggregate } = stored;
        // Of several revisions, the first was sent as an alert.
        if (!this.#options.isAlert(aggregate) || alerts.has(aggregate.requestId)) continue;
        alerts.set(aggregate.requestId, logged(stored, alertMessage(aggregate, place)));
      }
      seq = page.at(-1)?.seq ?? to;
    }
    return [...alerts.values()];
  }

  async #searchHistory(from: number): Promise<FoundAlerts> {
    if (this.#history === null) return { alerts: [], since: this.#options.clock.now() };
    const { logAlerts, logBytes } = this.#options.limits;
    const found = new Map<string, LoggedAlert>();
    let since = from;
    let bytes = 0;
    let next: HistoryStart = { time: from };
    for (;;) {
      const page = await this.#history.alerts(next, PAGE);
      for (const stored of page) {
        const { aggregate } = stored;
        if (!this.#options.isAlert(aggregate)) continue;
        // The latest revision replaces earlier ones.
        const alert = logged(stored, alertMessage(aggregate, null));
        bytes += alert.message.frame.byteLength - (found.get(aggregate.requestId)?.message.frame.byteLength ?? 0);
        found.delete(aggregate.requestId);
        found.set(aggregate.requestId, alert);
      }
      for (const [id, { at, message }] of found) {
        if (found.size <= logAlerts && bytes <= logBytes) break;
        found.delete(id);
        bytes -= message.frame.byteLength;
        since = at + 1;
      }
      const last = page.at(-1);
      if (last === undefined) return { alerts: [...found.values()], since };
      next = { seq: last.seq + 1 };
    }
  }
}

const logged = ({ seq, storedAt, aggregate }: StoredAggregate, message: LoggedAlert['message']): LoggedAlert => ({
  seq,
  camera: aggregate.cameraId,
  requestId: aggregate.requestId,
  at: storedAt,
  message,
});
