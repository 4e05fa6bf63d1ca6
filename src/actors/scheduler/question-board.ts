import { groupKey } from '../../messages/ids.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { valueOf } from '../../tasks/value.ts';

/** A question that waits. `D`: its delivery. */
export interface Question<D> {
  readonly task: AssessmentTask;
  readonly delivery: D;
  /** When the scheduler got it, and the task's own times, epoch ms. */
  readonly arrivedAt: number;
  readonly frameAt: number;
  readonly freshUntil: number;
  readonly expiresAt: number;
}

type Times = Omit<Question<unknown>, 'task' | 'delivery'>;

/** `freshnessMs`: how old a frame may be when its verdict is shown, for a task that does not say. */
export function timesOf(
  task: Pick<AssessmentTask, 'timestamp' | 'freshUntil' | 'expiresAt'>,
  freshnessMs: number,
  now: number,
): Times {
  const frameAt = Date.parse(task.timestamp);
  const freshUntil = task.freshUntil === undefined ? frameAt + freshnessMs : Date.parse(task.freshUntil);
  return { arrivedAt: now, frameAt, freshUntil, expiresAt: Date.parse(task.expiresAt) };
}

export const questionOf = <D extends { readonly body: AssessmentTask }>(
  delivery: D,
  freshnessMs: number,
  now: number,
): Question<D> => ({ task: delivery.body, delivery, ...timesOf(delivery.body, freshnessMs, now) });

/** A question that another scheduler has, as far as its rank depends on it. */
export interface Elsewhere extends Times {
  readonly task: Pick<AssessmentTask, 'cameraId' | 'prior' | 'lastAssessed'>;
}

/** A question that is not asked. `budget`: others were worth more. */
export interface Unasked<D> {
  readonly question: Question<D>;
  readonly reason: 'superseded' | 'budget';
}

/** The surroundings of one choice. */
export interface AskingRules {
  /**
   * Least value that is worth a call after so many calls of others; Infinity: no call can be spent, but for a camera
   * whose turn it is, which gets its call on credit.
   */
  readonly price: (ahead: number) => number;
  /** Until when this question may be asked, epoch ms. */
  readonly askBy: (question: Elsewhere) => number;
  /** How long the turn of this camera is overdue, in ms; null while it is not. */
  readonly overdueMs: (cameraId: string) => number | null;
}

/** Questions that wait. */
const MOST_WAITING = 5_000;
/** Groups whose newest frame is remembered. */
const MOST_GROUPS = 20_000;
/** A scheduler that has not asked a question in this time will not, or is gone. */
const ELSEWHERE_MS = 2_000;
/** A question of this value comes even before a camera whose turn it is. */
const VERY_LIKELY = 0.8;
/** An answer about a frame that was to be shown by now tells only the past. */
const STALE = 0.5;

/** Names the group that a question is about. */
export const keyOf = ({
  cameraId,
  group,
}: {
  readonly cameraId: string;
  readonly group: { readonly groupId: string };
}): string => groupKey(cameraId, group.groupId);

/**
 * The questions that wait, at most one for each group: the newest. Chooses the next one to ask. Bounded: when it is
 * full the least valuable question makes way. Pure: every call takes the time (epoch ms).
 */
export class QuestionBoard<D> {
  readonly #most: number;
  readonly #waiting = new Map<string, Question<D>>();
  readonly #elsewhere = new Map<string, Elsewhere>();
  /** Time of the newest frame heard of, by group; least recently heard first. */
  readonly #newest = new Map<string, number>();

