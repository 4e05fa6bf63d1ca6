import type { ReleaseOutcome } from '../../messages/release.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ReleaseOutcomes } from '../../releases/releases.types.ts';
import { type Judged, judgementOf, questionOfOutcome } from './judgement.ts';
import type { JudgingWays } from './judging-ways.ts';
import type { Shadow, ShadowQuestion } from './shadow.ts';

interface Kept {
  readonly outcome: ReleaseOutcome | null;
  readonly shadow: ShadowQuestion | null;
}

/** Questions whose pictures are kept until their result is stored; more are left out of the shadow. */
const MOST_SHADOWS = 16;

/**
 * The judgements of tasks whose result is not stored yet. Once it is, the release is told of them, or the shadow gets
 * the question. Bounded by the tasks in flight.
 */
export class ReleaseJudgements {
  readonly #ways: JudgingWays;
  readonly #outcomes: ReleaseOutcomes;
  readonly #shadow: Pick<Shadow, 'offer' | 'leftOut'>;
  readonly #kept = new Map<string, Kept>();
  #shadows = 0;

  constructor(ways: JudgingWays, outcomes: ReleaseOutcomes, shadow: Pick<Shadow, 'offer' | 'leftOut'>) {
    this.#ways = ways;
    this.#outcomes = outcomes;
    this.#shadow = shadow;
  }

  /** A task was judged by the way that counts, at this cost. */
  judged(task: AssessmentTask, judged: Judged, cost: number): void {
    const { mark } = judged.way;
    const present = judgementOf(judged, cost);
    if (mark !== null) {
      const outcome = { ...questionOfOutcome(mark.releaseId, task), way: mark.way, judgement: present };
      this.#kept.set(task.taskId, { outcome: { type: 'answer', ...outcome }, shadow: null });
      return;
    }
    const shadow = this.#ways.shadowOf(task);
    if (shadow === null || judged.failure !== null) return;
    if (this.#shadows >= MOST_SHADOWS) {
      this.#shadow.leftOut();
      return;
    }
    this.#shadows++;
    this.#kept.set(task.taskId, { outcome: null, shadow: { task, pictures: judged.pictures, present, ...shadow } });
  }

  /** A task ended. `stored`: with a result that viewers get; else it went back to the bus. */
  finished(taskId: string, stored: boolean): void {
    const kept = this.#kept.get(taskId);
    if (kept === undefined) return;
    this.#kept.delete(taskId);
    if (kept.shadow !== null) this.#shadows--;
    if (!stored) return;
    if (kept.outcome !== null) this.#outcomes.tell(kept.outcome);
    if (kept.shadow !== null) this.#shadow.offer(kept.shadow);
  }
}
