import { z } from 'zod';
import type { Delivery } from '../../infra/bus.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import { MOST } from '../../messages/bounds.ts';
import { CameraId, cameraOf, IsoTime } from '../../messages/ids.ts';
import { subjects } from '../../messages/subjects.ts';
import { LastAssessed, Prior, type AssessmentTask } from '../../messages/task.ts';
import { createCallBudget, type CallBudget } from '../../tasks/call-budget.ts';
import { valueOf } from '../../tasks/value.ts';
import type { SlotClaim } from './admission.ts';
import { AskLimits, RULES_MS } from './ask-limits.ts';
import { CameraTurns } from './camera-turns.ts';
import { MOST_TOLD, type QuestionLoad } from './peers.ts';
import {
  keyOf,
  QuestionBoard,
  questionOf,
  timesOf,
  type Elsewhere,
  type Question,
  type Unasked,
} from './question-board.ts';
import { QuestionNews } from './question-news.ts';
import { QuestionTally } from './question-counts.ts';
import { rulesInstead } from './result.ts';
import type { QuestionsOptions } from './questions.types.ts';
import type { CallFigures, QuestionFigures } from './scheduler.types.ts';

type Task = Delivery<AssessmentTask>;

/** The part of a question that says how it ranks. */
const HeardQuestion = z.object({
  cameraId: CameraId,
  timestamp: IsoTime,
  expiresAt: IsoTime,
  freshUntil: IsoTime.optional(),
  prior: Prior.optional(),
  lastAssessed: LastAssessed.optional(),
  group: z.object({ groupId: z.string().max(MOST.name) }),
});

interface Begun {
  readonly question: Question<Task>;
  readonly claim: SlotClaim;
  /** When its camera was asked about before. */
  readonly turnBefore: number;
  calls: number;
}

/** Questions fetched at once, and begun or being settled: at that number no more are fetched. */
const BATCH = 64;
const MOST_IN_HAND = 2_000;
const ASSUMED_ANSWER_MS = 1_200;
/**
 * While calls are scarce, as many questions wait for a key as get one in this time, in ms: few, so that the best one on
 * the board is next, but enough to use every call.
 */
const ASKING_MS = 50;
const LEAST_ASKING = 2;
/** Between two looks at the price, in ms. */
const LEAST_WAIT_MS = 10;

