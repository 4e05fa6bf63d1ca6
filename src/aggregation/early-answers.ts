import type { RequestId } from '../messages/ids.ts';
import { type GroupAnswer, isBetter } from './group-answer.ts';

export interface EarlyAnswersOptions {
  /** Most frames whose answers are kept; at the bound those of the oldest frame are given up. */
  readonly earlyFrames: number;
  /** They are given up after this long, in ms. */
  readonly earlyMs: number;
}

/** Answers that came before the detection of their frame. Pure: every call takes the time (ms). */
export class EarlyAnswers {
  readonly #options: EarlyAnswersOptions;
  /** Oldest first. */
  readonly #frames = new Map<RequestId, { readonly since: number; readonly answers: Map<number, GroupAnswer> }>();
  #givenUp: RequestId[] = [];

  constructor(options: EarlyAnswersOptions) {
    this.#options = options;
  }

  /** Number of frames. */
  get size(): number {
    return this.#frames.size;
  }

  has(requestId: RequestId): boolean {
    return this.#frames.has(requestId);
  }

  /** `added`: false when the answer is no news. `givenUp`: answers given up to make room. */
  add(
    requestId: RequestId,
    groupIndex: number,
    answer: GroupAnswer,
    now: number,
  ): { readonly added: boolean; readonly givenUp: number } {
    let givenUp = 0;
    let answers = this.#frames.get(requestId)?.answers;
    if (answers === undefined) {
      answers = new Map();
      this.#frames.set(requestId, { since: now, answers });
      const [oldest] = this.#frames.keys();
      if (this.#frames.size > this.#options.earlyFrames && oldest !== undefined) givenUp = this.#giveUp(oldest);
    }
    const added = isBetter(answer, answers.get(groupIndex));
    if (added) answers.set(groupIndex, answer);
    return { added, givenUp };
  }

  /** Removes and returns the answers of this frame, by group. */
  take(requestId: RequestId): ReadonlyMap<number, GroupAnswer> {
    const answers = this.#frames.get(requestId)?.answers ?? new Map<number, GroupAnswer>();
    this.#frames.delete(requestId);
    return answers;
  }

  /** Gives up answers that waited too long; returns their number. */
  expire(now: number): number {
    let givenUp = 0;
    for (const [requestId, { since }] of this.#frames) {
      if (now - since < this.#options.earlyMs) break;
      givenUp += this.#giveUp(requestId);
    }
    return givenUp;
  }

  /** Removes and returns the frames whose answers were given up. */
  takeGivenUp(): readonly RequestId[] {
    const all = this.#givenUp;
    this.#givenUp = [];
    return all;
  }

  #giveUp(requestId: RequestId): number {
    const count = this.#frames.get(requestId)?.answers.size ?? 0;
    this.#frames.delete(requestId);
    this.#givenUp.push(requestId);
    return count;
  }
}
