/** Ways to choose the questions: ours, and those it is compared with. */
import { CameraTurns } from '../../src/actors/scheduler/camera-turns.ts';
import { type Elsewhere, QuestionBoard, questionOf } from '../../src/actors/scheduler/question-board.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { createCallBudget } from '../../src/tasks/call-budget.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { valueOf } from '../../src/tasks/value.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { allowedPerSecond, type KeyLimits } from './limits.ts';
import { HEIGHT, WIDTH } from './scene.ts';
import type { Policy, Question } from './simulate.ts';

const { freshnessMs, cameraTurnMs } = DEFAULT_FRESHNESS;
/** Answers are reckoned with nine tenths of the slowest span, and the way to the screen. */
const EXPECTED_MS = 1_430 + 100;
/** As long as a task used to wait: nine tenths of its validity. */
const BACKLOG_MS = 27_000;

const inTime = ({ at }: Question, now: number): boolean => now + EXPECTED_MS <= at + freshnessMs;

interface Delivered {
  readonly body: AssessmentTask;
  readonly question: Question;
}

/** Gantry's own code: value, price, board and camera turns. */
export function ours(limits: KeyLimits): Policy {
  const budget = createCallBudget();
  const board = new QuestionBoard<Delivered>();
  const turns = new CameraTurns();
  const askBy = ({ freshUntil }: Elsewhere): number => freshUntil - EXPECTED_MS;
  budget.setRate(allowedPerSecond(limits), 0);
  return {
    name: 'Gantry',
    arrive(question, now) {
      const body = taskOf(question);
      turns.seen(body.cameraId, -Infinity, cameraTurnMs, now);
      budget.arrived(valueOf(question, now), now);
      board.add(questionOf({ body, question }, freshnessMs, now), now);
    },
    next(now, take) {
      board.tooLate(now, askBy);
      const overdueMs = (cameraId: string): number | null => turns.overdueMs(cameraId, cameraTurnMs, now);
      const waiting = board.take(now, { price: (ahead) => budget.price(now, ahead), askBy, overdueMs });
      if (waiting === null) return null;
      if (!take()) {
        board.add(waiting, now);
        budget.emptied(now);
        return null;
      }
      budget.spent(1, now);
      turns.asked(waiting.task.cameraId, now);
      return waiting.delivery.question;
    },
  };
}

/** The fields that choosing needs; the others are of no account. */
function taskOf({ camera, groupId, at, prior, lastAssessed }: Question): AssessmentTask {
  const timestamp = new Date(at).toISOString();
  return {
    taskId: `${groupId} ${at}`,
    requestId: groupId,
    cameraId: `camera-${camera}`,
    timestamp,
    traceId: '',
    priority: 3,
    expiresAt: new Date(at + BACKLOG_MS).toISOString(),
    prior,
    ...(lastAssessed === undefined ? {} : { lastAssessed }),
    group: { ...ANY_GROUP, groupId },
    members: [],
    imageWidth: WIDTH,
    imageHeight: HEIGHT,
  };
}

const ANY_GROUP: Omit<AssessmentTask['group'], 'groupId'> = {
  groupIndex: 1,
  objectCount: 2,
  classes: [],
  bbox: [0, 0, 1, 1],
  averageConfidence: 1,
  memberIndices: [],
  features: {
    density: 0,
    meanSpacing: 0,
    minSpacing: 0,
    vehicleCount: 0,
    personCount: 0,
    minPersonVehicleDistance: null,
    maxSpeed: null,
    maxClosingSpeed: null,
  },
  cropId: null,
};

/** Most urgent level first, oldest first within it, and a backlog of 27 s: Gantry before it reckoned with freshness. */
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
