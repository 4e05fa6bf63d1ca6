import { AnswerTimes } from './answer-times.ts';
import type { Question } from './question-board.ts';

/** A question whose answer can't be in time in any case is asked within this time of its arrival, in ms. */
const LATE_WINDOW_MS = 500;
/**
 * With less time than this to choose and to make the picture, in ms, most questions would be too late when they come:
 * then nothing would be asked, and nobody would notice that answers have become faster.
 */
const LEAST_WINDOW_MS = 350;
/** After so long without an answer, in ms, the times that were measured are tried again, whatever they say. */
const QUIET_MS = 5_000;
/** In an outage rules answer this long before a question expires, in ms. */
export const RULES_MS = 500;
/** Questions whose way from the frame to the scheduler is remembered. */
const MOST_ARRIVALS = 64;

/** Times are measured anew after this long, in ms: for each question it would cost too much. */
const REMEASURE_MS = 100;

/** Limits of the next lease of a question. */
export interface LeaseLimits {
  /** After this moment it is not asked any more, epoch ms. */
  readonly askBy: number;
  /** Names of keys whose answer would come too late. */
  readonly exclude: readonly string[];
}

/** Times in ms. */
interface Measurements {
  /** When they were made, epoch ms. */
  readonly at: number;
  /** From the lease to the verdict on a screen, by key. */
  readonly keyMs: ReadonlyMap<string, number>;
  readonly fastestMs: number;
  /** From a frame to its question, in the middle. */
  readonly wayMs: number;
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
  /** Null before the first. */
  #lastAnswerAt: number | null = null;
  #upSince = -Infinity;
  /** From a frame to its question, in ms; newest last. */
  readonly #ways: number[] = [];
  #measurements: Measurements = { at: -Infinity, keyMs: new Map(), fastestMs: 0, wayMs: 0 };

  arrived({ arrivedAt, frameAt }: Times): void {
    this.#ways.push(Math.max(0, arrivedAt - frameAt));
    if (this.#ways.length > MOST_ARRIVALS) this.#ways.shift();
  }

  /** A call with this key was answered, or timed out, `ms` after its lease. */
  answered(keyName: string, ms: number, now: number): void {
    this.#times.answered(keyName, ms, now);
    this.#lastAnswerAt = now;
  }

  /** Names of the keys that can be used now. */
  setKeys(names: readonly string[]): void {
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
    if (!this.isSlow(freshUntil - frameAt, now)) return { askBy, exclude: this.#slowerThan(freshUntil - now, now) };
    // A call that failed is repeated once.
    if (failedCalls === 0) return { askBy, exclude: [] };
    return { askBy: failedCalls === 1 ? now + LATE_WINDOW_MS : now, exclude: [] };
  }

  /**
   * Whether even a question that is asked soon is answered more than `freshnessMs` after its frame. Also when no answer
   * came for a while: nothing may have been asked because of times that are no longer true.
   */
  isSlow(freshnessMs: number, now: number): boolean {
    if (this.#lastAnswerAt !== null && now - this.#lastAnswerAt > QUIET_MS) return true;
    const { fastestMs, wayMs } = this.#measured(now);
    return wayMs + LEAST_WINDOW_MS + fastestMs > freshnessMs;
  }

  /** It may wait while it is valid: the provider does not answer, or did not at its time. */
  mayWait({ arrivedAt }: Times): boolean {
    return this.#down || arrivedAt < this.#upSince;
  }

  /** Names of the keys whose answer takes longer. */
  #slowerThan(leftMs: number, now: number): readonly string[] {
    return [...this.#measured(now).keyMs].flatMap(([name, ms]) => (ms > leftMs ? [name] : []));
  }

  #measured(now: number): Measurements {
    if (now - this.#measurements.at < REMEASURE_MS) return this.#measurements;
    const ways = this.#ways.toSorted((a, b) => a - b);
    const keyMs = new Map(this.#keys.map((name) => [name, this.#times.expectedMs(name, now)]));
    const fastestMs = keyMs.size > 0 ? Math.min(...keyMs.values()) : this.#times.expectedMs('', now);
    this.#measurements = { at: now, keyMs, fastestMs, wayMs: ways[Math.floor(ways.length / 2)] ?? 0 };
    return this.#measurements;
  }
}
