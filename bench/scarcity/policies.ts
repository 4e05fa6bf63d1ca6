/** Ways to choose the questions: ours, and those it is compared with. */
import { createCallBudget } from '../../src/tasks/call-budget.ts';
import { valueOf } from '../../src/tasks/value.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { allowedPerSecond, type KeyLimits } from './limits.ts';
import type { Policy, Question } from './simulate.ts';

const FRESHNESS_MS = 2_000;
/** Answers are reckoned with nine tenths of the slowest span, and the way to the screen. */
const EXPECTED_MS = 1_430 + 100;
const CAMERA_TURN_MS = 60_000;
const TURN_SHARE = 0.8;
/** Hinted so much that no turn comes before it. */
const VERY_HINTED = 0.8;
/** As long as a task used to wait: nine tenths of its validity. */
const BACKLOG_MS = 27_000;

const inTime = ({ at }: Question, now: number): boolean => now + EXPECTED_MS <= at + FRESHNESS_MS;

/** Value, price, freshness, newest question only, and camera turns: Gantry's own code where that is pure. */
export function ours(limits: KeyLimits): Policy {
  const budget = createCallBudget();
  budget.setRate(allowedPerSecond(limits), 0);
  const board = new Map<string, Question>();
  const turns = new Map<number, number>();
  return {
    name: 'Gantry',
    arrive(question, now) {
      board.set(question.groupId, question);
      if (!turns.has(question.camera)) turns.set(question.camera, now);
      budget.arrived(valueOf(question, now), now);
    },
    next(now, take) {
      let best: Question | null = null;
      let most = -Infinity;
      const price = budget.price(now);
      for (const [groupId, question] of board) {
        if (!inTime(question, now)) {
          board.delete(groupId);
          continue;
        }
        const value = valueOf(question, now);
        const unasked = now - (turns.get(question.camera) ?? now);
        const turn = unasked >= CAMERA_TURN_MS * TURN_SHARE;
        const rank =
          question.prior.value >= VERY_HINTED && value >= price ? 1e9 + value : turn ? 1_000 + unasked + value : value;
        if ((turn || value >= price) && rank > most) {
          best = question;
          most = rank;
        }
      }
      if (best === null) return null;
      if (!take()) {
        budget.emptied(now);
        return null;
      }
      budget.spent(1, now);
      board.delete(best.groupId);
      turns.set(best.camera, now);
      return best;
    },
  };
}

/** Most urgent level first, oldest first within it, and a backlog of 27 s: Gantry until now. */
export function firstInFirstOut(): Policy {
  const levels = new Map<number, Question[]>();
  return {
    name: 'FIFO',
    arrive(question) {
      const level = levels.get(question.priority) ?? [];
      levels.set(question.priority, level);
      level.push(question);
    },
    next(now, take) {
      for (const priority of [5, 4, 3, 2, 1]) {
        const level = levels.get(priority) ?? [];
        while ((level[0]?.at ?? Infinity) < now - BACKLOG_MS) level.shift();
        if (level.length > 0) return take() ? (level.shift() ?? null) : null;
      }
      return null;
    },
  };
}

/** Of the questions that can be answered in time, the newest. */
export const newestFirst = (): Policy => choosing('newest', (waiting) => waiting.length - 1);

/** Of the questions that can be answered in time, any. */
export function byChance(seed: number): Policy {
  const random = seededRandom(seed);
  return choosing('chance', (waiting) => Math.floor(random() * waiting.length));
}

function choosing(name: string, choose: (waiting: readonly Question[]) => number): Policy {
  let waiting: Question[] = [];
  return {
    name,
    arrive(question) {
      waiting.push(question);
    },
    next(now, take) {
      waiting = waiting.filter((question) => inTime(question, now));
      return waiting.length > 0 && take() ? (waiting.splice(choose(waiting), 1)[0] ?? null) : null;
    },
  };
}
