import type { Aggregate } from '../../messages/aggregate.ts';
import type { FeedPlace, GapReason } from '../../messages/feed.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AlertLog, type AlertLogLimits, type LoggedAlert } from './alert-log.ts';
import { alertText } from './feed-protocol.ts';

/** A stored aggregate. */
export interface StoredAggregate {
  readonly aggregate: Aggregate;
  readonly seq: number;
  /** Epoch ms. */
  readonly storedAt: number;
}

/** What is kept of the feed outside this program. Both reject while it cannot be reached. */
export interface FeedHistory {
  /** Of the stream that numbers the feed: what comes after `seq`, oldest first, at most `limit`. */
  after(seq: number, limit: number): Promise<readonly StoredAggregate[]>;
  /** Of the history of alerts (with sequences of its own): oldest first, at most `limit`. */
  alerts(
    from: { readonly seq: number } | { readonly time: number },
    limit: number,
  ): Promise<readonly StoredAggregate[]>;
}

/** Alerts found by their time. */
export interface FoundAlerts {
  /** Oldest first. */
  readonly alerts: readonly LoggedAlert[];
  /** They are all since then, epoch ms; later than asked for when there were too many. */
  readonly since: number;
}

export interface RecallOptions {
  readonly clock: Clock;
  readonly limits: AlertLogLimits & { readonly replayMessages: number };
  readonly isAlert: (aggregate: Aggregate) => boolean;
  /** An aggregate that was read again. */
  readonly onRead: (stored: StoredAggregate, place: FeedPlace) => void;
}

const PAGE = 500;
/** An alert and its aggregate are stored one after the other, by clocks that differ; NATS may be away in between. */
const MARGIN_MS = 120_000;
/** Many viewers that come back at once share one look into the history. */
const SHARED_MS = 5_000;

/** What a viewer that comes back can be told: from memory, or read once for all who ask. */
export class Recall {
  readonly log: AlertLog;
  readonly #options: RecallOptions;
  #history: FeedHistory | null = null;
  #epoch: string | null = null;
  #extending: Promise<unknown> = Promise.resolve();
  #found: { readonly at: number; readonly from: number; readonly found: Promise<FoundAlerts> } | null = null;

  constructor(options: RecallOptions) {
    this.#options = options;
    this.log = new AlertLog(options.limits);
  }

  use(history: FeedHistory): void {
    this.#history = history;
  }

  /** The log is complete after this sequence; null: not yet at all. */
  begin(epoch: string, after: number | null): void {
    this.#epoch = epoch;
    this.log.begin(after);
  }

  /** The stream is not known for the moment. */
  lose(): void {
    this.#epoch = null;
    this.log.begin(null);
  }

  /** Makes the log reach back to `since`. Null when it does, else why not; `unreachable` may be better later. */
  async reach(since: FeedPlace): Promise<GapReason | null> {
    if (this.#epoch === null) return 'unreachable';
    if (since.epoch !== this.#epoch) return 'other_stream';
    if (this.#reaches(since.seq)) return null;
    // One after the other: what the first reads again is there for the others.
    const extended = this.#extending.then(() => this.#extend(since));
    this.#extending = extended.catch(() => undefined);
    return extended;
  }

  /** Every alert stored since about `time` (epoch ms), from the history. Rejects while it cannot be reached. */
  async alertsSince(time: number): Promise<FoundAlerts> {
    const from = time - MARGIN_MS;
    const now = this.#options.clock.now();
    if (this.#found === null || now - this.#found.at > SHARED_MS || this.#found.from > from)
      this.#found = { at: now, from, found: this.#search(from) };
    const shared = this.#found;
    try {
      const { alerts, since } = await shared.found;
      return { alerts: alerts.filter(({ at }) => at >= from), since: Math.max(since, from) };
    } catch (thrown) {
      if (this.#found === shared) this.#found = null;
      throw thrown;
    }
  }

  #reaches(seq: number): boolean {
    return this.log.after !== null && seq >= this.log.after;
  }

  async #extend(since: FeedPlace): Promise<GapReason | null> {
    const { log } = this;
    const own = log.after;
    if (since.epoch !== this.#epoch) return 'other_stream';
    if (own === null) return 'too_old';
    if (this.#reaches(since.seq)) return null;
    if (log.trimmed || own - since.seq > this.#options.limits.replayMessages) return 'too_much';
    if (this.#history === null) return 'too_old';
    const alerts: LoggedAlert[] = [];
    const known = new Set<string>();
    for (let seq = since.seq; seq < own;) {
      const page = await this.#history.after(seq, Math.min(PAGE, own - seq)).catch(() => null);
      if (page === null) return 'unreachable';
      if (this.#epoch !== since.epoch || log.after !== own) return 'unreachable';
      const first = page[0];
      if (first === undefined || (seq === since.seq && first.seq !== seq + 1)) return 'too_old';
      for (const stored of page) {
        if (stored.seq > own) break;
        const place = { epoch: since.epoch, seq: stored.seq };
        this.#options.onRead(stored, place);
        const { aggregate } = stored;
        if (!this.#options.isAlert(aggregate) || known.has(aggregate.requestId)) continue;
        known.add(aggregate.requestId);
        alerts.push(logged(stored, alertText(aggregate, place)));
      }
      seq = page.at(-1)?.seq ?? own;
    }
    log.extend(since.seq, alerts);
    return this.#reaches(since.seq) ? null : 'too_much';
  }

  async #search(from: number): Promise<FoundAlerts> {
    if (this.#history === null) return { alerts: [], since: this.#options.clock.now() };
    const { logAlerts, logBytes } = this.#options.limits;
    const found = new Map<string, LoggedAlert>();
    let since = from;
    let bytes = 0;
    let next: { readonly seq: number } | { readonly time: number } = { time: from };
    for (;;) {
      const page = await this.#history.alerts(next, PAGE);
      for (const stored of page) {
        const { aggregate } = stored;
        if (!this.#options.isAlert(aggregate)) continue;
        // A revision says the same better.
        const alert = logged(stored, alertText(aggregate, null));
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
