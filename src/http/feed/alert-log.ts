import type { CameraId, RequestId } from '../../messages/ids.ts';
import type { Outgoing } from './viewer-outbox.ts';

/** An alert as viewers get it. */
export interface LoggedAlert {
  readonly seq: number;
  readonly camera: CameraId;
  readonly requestId: RequestId;
  /** When it was sent or stored, epoch ms. */
  readonly at: number;
  readonly message: Outgoing;
}

export interface AlertLogLimits {
  /** Alerts kept, and their bytes; at either bound the oldest are dropped. */
  readonly logAlerts: number;
  readonly logBytes: number;
}

/** The alerts of one stream after a known sequence, in order and encoded, for returning viewers. Pure. */
export class AlertLog {
  readonly #limits: AlertLogLimits;
  #alerts: LoggedAlert[] = [];
  #bytes = 0;
  #after: number | null = null;
  #trimmed = false;

  constructor(limits: AlertLogLimits) {
    this.#limits = limits;
  }

  /** The log is complete after this sequence; null: it keeps nothing. */
  get after(): number | null {
    return this.#after;
  }

  /** It dropped its oldest alerts, so it cannot be extended back. */
  get trimmed(): boolean {
    return this.#trimmed;
  }

  get size(): number {
    return this.#alerts.length;
  }

  /** Starts over with another stream, or at a distant sequence. */
  begin(after: number | null): void {
    this.#alerts = [];
    this.#bytes = 0;
    this.#after = after;
    this.#trimmed = false;
  }

  add(alert: LoggedAlert): void {
    if (this.#after === null || alert.seq <= this.#after) return;
    this.#bytes += alert.message.frame.byteLength;
    const last = this.#alerts.at(-1);
    if (last === undefined || last.seq < alert.seq) this.#alerts.push(alert);
    else this.#alerts.splice(this.#indexAfter(alert.seq), 0, alert);
    this.#trim();
  }

  /** Prepends the alerts between sequence `after` and the log's beginning, in order. */
  extend(after: number, alerts: readonly LoggedAlert[]): void {
    const own = this.#after;
    if (own === null || after >= own) return;
    const older = alerts.filter(({ seq }) => seq > after && seq <= own);
    this.#alerts = [...older, ...this.#alerts];
    this.#bytes += older.reduce((sum, { message }) => sum + message.frame.byteLength, 0);
    this.#after = after;
    this.#trim();
  }

  /** The next alerts after `seq`, oldest first, about `bytes` in all; at least one when there is one. */
  next(seq: number, bytes: number): readonly LoggedAlert[] {
    const first = this.#indexAfter(seq);
    let end = first;
    for (let sum = 0; end < this.#alerts.length && sum < bytes; end += 1)
      sum += this.#alerts[end]?.message.frame.byteLength ?? 0;
    return this.#alerts.slice(first, end);
  }

  #trim(): void {
    let drop = 0;
    for (; this.#alerts.length - drop > this.#limits.logAlerts || this.#bytes > this.#limits.logBytes; drop += 1) {
      const oldest = this.#alerts[drop];
      if (oldest === undefined) break;
      this.#bytes -= oldest.message.frame.byteLength;
      this.#after = oldest.seq;
      this.#trimmed = true;
    }
    if (drop > 0) this.#alerts.splice(0, drop);
  }

  /** Index of the first alert after `seq`. */
  #indexAfter(seq: number): number {
    let [low, high] = [0, this.#alerts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#alerts[middle]?.seq ?? Infinity) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
