import type { RecentFigures, SchedulerFigures } from './scheduler-figures.ts';

/** Totals of a scheduler since its start. */
export type AnswerTotals = Pick<SchedulerFigures, 'assessed' | 'rules' | 'questions' | 'calls'>;

const WINDOW_MS = 60_000;
/** Totals kept: one every second of the window, at most. */
const MOST_KEPT = 64;
/** Rules answer more than this share of the questions for want of calls: there are too few. */
const SHORT_SHARE = 0.2;
/** Fewer questions in a minute say nothing. */
const LEAST_QUESTIONS = 10;

/** The last minute of a scheduler, from its totals at several times. Pure: every call takes the time (epoch ms). */
export class RecentAnswers {
  #kept: { readonly at: number; readonly totals: AnswerTotals }[] = [];
  #shortSince: number | null = null;

  /** Notes the totals as they are at `now`. Call it every few seconds, and not more than once a second. */
  note(totals: AnswerTotals, now: number): void {
    const newest = this.#kept.at(-1);
    // The scheduler was started anew, or the clock was set back.
    if (newest !== undefined && (totals.assessed < newest.totals.assessed || now < newest.at)) this.#kept = [];
    this.#kept.push({ at: now, totals });
    // The newest of those that are a minute old is where the window begins.
    while ((this.#kept[1]?.at ?? now) <= now - WINDOW_MS || this.#kept.length > MOST_KEPT) this.#kept.shift();
    if (!this.#isShort()) this.#shortSince = null;
    else this.#shortSince ??= this.#kept[0]?.at ?? now;
  }

  /** Since when rules have answered too many questions for want of calls, epoch ms; null while they do not. */
  get shortSince(): number | null {
    return this.#shortSince;
  }

  /** Null before a whole minute was seen. */
  recent(): RecentFigures | null {
    const [first] = this.#kept;
    const last = this.#kept.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < WINDOW_MS) return null;
    const minutes = (last.at - first.at) / WINDOW_MS;
    const since = (of: (totals: AnswerTotals) => number): number =>
      Math.round(Math.max(0, of(last.totals) - of(first.totals)) / minutes);
    const by_rules = Object.fromEntries(
      Object.keys(last.totals.rules).map((code) => [code, since(({ rules }) => rules[code] ?? 0)]),
    );
    return {
      by_model: since((totals) => totals.assessed - sumOf(totals.rules)),
      by_rules,
      questions: {
        asked: since(({ questions }) => questions.asked),
        superseded: since(({ questions }) => questions.superseded),
        budget: since(({ questions }) => questions.budget),
      },
      calls: since(({ calls }) => calls.used),
    };
  }

  #isShort(): boolean {
    const questions = this.recent()?.questions;
    if (questions === undefined) return false;
    const all = questions.asked + questions.superseded + questions.budget;
    return all >= LEAST_QUESTIONS && questions.budget > SHORT_SHARE * all;
  }
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
