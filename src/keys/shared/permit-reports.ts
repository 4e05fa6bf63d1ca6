import type { Report } from './commands.ts';

/**
 * Reports on permits are sent together after this long, or with the next question. Until then a permit counts as if its
 * call might arrive at any time. A place is free a second after its call at the earliest, so nobody waits for a report.
 */
const REPORT_MS = 20;

interface Told {
  readonly budget: string;
  /** When its call left; null: it is not made. */
  readonly sentAt: number | null;
}

/** Reports on permits that Redis does not have yet. */
export class PermitReports {
  readonly #after: (ms: number, work: () => void) => void;
  readonly #onDue: () => void;
  readonly #open = new Map<string, Told>();
  #waiting = false;

  /** Calls `onDue` once for reports that come together; it is to `take` them. */
  constructor(after: (ms: number, work: () => void) => void, onDue: () => void) {
    this.#after = after;
    this.#onDue = onDue;
  }

  /** Adds a report. It replaces an unsent one on the same permit. */
  add(id: string, told: Told): void {
    this.#open.set(id, told);
    if (this.#waiting) return;
    this.#waiting = true;
    this.#after(REPORT_MS, () => {
      this.#waiting = false;
      this.#onDue();
    });
  }

  /** Takes all reports. Times are given as ages, so that no clock but Redis's counts; late is safe. */
  take(now: number): readonly Report[] {
    const reports = [...this.#open].map(([id, { budget, sentAt }]): Report => ({
      budget,
      id,
      what: sentAt === null ? 'refund' : String(now - sentAt - 1),
    }));
    this.#open.clear();
    return reports;
  }
}