/**
 * The questions about the cameras' groups. All are fetched at once; the board holds the newest of each group. Those
 * worth a call are asked; rules answer the others as soon as no answer can be in time. Schedulers tell each other of
 * newer questions and of their calls, so that they choose as one.
 */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #board = new QuestionBoard<Task>();
  readonly #limits = new AskLimits();
  readonly #turns = new CameraTurns();
  readonly #budget: CallBudget = createCallBudget();
  readonly #tally: QuestionTally;
  /** By task id. */
  readonly #begun = new Map<string, Begun>();
  /** The newest one begun of each group. */
  readonly #newestBegun = new Map<string, Begun>();
  /** Ends hearing of the other schedulers' questions; null while there are none. */
  #unsubscribe: (() => void) | null = null;
  readonly #news = new QuestionNews();
  #fetching = false;
  #perSecond: number | null = null;
  /** Calls counted against the budget. */
  #spent = 0;

  constructor(options: QuestionsOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#tally = new QuestionTally(metrics);
  }

  /** Questions that wait. */
  get waiting(): number {
    return this.#board.size;
  }

  /** No question waits, and more calls are saved up than questions come. */
  get isQuiet(): boolean {
    return this.#board.size === 0 && this.#perSecond !== null && this.#budget.price(this.#options.clock.now()) === 0;
  }

  /** Questions that may wait for a key at once. */
  get mostAsking(): number {
    if (this.#perSecond === null || this.#budget.price(this.#options.clock.now()) === 0) return Infinity;
    return Math.max(LEAST_ASKING, (this.#perSecond * ASKING_MS) / 1_000);
  }

  figures(): { readonly questions: QuestionFigures; readonly calls: CallFigures } {
    const now = this.#options.clock.now();
    const answerMs = this.#limits.medianMs(now);
    return {
      questions: this.#tally.questions(),
      calls: {
        ...this.#tally.calls(now),
        allowed_per_minute: this.#perSecond === null ? null : Math.round(this.#perSecond * 60),
        answer_ms: answerMs === null ? null : Math.round(answerMs),
        price: Math.min(2, this.#budget.price(now)),
      },
    };
  }

  /** A fetch ended with these questions; with none when it failed. */
  fetched(deliveries: readonly Task[]): void {
    this.#fetching = false;
    const { runs, clock, settings } = this.#options;
    const now = clock.now();
    for (const delivery of deliveries) {
      runs.hold(delivery);
      const question = questionOf(delivery, settings().freshnessMs, now);
      const { task } = question;
      if (this.#board.has(task)) runs.putOff(delivery);
      else if (!runs.isDuplicate(delivery)) this.#arrived(question, now);
    }
  }

  /** Keeps a fetch under way, answers the questions that are too late and asks the best ones. */
  pump(): void {
    const { clock, admission, assessor, signal, settings } = this.#options;
    if (signal.aborted) return;
    const now = clock.now();
    const { cameraTurnMs } = settings();
    this.#limits.setDown(admission.downSince !== null, now);
    const askBy = (question: Elsewhere): number =>
      assessor.rulesOnly ? question.expiresAt : this.#limits.askBy(question, now);
    for (const question of this.#board.tooLate(now, askBy)) {
      // One that waited for the provider is answered with that reason.
      if (assessor.rulesOnly || this.#limits.mayWait(question)) this.#begin(question);
      else this.#answer({ question, reason: 'budget' });
    }
    const isFree = assessor.rulesOnly || admission.downSince !== null;
    while (admission.roomForQuestions > 0) {
      const question = this.#board.take(now, {
        price: (ahead) => (isFree ? 0 : this.#budget.price(now, ahead)),
        askBy,
        overdueMs: (cameraId) => this.#turns.overdueMs(cameraId, cameraTurnMs, now),
      });
      if (question === null) break;
      this.#begin(question);
    }
    this.#fetch();
    this.#wake(askBy, now);
  }

  /** A call about this task begins. A question's first call was counted when it was begun. */
  called({ taskId, cameraId }: AssessmentTask): void {
    const now = this.#options.clock.now();
    this.#tally.called(cameraId, now);
    const begun = this.#begun.get(taskId);
    if (begun === undefined || begun.calls > 0) this.#spend(1, now);
    if (begun === undefined) return;
    if (begun.calls === 0) this.#tally.question(cameraId, 'asked');
    begun.calls += 1;
  }

  /** A task or a question ended; null: it went back to the bus. Returns whether it was a question that was begun. */
  finished(taskId: string, result: AssessmentResult | null): boolean {
    const now = this.#options.clock.now();
    const begun = this.#begun.get(taskId);
    const key = begun === undefined ? null : keyOf(begun.question.task);
    this.#begun.delete(taskId);
    if (key !== null && this.#newestBegun.get(key) === begun) this.#newestBegun.delete(key);
    if (begun !== undefined && begun.calls === 0) this.#notCalled(begun, result, now);
    if (result === null) return begun !== undefined;
    this.#tally.ended(
      result,
      begun === undefined || key === null ? null : { key, frameAt: begun.question.frameAt },
      now,
    );
    this.#learn(result, now);
    return begun !== undefined;
  }

  /** Asks the pool how many calls the keys allow. Never rejects. */
  async followSupply(): Promise<void> {
    const { assessor, clock, slots, tell } = this.#options;
    const answerMs = this.#limits.medianMs(clock.now()) ?? ASSUMED_ANSWER_MS;
    const supply = await assessor.supply(answerMs);
    if (supply === null) return;
    const now = clock.now();
    this.#limits.setKeys(supply.keys);
    const bySlots = (slots() * 1_000) / Math.max(1, answerMs);
    // Without a key that can be used, a question learns from the pool why.
    this.#perSecond = supply.perSecond === null ? null : Math.min(supply.perSecond, bySlots);
    this.#budget.setRate(supply.keys.length === 0 ? null : this.#perSecond, now);
    tell({ type: 'pump' });
  }

  /** There is something to tell the other schedulers. */
  get hasNews(): boolean {
    return this.#news.any;
  }

  /** The report for the other schedulers, since the last one. */
  load(): QuestionLoad {
    return { ...this.#news.take(), slots: this.#options.settings().maxConcurrentTasks, called: this.#spent };
  }

  /** Another scheduler's report; it has spent so many calls since the one before. */
  heardOf({ arrivals, arrived, asked }: QuestionLoad, calls: number): void {
    const now = this.#options.clock.now();
    this.followOthers();
    for (let index = 0; index < Math.min(arrivals, 10 * MOST_TOLD); index += 1) {
      const value = arrived[index % Math.max(1, arrived.length)];
      if (value !== undefined) this.#budget.arrived(value, now);
    }
    for (const key of asked) {
      this.#board.askedElsewhere(key);
      this.#turns.asked(cameraOf(key), now);
    }
    if (calls !== 0) this.#budget.spent(calls, now);
  }

  /**
   * Hears of every question while there are other schedulers; alone, this one gets them all itself. To be called every
   * second.
   */
  followOthers(): void {
    const { bus, isAlone } = this.#options;
    if (isAlone()) this.close();
    else this.#unsubscribe ??= bus.subscribe(subjects.questions, HeardQuestion, (heard) => this.#heard(heard));
  }

  /** To be called when the scheduler stops. */
  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }

  #arrived(question: Question<Task>, now: number): void {
    const { task } = question;
    const value = valueOf(task, now);
    this.#limits.arrived(question);
    const lastAt = task.lastAssessed === undefined ? -Infinity : Date.parse(task.lastAssessed.at);
    this.#turns.seen(task.cameraId, lastAt, this.#options.settings().cameraTurnMs, now);
    this.#budget.arrived(value, now);
    this.#news.arrived(value);
    for (const unasked of this.#board.add(question, now)) this.#answer(unasked);
    this.#dropOlder(keyOf(task), question.frameAt);
  }

  /** A question was put to the bus. An older one of its group is not asked any more, unless it has a key already. */
  #heard(heard: z.infer<typeof HeardQuestion>): void {
    const key = keyOf(heard);
    const frameAt = Date.parse(heard.timestamp);
    for (const unasked of this.#board.heard(key, frameAt)) this.#answer(unasked);
    this.#dropOlder(key, frameAt);
    const { clock, settings } = this.#options;
    this.#board.addElsewhere(key, { ...timesOf(heard, settings().freshnessMs, clock.now()), task: heard });
  }

  #spend(calls: number, now: number): void {
    this.#spent += calls;
    this.#budget.spent(calls, now);
  }

  #dropOlder(key: string, frameAt: number): void {
    const begun = this.#newestBegun.get(key);
    if (begun !== undefined && begun.question.frameAt < frameAt) this.#options.admission.drop(begun.claim);
  }

  /** Rules answer this question. */
  #answer({ question, reason }: Unasked<Task>): void {
    const { runs, language, clock } = this.#options;
    const { delivery, task } = question;
    if (runs.isDuplicate(delivery)) return;
    this.#tally.question(task.cameraId, reason);
    void runs.run(delivery, (body) => Promise.resolve(rulesInstead(body, language, reason, clock.now())));
  }

  #begin(question: Question<Task>): void {
    const { runs, admission, assessor, settings, clock, isAlone, tellOthers } = this.#options;
    const { delivery, task } = question;
    const now = clock.now();
    if (runs.isDuplicate(delivery)) return;
    const until = question.expiresAt - RULES_MS;
    const claim: SlotClaim = { priority: task.priority, since: now, until, question: true };
    const begun = { question, claim, turnBefore: this.#turns.asked(task.cameraId, now), calls: 0 };
    this.#begun.set(task.taskId, begun);
    this.#newestBegun.set(keyOf(task), begun);
    admission.begin(claim);
    this.#spend(1, now);
    this.#news.asked(keyOf(task));
    if (!isAlone()) tellOthers();
    void runs.run(
      delivery,
      (body) =>
        assessor.assess(body, claim, settings(), (failedCalls) =>
          this.#limits.leaseLimits(question, failedCalls, clock.now()),
        ),
      () => admission.end(claim),
    );
  }

  /** A question that was begun ended without a call. */
  #notCalled({ question, turnBefore }: Begun, result: AssessmentResult | null, now: number): void {
    const reason = result?.results[0]?.reason;
    this.#spend(-1, now);
    this.#turns.notAsked(question.task.cameraId, turnBefore);
    if (reason === 'budget' || reason === 'superseded') this.#tally.question(question.task.cameraId, reason);
  }

  /** How many calls the keys have, and how soon they are answered. */
  #learn(result: AssessmentResult, now: number): void {
    const setsPace = this.#options.assessor.setsPace(result);
    for (const { apiKeyId, outcome, sendMs, modelMs } of result.metadata.calls ?? []) {
      // The keys had less than was reckoned.
      if (outcome === 'rate-limited') this.#budget.emptied(now);
      if (setsPace && modelMs !== null && (outcome === 'ok' || outcome === 'timeout'))
        this.#limits.answered(apiKeyId, (sendMs ?? 0) + modelMs, now);
    }
  }

  #fetch(): void {
    const { fetches, runs } = this.#options;
    const max = Math.min(BATCH, this.#board.room);
    if (this.#fetching || max === 0 || runs.size >= MOST_IN_HAND) return;
    this.#fetching = true;
    fetches.start('questions', max);
  }

  /** Pumps again when the next question is too late, or a call may be worth its price. */
  #wake(askBy: (question: Elsewhere) => number, now: number): void {
    const { admission, wakeAt } = this.#options;
    if (this.#board.size === 0) return;
    const priceAt = admission.roomForQuestions > 0 ? this.#budget.nextAt(now) : Infinity;
    const next = Math.min(this.#board.nextTooLate(askBy), Math.max(priceAt, now + LEAST_WAIT_MS));
    if (Number.isFinite(next)) wakeAt(next);
  }
}
