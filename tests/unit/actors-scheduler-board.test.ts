import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnswerTimes } from '../../src/actors/scheduler/answer-times.ts';
import { AskLimits } from '../../src/actors/scheduler/ask-limits.ts';
import { CameraTurns } from '../../src/actors/scheduler/camera-turns.ts';
import {
  QuestionBoard,
  questionOf,
  type AskingRules,
  type Question,
} from '../../src/actors/scheduler/question-board.ts';
import { NO_CALL } from '../../src/actors/scheduler/result.ts';
import { QuestionTally } from '../../src/actors/scheduler/question-counts.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { questionTask, type QuestionOptions } from '../support/assessment-task.ts';

interface Held {
  readonly body: AssessmentTask;
}
const T = Date.parse('2026-11-27T12:00:00Z');
const ask = (options: QuestionOptions = {}, arrivedAt = T): Question<Held> =>
  questionOf({ body: questionTask({ at: T, ...options }) }, 2_000, arrivedAt);
const rules = (over: Partial<AskingRules> = {}): AskingRules => ({
  price: () => 0,
  askBy: ({ freshUntil }) => freshUntil - 1_000,
  overdueMs: () => null,
  ...over,
});
const idOf = (question: Question<Held> | null | undefined): string | undefined => question?.task.taskId;
const outcomes = (unasked: readonly { readonly question: Question<Held>; readonly reason: string }[]) =>
  unasked.map(({ question, reason }) => [question.task.taskId, reason]);

