/** From the model's answer to the verdict on a screen, in ms: result, aggregate and push. */
const TO_VIEWER_MS = 100;
/** Expected while nothing is measured, in ms. */
const ASSUMED_MS = 1_200;
/** Share of the calls that take no longer than expected. */
const QUANTILE = 0.9;
/** With fewer calls a key's own times say too little. */
const ENOUGH = 4;
const MOST_SAMPLES = 64;
const MOST_KEYS = 1_000;
/** A key that was slow is tried again once its calls are older than this. */
const AGE_MS = 60_000;

interface Sample {
  readonly at: number;
  readonly ms: number;
}

/** How long calls take from the lease to the answer, by key. Bounded. Pure: every call takes the time (epoch ms). */
export class AnswerTimes {
  readonly #keys = new Map<string, Sample[]>();
  #all: Sample[] = [];

  /** A call with this key was answered, or timed out, `ms` after its lease. */
  answered(keyName: string, ms: number, now: number): void {
    const sample = { at: now, ms };
    const known = this.#keys.get(keyName) ?? [];
    this.#keys.delete(keyName);
    this.#keys.set(keyName, [...known.slice(1 - MOST_SAMPLES), sample]);
    this.#all = [...this.#all.slice(1 - MOST_SAMPLES), sample];
    const [oldest] = this.#keys.size > MOST_KEYS ? this.#keys.keys() : [];
    if (oldest !== undefined) this.#keys.delete(oldest);
  }

  /** From the lease of a call with this key to its verdict on a screen, in ms; nine of ten take no longer. */
  expectedMs(keyName: string, now: number): number {
    const own = recent(this.#keys.get(keyName) ?? [], now);
    const known = own.length >= ENOUGH ? own : recent(this.#all, now);
    return (known.length >= ENOUGH ? quantile(known, QUANTILE) : ASSUMED_MS) + TO_VIEWER_MS;
  }

  /** From lease to answer in the middle, in ms; null before the first answer of the last minutes. */
  medianMs(now: number): number | null {
    const known = recent(this.#all, now);
    return known.length === 0 ? null : quantile(known, 0.5);
  }
}

const recent = (samples: readonly Sample[], now: number): readonly Sample[] =>
  samples.filter(({ at }) => now - at <= AGE_MS);

function quantile(samples: readonly Sample[], share: number): number {
  const sorted = samples.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
