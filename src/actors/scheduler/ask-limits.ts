import { AnswerTimes } from './answer-times.ts';
import type { Question } from './question-board.ts';

/** A question whose answer can't be in time in any case is asked within this time of its arrival, in ms. */
const LATE_WINDOW_MS = 500;
/**
 * With less time than this to choose, in ms, most questions would be too late when they come: then nothing would be
 * asked, and nobody would notice that answers have become faster.
 */
const LEAST_WINDOW_MS = 150;
/** In an outage rules answer this long before a question expires, in ms. */
export const RULES_MS = 500;
/** Questions whose way from the frame to the scheduler is remembered. */
const MOST_ARRIVALS = 64;

/** Limits of the next lease of a question. */
export interface LeaseLimits {
  /** After this moment it is not asked any more, epoch ms. */
  readonly askBy: number;
  /** Names of keys whose answer would come too late. */
  readonly exclude: readonly string[];
}

/** Times of a question, epoch ms. */
type Times = Pick<Question<unknown>, 'arrivedAt' | 'frameAt' | 'freshUntil' | 'expiresAt'>;

/**
 * Until when a question may be asked, and with which keys, so that its answer is on a screen in time. When the model is
 * too slow even for questions that are asked at once, each is asked while it is new: its late answer still says
 * something of the next frames. A question that waited while the provider was down may be asked while it is valid.
 * Pure: every call takes the time (epoch ms).
 */
export class AskLimits {
  readonly #times = new AnswerTimes();
  /** Names of the keys that can be used now. */
  #keys: readonly string[] = [];
  #down = false;
  #upSince = -Infinity;
  /** From a frame to its question, in ms; newest last. */
  readonly #ways: number[] = [];
  /** Measured once for all questions of one moment. */
  #now = { at: -Infinity, fastestMs: 0, wayMs: 0 };

  arrived({ arrivedAt, frameAt }: Times): void {
    this.#now.at = -Infinity;
    this.#ways.push(Math.max(0, arrivedAt - frameAt));
    if (this.#ways.length > MOST_ARRIVALS) this.#ways.shift();
  }

  /** A call with this key was answered, or timed out, `ms` after its lease. */
  answered(keyName: string, ms: number, now: number): void {
    this.#now.at = -Infinity;
    this.#times.answered(keyName, ms, now);
  }

  /** Names of the keys that can be used now. */
  setKeys(names: readonly string[]): void {
    this.#now.at = -Infinity;
    this.#keys = names;
  }

  /** From lease to answer in the middle, in ms; null before the first answer of the last minutes. */
  medianMs(now: number): number | null {
    return this.#times.medianMs(now);
  }

  /** Whether the provider does not answer. */
  setDown(down: boolean, now: number): void {
    if (this.#down && !down) this.#upSince = now;
    this.#down = down;
  }

  /** Until when it may be asked, epoch ms. */
  askBy(question: Times, now: number): number {
    const { arrivedAt, frameAt, freshUntil, expiresAt } = question;
    if (this.mayWait(question)) return expiresAt - RULES_MS;
    if (!this.isSlow(freshUntil - frameAt, now)) return freshUntil - this.#measured(now).fastestMs;
    return arrivedAt <= freshUntil ? Math.min(expiresAt, arrivedAt + LATE_WINDOW_MS) : -Infinity;
  }

  /** Limits of its next lease, after so many failed calls. */
  leaseLimits(question: Times, failedCalls: number, now: number): LeaseLimits {
    const { frameAt, freshUntil } = question;
    const askBy = this.askBy(question, now);
    if (this.mayWait(question)) return { askBy, exclude: [] };
    if (!this.isSlow(freshUntil - frameAt, now))
      return { askBy, exclude: this.#keys.filter((name) => now + this.#times.expectedMs(name, now) > freshUntil) };
    // A call that failed is repeated once.
    if (failedCalls === 0) return { askBy, exclude: [] };
    return { askBy: failedCalls === 1 ? now + LATE_WINDOW_MS : now, exclude: [] };
  }

  /** Whether even a question that is asked soon is answered more than `freshnessMs` after its frame. */
  isSlow(freshnessMs: number, now: number): boolean {
    const { fastestMs, wayMs } = this.#measured(now);
    return wayMs + LEAST_WINDOW_MS + fastestMs > freshnessMs;
  }

  /** It may wait while it is valid: the provider does not answer, or did not at its time. */
  mayWait({ arrivedAt }: Times): boolean {
    return this.#down || arrivedAt < this.#upSince;
  }

  #measured(now: number): { readonly fastestMs: number; readonly wayMs: number } {
    if (this.#now.at !== now) {
      const ways = this.#ways.toSorted((a, b) => a - b);
      const wayMs = ways[Math.floor(ways.length / 2)] ?? 0;
      this.#now = { at: now, fastestMs: this.#times.fastestMs(this.#keys, now), wayMs };
    }
    return this.#now;
  }
}