describe('the board of questions', () => {
  it('holds the newest question of each group of each camera', () => {
    const board = new QuestionBoard<Held>();
    const old = ask();
    const other = ask({ cameraId: 'cam-2' });
    const newer = ask({ at: T + 500 });
    assert.deepEqual([...board.add(old, T), ...board.add(other, T)], []);
    assert.deepEqual(outcomes(board.add(newer, T)), [[old.task.taskId, 'superseded']]);
    assert.equal(board.size, 2);
    assert.equal(board.has(newer.task) && board.has(other.task) && !board.has(old.task), true);
  });

  it('takes no question that is older than one it heard of, here or elsewhere', () => {
    const board = new QuestionBoard<Held>();
    const mine = ask();
    board.add(mine, T);
    assert.deepEqual(outcomes(board.heard('cam-1 g1', T)), [], 'the same frame is not newer');
    assert.deepEqual(outcomes(board.heard('cam-1 g1', T + 1)), [[mine.task.taskId, 'superseded']]);
    assert.deepEqual(outcomes(board.add(mine, T)), [[mine.task.taskId, 'superseded']]);
    assert.equal(board.size, 0);
  });

  it('gives the most valuable question, and none that is worth less than the price', () => {
    const board = new QuestionBoard<Held>();
    const [low, high, judged] = [
      ask({ groupId: 'low', prior: 0.1 }),
      ask({ groupId: 'high', prior: 0.6 }),
      ask({ groupId: 'judged', prior: 0.6, lastAt: T - 100 }),
    ] as const;
    for (const each of [low, judged, high]) board.add(each, T);
    assert.equal(board.take(T, rules({ price: () => Infinity })), null);
    assert.equal(idOf(board.take(T, rules({ price: () => 0.2 }))), high.task.taskId);
    assert.equal(board.take(T, rules({ price: () => 0.2 })), null, 'one judged a moment ago is worth little');
    assert.equal(idOf(board.take(T, rules({ price: () => 0.05 }))), low.task.taskId);
    assert.equal(idOf(board.take(T, rules())), judged.task.taskId);
  });

  it('lets a camera whose turn is overdue come before all but the very likely dangers, the longest first', () => {
    const board = new QuestionBoard<Held>();
    const overdue: Record<string, number> = { late: 100, later: 2_000 };
    const [certain, likely, late, later] = [
      ask({ cameraId: 'a', prior: 0.9 }),
      ask({ cameraId: 'b', prior: 0.7 }),
      ask({ cameraId: 'late', prior: 0.02 }),
      ask({ cameraId: 'later', prior: 0.01 }),
    ] as const;
    for (const each of [likely, late, later, certain]) board.add(each, T);
    const turns = rules({ price: () => 0.5, overdueMs: (cameraId) => overdue[cameraId] ?? null });
    const order = Array.from({ length: 5 }, () => idOf(board.take(T, turns)));
    assert.deepEqual(order, [...[certain, later, late, likely].map(idOf), undefined]);
  });

  it('says who can no longer be in time, and when the next one cannot', () => {
    const board = new QuestionBoard<Held>();
    const [early, later] = [ask({ groupId: 'a' }), ask({ groupId: 'b', at: T + 500 })] as const;
    const { askBy } = rules();
    board.add(early, T);
    board.add(later, T);
    assert.equal(board.nextTooLate(askBy), T + 1_000);
    assert.deepEqual(board.tooLate(T + 999, askBy), []);
    assert.deepEqual(board.tooLate(T + 1_000, askBy).map(idOf), [early.task.taskId]);
    assert.deepEqual({ size: board.size, next: board.nextTooLate(askBy) }, { size: 1, next: T + 1_500 });
  });

  it('prefers fresh frames to those that waited through an outage', () => {
    const board = new QuestionBoard<Held>();
    const stale = ask({ groupId: 'stale', at: T - 20_000, prior: 0.4 });
    const fresh = ask({ groupId: 'fresh', prior: 0.3 });
    board.add(stale, T);
    board.add(fresh, T);
    assert.deepEqual([idOf(board.take(T, rules())), idOf(board.take(T, rules()))], [idOf(fresh), idOf(stale)]);
  });

  it('gives a camera its turn on credit while no call can be spent', () => {
    const board = new QuestionBoard<Held>();
    board.add(ask({ groupId: 'dear', prior: 0.9 }), T);
    const due = ask({ cameraId: 'cam-2', groupId: 'due', prior: 0.01 });
    board.add(due, T);
    const broke = rules({ price: () => Infinity, overdueMs: (camera) => (camera === 'cam-2' ? 5 : null) });
    assert.equal(idOf(board.take(T, broke)), idOf(due));
    assert.equal(board.take(T, broke), null);
  });

  it('leaves a call for each better question that another scheduler has', () => {
    const board = new QuestionBoard<Held>();
    const mine = ask({ groupId: 'mine', prior: 0.4 });
    const [better, worse] = [ask({ groupId: 'better', prior: 0.6 }), ask({ groupId: 'worse', prior: 0.2 })] as const;
    board.add(mine, T);
    board.addElsewhere('cam-1 better', better);
    board.addElsewhere('cam-1 worse', worse);
    const calls = (left: number) => rules({ price: (ahead) => (left - ahead >= 1 ? 0.1 : Infinity) });
    assert.equal(board.take(T, calls(1)), null);
    board.askedElsewhere('cam-1 better');
    assert.equal(idOf(board.take(T, calls(1))), mine.task.taskId);
    board.add(mine, T);
    board.addElsewhere('cam-1 better', better);
    assert.equal(idOf(board.take(T, calls(2))), mine.task.taskId, 'there is a call for both');
    board.add(mine, T);
    const late = { ...mine, freshUntil: T + 60_000 };
    board.add({ ...late, frameAt: T + 1 }, T);
    assert.equal(board.take(T + 2_001, calls(1)) === null, false, 'one that was never asked there is not waited for');
  });

  it('is bounded: the least valuable question makes way', () => {
    const board = new QuestionBoard<Held>(3);
    const all = [0.5, 0.2, 0.4, 0.3].map((prior, index) => ask({ groupId: `g${index}`, prior }));
    const unasked = all.flatMap((question) => [...board.add(question, T)]);
    assert.deepEqual(outcomes(unasked), [[all[1]?.task.taskId, 'budget']]);
    assert.deepEqual({ size: board.size, room: board.room }, { size: 3, room: 0 });
  });
});