  constructor(most = MOST_WAITING) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** How many more fit. */
  get room(): number {
    return Math.max(0, this.#most - this.#waiting.size);
  }

  has(task: AssessmentTask): boolean {
    return this.#waiting.get(keyOf(task))?.task.taskId === task.taskId;
  }

  /** Adds a question. Returns those that are not asked because of it, which may be this one itself. */
  add(question: Question<D>, now: number): readonly Unasked<D>[] {
    const { task, frameAt } = question;
    const key = keyOf(task);
    const unasked = this.heard(key, frameAt);
    if (frameAt < (this.#newest.get(key) ?? 0)) return [{ question, reason: 'superseded' }];
    this.#elsewhere.delete(key);
    this.#waiting.set(key, question);
    if (this.#waiting.size <= this.#most) return unasked;
    let least = question;
    for (const other of this.#waiting.values()) if (valueAt(other, now) < valueAt(least, now)) least = other;
    this.#waiting.delete(keyOf(least.task));
    return [...unasked, { question: least, reason: 'budget' }];
  }

  /** There is a question about this frame of the group `key`, here or elsewhere. Returns the older one that waited. */
  heard(key: string, frameAt: number): readonly Unasked<D>[] {
    this.#remember(key, frameAt);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || frameAt <= waiting.frameAt) return [];
    this.#waiting.delete(key);
    return [{ question: waiting, reason: 'superseded' }];
  }

  /** Another scheduler has, or will have, this question of the group `key`, or this one has not fetched it yet. */
  addElsewhere(key: string, question: Elsewhere): void {
    if (this.#waiting.has(key)) return;
    this.#elsewhere.delete(key);
    this.#elsewhere.set(key, question);
    const [oldest] = this.#elsewhere.size > this.#most ? this.#elsewhere.keys() : [];
    if (oldest !== undefined) this.#elsewhere.delete(oldest);
  }

  /** Another scheduler asks its question of this group. */
  askedElsewhere(key: string): void {
    this.#elsewhere.delete(key);
  }

  /** Removes and returns the questions that can no longer be answered in time. */
  tooLate(now: number, askBy: AskingRules['askBy']): readonly Question<D>[] {
    const late = [...this.#waiting.values()].filter((question) => askBy(question) <= now);
    for (const { task } of late) this.#waiting.delete(keyOf(task));
    return late;
  }

  /**
   * Removes and returns the question to ask next; null when none is worth a call now. A call is left for each better
   * question that another scheduler has, as that one chooses by the same rules.
   */
  take(now: number, rules: AskingRules): Question<D> | null {
    const price = rules.price(0);
    let best: { readonly question: Question<D>; readonly rank: Rank } | null = null;
    for (const question of this.#waiting.values()) {
      const rank = rankOf(question, now, price, rules);
      if (rank !== null && (best === null || isBefore(rank, best.rank))) best = { question, rank };
    }
    if (best === null) return null;
    const left = this.#priceBehind(best.rank, now, price, rules);
    if (rankOf(best.question, now, left, rules) === null) return null;
    this.#waiting.delete(keyOf(best.question.task));
    return best.question;
  }

  /** The price once the better questions of other schedulers are asked. */
  #priceBehind(rank: Rank, now: number, price: number, rules: AskingRules): number {
    let ahead = 0;
    for (const [key, question] of this.#elsewhere) {
      if (now - question.arrivedAt > ELSEWHERE_MS || rules.askBy(question) <= now) {
        this.#elsewhere.delete(key);
        continue;
      }
      const other = rankOf(question, now, price, rules);
      if (other !== null && isBefore(other, rank)) ahead += 1;
    }
    return ahead === 0 ? price : rules.price(ahead);
  }

  /** When the next question can no longer be answered in time, epoch ms; Infinity when none waits. */
  nextTooLate(askBy: AskingRules['askBy']): number {
    let next = Infinity;
    for (const question of this.#waiting.values()) next = Math.min(next, askBy(question));
    return next;
  }

  #remember(key: string, frameAt: number): void {
    const newest = Math.max(frameAt, this.#newest.get(key) ?? 0);
    this.#newest.delete(key);
    this.#newest.set(key, newest);
    if (this.#newest.size <= MOST_GROUPS) return;
    const [oldest] = this.#newest.keys();
    if (oldest !== undefined) this.#newest.delete(oldest);
  }
}

/** First by class, then by value or time overdue, then the newer frame; greater is earlier. */
type Rank = readonly [kind: number, worth: number, frameAt: number];

/** Null: not worth a call. */
function rankOf(question: Elsewhere, now: number, price: number, { overdueMs }: AskingRules): Rank | null {
  const { frameAt } = question;
  const value = valueAt(question, now);
  if (value >= VERY_LIKELY && value >= price) return [2, value, frameAt];
  const overdue = overdueMs(question.task.cameraId);
  if (overdue !== null) return [1, overdue, frameAt];
  return value >= price ? [0, value, frameAt] : null;
}

function isBefore(a: Rank, b: Rank): boolean {
  const at = a.findIndex((part, index) => part !== b[index]);
  return at !== -1 && (a[at] ?? 0) > (b[at] ?? 0);
}

/** Its value, half of it once the frame is older than a verdict may be. */
function valueAt({ task, freshUntil }: Pick<Elsewhere, 'task' | 'freshUntil'>, now: number): number {
  return valueOf(task, now) * (freshUntil < now ? STALE : 1);
}
