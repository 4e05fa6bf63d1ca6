/** Seconds; null when there was no verdict. */
export interface VerdictAgeFigures {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly count: number;
}

const WINDOW_MS = 60_000;
/** Of more verdicts in the window, the newest count. */
const MOST = 4_096;

/** How old the frames were when the model's verdicts about them were published, over the last minute. Pure. */
export class VerdictAges {
  readonly #ages: { readonly at: number; readonly seconds: number }[] = [];

  /** @param at when the verdict was published, epoch ms */
  add(seconds: number, at: number): void {
    this.#ages.push({ at, seconds });
    // Cut in steps, so that each addition costs little.
    if (this.#ages.length >= 2 * MOST) this.#ages.splice(0, this.#ages.length - MOST);
  }

  figures(now: number): VerdictAgeFigures {
    const sorted = this.#ages
      .slice(-MOST)
      .filter(({ at }) => now - at < WINDOW_MS)
      .map(({ seconds }) => seconds)
      .toSorted((a, b) => a - b);
    const quantile = (share: number): number | null => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
    return { p50: quantile(0.5), p95: quantile(0.95), count: sorted.length };
  }
}