describe('the turns of the cameras', () => {
  const TURN = 60_000;

  it('come due at four fifths of the time after the camera was asked about', () => {
    const turns = new CameraTurns();
    turns.asked('a', T);
    assert.equal(turns.overdueMs('a', TURN, T + 47_999), null);
    assert.equal(turns.overdueMs('a', TURN, T + 50_000), 2_000);
    turns.asked('a', T + 50_000);
    assert.equal(turns.overdueMs('a', TURN, T + 50_000), null);
  });

  it('are spread for cameras that were never asked about, and begin with what is known of their groups', () => {
    const turns = new CameraTurns();
    const cameras = Array.from({ length: 100 }, (_, index) => `cam-${index}`);
    for (const camera of cameras) turns.seen(camera, -Infinity, TURN, T);
    const due = (after: number): number =>
      cameras.filter((camera) => turns.overdueMs(camera, TURN, T + after) !== null).length;
    assert.equal(due(48_000), 100, 'each has its turn in time');
    assert.ok(due(0) < 5 && due(24_000) > 30 && due(24_000) < 70, `${due(0)} ${due(24_000)}`);
    turns.seen('known', T - 10_000, TURN, T);
    assert.ok((turns.overdueMs('known', TURN, T + 38_000) ?? -1) >= 0);
    turns.seen('known', T + 1, TURN, T + 2);
    assert.equal(turns.overdueMs('known', TURN, T + 38_000), null);
  });
});

describe('answer times', () => {
  it('are assumed, then measured per key: nine of ten answers take no longer', () => {
    const times = new AnswerTimes();
    assert.equal(times.expectedMs('a', T), 1_300);
    for (let ms = 100; ms <= 1_000; ms += 100) times.answered('a', ms, T);
    assert.equal(times.expectedMs('a', T), 1_000);
    assert.equal(times.expectedMs('new', T), 1_000, 'a key not known yet is like the others');
    for (let index = 0; index < 4; index += 1) times.answered('slow', 5_000, T);
    assert.deepEqual([times.expectedMs('slow', T), times.expectedMs('a', T)], [5_100, 1_000]);
    assert.equal(times.medianMs(T), 700);
    // A slow key is tried again after a while.
    assert.equal(times.expectedMs('slow', T + 120_001), 1_300);
    assert.equal(times.medianMs(T + 120_001), null);
  });
});

