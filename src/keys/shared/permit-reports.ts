import type { Report } from './commands.ts';

/**
 * What became of permits is told together after this long, or with the next question. Until it is told a permit counts as
 * if its call might arrive at any time, and no place of it is free before a second after its call: nobody waits for this.
 */
const REPORT_MS = 20;

interface Told {
  readonly budget: string;
  /** When its call left; null: it is not made. */
  readonly sentAt: number | null;
}

/** What became of permits and Redis does not know yet. */
export class PermitReports {
  readonly #after: (ms: number, work: () => void) => void;
  readonly #onDue: () => void;
  readonly #open = new Map<string, Told>();
  #waiting = false;

  /** `onDue` is called once for those that came together, and takes them. */
  constructor(after: (ms: number, work: () => void) => void, onDue: () => void) {
    this.#after = after;
    this.#onDue = onDue;
  }

  /** What was said of the same permit before, and not told yet, is replaced. */
  add(id: string, told: Told): void {
    this.#open.set(id, told);
    if (this.#waiting) return;
    this.#waiting = true;
    this.#after(REPORT_MS, () => {
      this.#waiting = false;
      this.#onDue();
    });
  }

  /** All of them, told as an age, so that no clock but Redis's counts; late is safe. */
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
