import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AlertEntry } from './alert-entry.ts';

/** Place of an alert in the list: newer alerts are before it. */
export interface ListPlace {
  readonly at: number;
  readonly alertId: string;
}

export interface ListRange {
  /** Times of the alerts wanted, epoch ms, both included; null: no bound. */
  readonly from: number | null;
  readonly to: number | null;
  /** Only alerts after this place in the list; null: from its beginning. */
  readonly before: ListPlace | null;
}

/**
 * About 500 bytes each, 50 MB in all. The stream of alerts keeps 256 MB, some 50,000 revisions of real alerts, so this
 * bound is reached only with far larger streams.
 */
export const MOST_ENTRIES = 100_000;
/** Entries looked at in one turn of the event loop: less than 5 ms. */
const SLICE = 2_000;

/** The kept alerts in the memory of one process, by time. At the bound the oldest leave, and are counted. */
export class AlertList {
  readonly #most: number;
  /** Oldest first. */
  #entries: AlertEntry[] = [];
  readonly #byId = new Map<string, AlertEntry>();
  readonly #cameraIds = new Map<string, string>();
  #dropped = 0;

  constructor(most = MOST_ENTRIES) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Alerts that left at the bound. */
  get dropped(): number {
    return this.#dropped;
  }

  get(alertId: string): AlertEntry | null {
    return this.#byId.get(alertId) ?? null;
  }

  /** Adds an alert, or takes its newer revision. */
  put(given: AlertEntry): void {
    const known = this.#byId.get(given.alertId);
    if (known !== undefined && known.seq >= given.seq) return;
    const entry = { ...given, cameraId: this.#sameId(given.cameraId) };
    this.#byId.set(entry.alertId, entry);
    const index = known === undefined ? -1 : this.#indexOf(known);
    if (known?.at === entry.at) {
      this.#entries[index] = entry;
      return;
    }
    if (index >= 0) this.#entries.splice(index, 1);
    this.#entries.splice(this.#indexOf(entry), 0, entry);
    if (this.#entries.length > this.#most) this.#dropOldest();
  }

  /** Removes the alerts whose newest revision is older than this sequence: the stream has dropped them. */
  forgetBefore(seq: number): void {
    const kept = this.#entries.filter((entry) => entry.seq >= seq);
    if (kept.length === this.#entries.length) return;
    for (const entry of this.#entries) if (entry.seq < seq) this.#byId.delete(entry.alertId);
    this.#entries = kept;
  }

  clear(): void {
    this.#entries = [];
    this.#byId.clear();
    this.#cameraIds.clear();
  }

  /** The alerts of a range that match, newest first. Other work goes on in between; alerts may come meanwhile. */
  async *newest(
    { from, to, before }: ListRange,
    matches: (entry: AlertEntry) => boolean,
  ): AsyncGenerator<AlertEntry, void, undefined> {
    let place = before;
    const until = to === null ? null : { at: to + 1, alertId: '' };
    if (until !== null && (place === null || isBefore(until, place))) place = until;
    let index = place === null ? this.#entries.length : this.#indexOf(place);
    for (let looked = 1; index > 0; looked += 1) {
      const entry = this.#entries[index - 1];
      if (entry === undefined || (from !== null && entry.at < from)) return;
      index -= 1;
      const matched = matches(entry);
      if (matched) yield entry;
      if (looked % SLICE === 0) await nextTurn();
      // The list may have changed meanwhile.
      if (matched || looked % SLICE === 0) index = this.#indexOf(entry);
    }
  }

  /** Index of the first entry that is not before this place. */
  #indexOf(place: ListPlace): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && isBefore(entry, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Several at once: each removal at the beginning moves the whole list. */
  #dropOldest(): void {
    const removed = this.#entries.splice(0, Math.max(1, Math.ceil(this.#most / 100)));
    for (const { alertId } of removed) this.#byId.delete(alertId);
    this.#dropped += removed.length;
  }

  /** One string for all alerts of a camera. */
  #sameId(cameraId: string): string {
    const known = this.#cameraIds.get(cameraId);
    if (known !== undefined) return known;
    if (this.#cameraIds.size >= this.#most) this.#cameraIds.clear();
    this.#cameraIds.set(cameraId, cameraId);
    return cameraId;
  }
}

const isBefore = (a: ListPlace, b: ListPlace): boolean => a.at < b.at || (a.at === b.at && a.alertId < b.alertId);