describe('the limits of asking', () => {
  it('are such that the answer is there in time, by the fastest key; slower keys are left out', () => {
    const limits = new AskLimits();
    limits.setKeys(['fast', 'slow']);
    const question = ask();
    assert.equal(limits.askBy(question, T - 100), T + 700);
    for (let index = 0; index < 5; index += 1) {
      limits.answered('fast', 900, T);
      limits.answered('slow', 1_700, T);
    }
    assert.equal(limits.askBy(question, T), T + 1_000);
    assert.deepEqual(limits.leaseLimits(question, 0, T), { askBy: T + 1_000, exclude: [] });
    assert.deepEqual(limits.leaseLimits(question, 1, T + 300), { askBy: T + 1_000, exclude: ['slow'] });
  });

  it('are a short while after its arrival where no answer can be in time; a failed call is repeated once', () => {
    const limits = new AskLimits();
    limits.setKeys(['slow']);
    for (let index = 0; index < 5; index += 1) limits.answered('slow', 4_000, T);
    const question = ask({}, T + 200);
    assert.equal(limits.isSlow(2_000, T), true);
    assert.equal(limits.askBy(question, T + 200), T + 700);
    assert.equal(limits.askBy(ask({}, T + 2_100), T + 2_100), -Infinity, 'its frame is past');
    assert.equal(limits.leaseLimits(question, 1, T + 3_000).askBy, T + 3_500);
    assert.equal(limits.leaseLimits(question, 2, T + 6_000).askBy, T + 6_000);
    assert.equal(limits.askBy(ask({ freshMs: 10_000 }), T), T + 10_000 - 4_100, 'this camera may wait longer');
  });

  it('leave time for the picture, and try again after a while without answers', () => {
    const limits = new AskLimits();
    limits.setKeys(['a']);
    for (let index = 0; index < 5; index += 1) limits.answered('a', 1_450, T);
    assert.equal(limits.isSlow(2_000, T), false);
    assert.equal(limits.askBy(ask(), T), T + 450, 'time enough to make the picture');
    for (let index = 0; index < 5; index += 1) limits.arrived(ask({}, T + 120));
    assert.equal(limits.isSlow(2_000, T + 200), true, 'less would be too little for most');
    const quick = new AskLimits();
    quick.setKeys(['a']);
    for (let index = 0; index < 5; index += 1) quick.answered('a', 900, T);
    assert.equal(quick.isSlow(2_000, T + 5_000), false);
    assert.equal(quick.isSlow(2_000, T + 5_001), true, 'nobody knows any more');
    quick.answered('a', 900, T + 6_000);
    assert.equal(quick.isSlow(2_000, T + 6_000), false);
  });

  it('count the usual way from the frame to the scheduler', () => {
    const limits = new AskLimits();
    assert.equal(limits.isSlow(2_000, T - 100), false);
    for (let index = 0; index < 9; index += 1) limits.arrived(ask({}, T + 1_000));
    assert.equal(limits.isSlow(2_000, T), true);
  });

  it('let a question wait while the provider is down, and be asked after that while it is valid', () => {
    const limits = new AskLimits();
    const question = ask();
    limits.setDown(true, T);
    assert.equal(limits.askBy(question, T + 10_000), T + 29_500);
    limits.setDown(false, T + 10_000);
    assert.deepEqual(limits.leaseLimits(question, 0, T + 10_000), { askBy: T + 29_500, exclude: [] });
    assert.equal(limits.askBy(ask({ at: T + 10_000 }, T + 10_000), T + 10_000), T + 10_700);
  });
});

describe('the tally of questions and calls', () => {
  it('counts by camera, and calls of the last minute; an answer that comes after a newer one is wasted', () => {
    const tally = new QuestionTally({ inc: () => undefined });
    tally.question('a', 'asked');
    for (const outcome of ['budget', 'budget', 'superseded'] as const) tally.question('b', outcome);
    assert.deepEqual(tally.questions(), {
      asked: 1,
      superseded: 1,
      budget: 2,
      by_camera: [
        { camera_id: 'b', asked: 0, superseded: 1, budget: 2 },
        { camera_id: 'a', asked: 1, superseded: 0, budget: 0 },
      ],
    });
    const result = (...outcomesOf: string[]) => ({
      source: 'vlm' as const,
      metadata: {
        ...NO_CALL,
        calls: outcomesOf.map((outcome) => ({ apiKeyId: 'k', outcome, leaseMs: 0, sendMs: 0, modelMs: 1, parseMs: 0 })),
      },
    });
    for (const camera of ['a', 'b', 'b', 'b']) tally.called(camera, T);
    tally.ended(result('timeout', 'ok'), { key: 'a g1', frameAt: T + 5 }, T);
    tally.ended(result('ok'), { key: 'a g1', frameAt: T }, T);
    tally.ended(result('ok'), null, T);
    assert.deepEqual(tally.calls(T + 30_000), {
      used: 4,
      wasted: 2,
      used_last_minute: 4,
      wasted_last_minute: 2,
      by_camera: [
        { camera_id: 'b', calls: 3 },
        { camera_id: 'a', calls: 1 },
      ],
    });
    assert.deepEqual(tally.calls(T + 61_000), {
      used: 4,
      wasted: 2,
      used_last_minute: 0,
      wasted_last_minute: 0,
      by_camera: [],
    });
  });
});
