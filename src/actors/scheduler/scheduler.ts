import { randomUUID } from 'node:crypto';
import type { Delivery, QueueLag } from '../../infra/bus.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import { PRIORITIES, type AssessmentTask, type Priority } from '../../messages/task.ts';
import { defineActor, type ActorContext } from '../../runtime/actor.ts';
import { CALLER } from '../caller.ts';
import { KEY_POOL } from '../key-pool.ts';
import { Admission, ADMISSION_BOUNDS, type SlotClaim } from './admission.ts';
import { Assessor } from './assessor.ts';
import { BusWatch } from './bus-watch.ts';
import { callerClient } from './caller-client.ts';
import { ageOf, Counts } from './counts.ts';
import { Fetches } from './fetches.ts';
import { HedgeBudget } from './hedge.ts';
import { BATCH, Intake, intakeOptions } from './intake.ts';
import { Overload } from './overload.ts';
import type { Private } from './private.types.ts';
import { Questions } from './questions.ts';
import { Runs } from './runs.ts';
import { type Queue, TaskQueues } from './task-queues.ts';
import type { SchedulerInit, SchedulerMessage, SchedulerSettings, SchedulerStats } from './scheduler.types.ts';

type Task = Delivery<AssessmentTask>;
type All = SchedulerMessage | Private;

const MEASURE_MS = 1_000;
/** With free slots the backlog is asked for only at every fifth measurement. */
const MEASURES_AT_REST = 5;
/** While there are questions the other schedulers hear of them this often. */
const TELL_MS = 250;
/** A task that waits for the provider is assessed by rules this long before it expires. */
const RULES_MS = 500;
const VALIDITY_MS = 30_000;
/** Most tasks in flight, including those whose result waits for the bus. At this bound nothing is fetched. */
const MOST_IN_HAND = 2_000;

/** Takes tasks, urgent first, has each assessed, publishes the result and then acks the task. */
export const schedulerActor = defineActor<SchedulerMessage, Private>()<SchedulerInit>({
  kind: 'scheduler',
  // Its own messages are bounded by the tasks in flight and five fetches; all others are questions for figures.
  mailbox: { capacity: 50_000, overflow: 'refuse' },
  start: (ctx, init) => {
    const scheduler = new Scheduler(ctx, init);
    scheduler.pump();
    ctx.setInterval('measure', MEASURE_MS, { type: 'measure' });
    ctx.setInterval('tell', TELL_MS, { type: 'tell-others' });
    return {
      handlers: {
        stats: () => scheduler.stats(),
        configure: ({ settings }) => scheduler.configure(settings),
        fetched: ({ queue, deliveries, begunAt }) => scheduler.fetched(queue, deliveries, begunAt),
        'fetch-failed': ({ queue, error }) => scheduler.fetchFailed(queue, error),
        finished: ({ taskId, result }) => scheduler.finished(taskId, result),
        pump: () => scheduler.pump(),
        'tell-others': () => scheduler.tellOthers(),
        measure: () => scheduler.measure(),
        measured: ({ lag }) => scheduler.measured(lag),
      },
      stop: () => scheduler.stop(),
    };
  },
});

class Scheduler {
  readonly #ctx: ActorContext<All>;
  readonly #busWatch: BusWatch;
  readonly #queues: TaskQueues;
  readonly #intake: Intake<Task>;
  readonly #runs: Runs;
  readonly #questions: Questions;
  readonly #counts = new Counts();
  readonly #hedges = new HedgeBudget();
  readonly #admission: Admission;
  readonly #assessor: Assessor;
  readonly #overload: Overload;
  readonly #fetches: Fetches;
  /** Aborted at the end of a stop, when calls in flight are given up. */
  readonly #abort = new AbortController();
  #settings: SchedulerSettings;
  #measures = 0;

  constructor(ctx: ActorContext<All>, init: SchedulerInit) {
    const { bus } = init;
    const { clock, log } = ctx;
    this.#ctx = ctx;
    this.#settings = init.settings;
    this.#busWatch = new BusWatch(log);
    this.#queues = new TaskQueues(bus);
    this.#intake = new Intake(intakeOptions(init.settings));
    this.#runs = new Runs({
      bus,
      clock,
      log,
      signal: ctx.signal,
      onPublished: init.onPublished,
      onFinished: (taskId, result) => void this.#tell({ type: 'finished', taskId, result }),
    });
    const tell = (message: Private): void => void this.#tell(message);
    this.#fetches = new Fetches({
      queues: this.#queues,
      runs: this.#runs,
      clock,
      signal: ctx.signal,
      busOk: () => this.#busWatch.ok,
      tell,
      fail: (error) => ctx.fail(error),
    });
    this.#admission = new Admission({
      clock,
      closing: ctx.signal,
      slots: () => this.#settings.maxConcurrentTasks,
      mostQuestionsAsking: () => this.#questions.mostAsking,
      ...ADMISSION_BOUNDS,
      onRoom: () => void this.#tell({ type: 'pump' }),
    });
    this.#assessor = new Assessor({
      ...init,
      clock,
      log,
      metrics: ctx.metrics,
      pool: ctx.ref(KEY_POOL),
      vlm: init.vlm === 'caller' ? callerClient(ctx.ref(CALLER), init.isSampled) : init.vlm,
      admission: this.#admission,
      hedges: this.#hedges,
      closing: ctx.signal,
      abort: this.#abort.signal,
      onRetry: () => void this.#counts.retries++,
      onCalled: (task) => this.#questions.called(task),
      settingsNow: () => this.#settings,
      schedulers: () => this.#overload.schedulers,
      isQuiet: () => this.#intake.size === 0 && this.#admission.isQuiet && this.#questions.isQuiet,
    });
    this.#overload = this.#makeOverload(init);
    this.#questions = new Questions({
      bus,
      clock,
      metrics: ctx.metrics,
      signal: ctx.signal,
      language: init.language,
      fetches: this.#fetches,
      runs: this.#runs,
      admission: this.#admission,
      assessor: this.#assessor,
      settings: () => this.#settings,
      slots: () => Math.max(this.#settings.maxConcurrentTasks, this.#overload.slots),
      isAlone: () => this.#overload.isAlone,
      tellOthers: () => this.#overload.tell(),
      tell,
      wakeAt: (at) => ctx.setTimer('questions', Math.max(1, at - clock.now()), { type: 'pump' }),
    });
    void this.#assessor.follow();
    void this.#questions.followSupply();
  }

  configure(settings: SchedulerSettings): void {
    this.#settings = settings;
    this.#intake.configure(intakeOptions(settings));
    this.pump();
  }

  stats(): SchedulerStats {
    const { downSince, parked } = this.#admission;
    const age = (priority: Priority): number | null => ageOf(this.#intake.oldest(priority), this.#ctx.clock.now());
    const stats = this.#counts.stats({
      mode: this.#assessor.mode,
      max_concurrent_tasks: this.#settings.maxConcurrentTasks,
      in_flight: this.#runs.size - parked,
      ready: this.#intake.size + this.#questions.waiting,
      bus_ok: this.#busWatch.ok,
      provider_down_since: downSince === null ? null : new Date(downSince).toISOString(),
      parked,
      hedges: this.#hedges.hedges,
      hedge_wins: this.#hedges.wins,
      oldest_seconds: { p1: age(1), p2: age(2), p3: age(3), p4: age(4), p5: age(5) },
      duplicates: this.#runs.duplicates,
    });
    return { ...stats, ...this.#questions.figures() };
  }

  /** Keeps a fetch under way at every level and fills the free slots. */
  pump(): void {
    const { clock } = this.#ctx;
    if (this.#ctx.signal.aborted) return;
    // Expired tasks are answered at once, as that takes no call and no slot. More of that age may follow.
    const expired = this.#intake.remove((one) => Date.parse(one.body.expiresAt) <= clock.now());
    for (const delivery of expired) this.#begin(delivery);
    this.#questions.pump();
    for (;;) {
      const { room, next } = this.#admission;
      if (this.#runs.size < MOST_IN_HAND)
        for (const { priority, max } of this.#intake.fetches(expired.length > 0 ? BATCH : room))
          this.#fetch(priority, max);
      this.#overload.rate.setBusy(room === 0, clock.now());
      this.#wakeAtExpiry();
      if (room === 0) return;
      if (next !== null && next >= (this.#intake.highest ?? 0)) {
        this.#admission.resumeNext();
        continue;
      }
      const taken = this.#intake.take(clock.now(), room <= Math.min(BATCH, this.#settings.maxConcurrentTasks / 4));
      if (taken.kind === 'wait') this.#ctx.setTimer('pump', taken.untilMs - clock.now(), { type: 'pump' });
      if (taken.kind !== 'task') return;
      this.#begin(taken.delivery);
    }
  }

  fetched(queue: Queue, deliveries: readonly Task[], begunAt: number): void {
    this.#busWatch.fetched(begunAt);
    if (queue === 'questions') this.#questions.fetched(deliveries);
    else this.#intake.fetched(queue, deliveries, this.#ctx.clock.now());
    this.pump();
  }

  fetchFailed(queue: Queue, error: Error): void {
    this.#busWatch.failed(error, this.#ctx.clock.now());
    if (queue === 'questions') this.#questions.fetched([]);
    else this.#intake.failed(queue);
    this.pump();
  }

  /** A task ended. `result`: the published one; null when the task went back to the bus. */
  finished(taskId: string, result: AssessmentResult | null): void {
    const wasQuestion = this.#questions.finished(taskId, result);
    this.#assessor.finished(taskId, result !== null);
    if (result === null) {
      this.#counts.handedBack++;
    } else {
      const { cameraId, traceId, error, metadata } = result;
      this.#counts.published(result, this.#ctx.metrics);
      if (!wasQuestion && (metadata.calls?.length ?? 0) > 0) this.#overload.rate.served(this.#ctx.clock.now());
      if (error !== undefined)
        this.#ctx.log.debug(
          { taskId, cameraId, traceId, code: error.code },
          `a group of camera ${cameraId} is unknown: ${error.message}`,
        );
    }
    this.pump();
    this.#assessor.pumpShadow();
  }

  /** Called four times a second, so that several schedulers choose as one. */
  tellOthers(): void {
    if (this.#questions.hasNews) this.#overload.tell();
  }

  /** Called every second. Asks for the backlog in the streams too, less often while there are free slots. */
  measure(): void {
    void this.#assessor.follow();
    this.#assessor.pumpShadow();
    const { mode, in_flight, ready, parked, assessed, degraded, retries, bus_ok, unknown, rules, hedges } =
      this.stats();
    this.#ctx.report({
      mode,
      in_flight,
      ready,
      parked,
      assessed,
      degraded,
      unknown: Object.values(unknown).reduce((sum, count) => sum + count, 0),
      shed: unknown.shed + rules.shed,
      retries,
      hedges,
      bus_ok,
    });
    this.#overload.tell();
    this.#questions.followOthers();
    void this.#questions.followSupply();
    if (!this.#overload.rate.busy(this.#ctx.clock.now()) && this.#measures++ % MEASURES_AT_REST !== 0) return;
    void this.#queues.lag().then((lag) => this.#tell({ type: 'measured', lag }));
  }

  measured(lag: ReadonlyMap<Priority, QueueLag | null>): void {
    this.#counts.lag(lag);
    this.#overload.step(lag);
  }

  /** Hands waiting tasks back at once. Calls in flight may finish within `drainMs`, then their tasks go back too. */
  async stop(): Promise<void> {
    const shedding = this.#overload.close();
    this.#questions.close();
    this.#assessor.close();
    await this.#runs.stop(this.#settings.drainMs);
    this.#abort.abort();
    await Promise.all([shedding, this.#fetches.ended(), this.#runs.ended()]);
    await this.#queues.close();
  }

  #makeOverload({ bus, validityMs = VALIDITY_MS }: SchedulerInit): Overload {
    const { clock, log } = this.#ctx;
    return new Overload({
      bus,
      clock,
      log,
      queues: this.#queues,
      name: randomUUID(),
      validityMs,
      takeReady: (priority, most) => this.#intake.takeOldest(priority, most),
      readyAt: (priority) => this.#intake.readyAt(priority),
      questions: () => this.#questions.load(),
      onPeer: (load, calls) => this.#questions.heardOf(load, calls),
      giveUp: (delivery) => this.#giveUp(delivery),
    });
  }

  #fetch(priority: Priority, max: number): void {
    this.#intake.fetching(priority, this.#ctx.clock.now());
    this.#fetches.start(priority, max);
  }

  #begin(delivery: Task): void {
    const { body } = delivery;
    const now = this.#ctx.clock.now();
    const claim: SlotClaim = { priority: body.priority, since: now, until: Date.parse(body.expiresAt) - RULES_MS };
    if (this.#runs.isDuplicate(delivery)) return;
    this.#admission.begin(claim);
    // The slot is kept until the result is stored, so that no calls are made whose results the bus does not take.
    void this.#runs.run(
      delivery,
      (task) => this.#assessor.assess(task, claim, this.#settings),
      () => this.#admission.end(claim),
    );
  }

  /** Answers a task as shed: by rules, or `unknown` for a picture that was handed in. */
  async #giveUp(delivery: Task): Promise<void> {
    if (this.#runs.isDuplicate(delivery)) return;
    await this.#runs.run(delivery, (task) => Promise.resolve(this.#assessor.shed(task)));
  }

  /** Pumps again when the next ready task expires. */
  #wakeAtExpiry(): void {
    const next = Math.min(
      ...PRIORITIES.flatMap((priority) => this.#intake.oldest(priority) ?? []).map(({ body }) =>
        Date.parse(body.expiresAt),
      ),
    );
    if (Number.isFinite(next))
      this.#ctx.setTimer('expiry', Math.max(1, next - this.#ctx.clock.now()), { type: 'pump' });
  }

  /** False after the actor's end. A mailbox that refused our own message would leave a slot taken for good. */
  #tell(message: Private): boolean {
    if (this.#ctx.signal.aborted) return false;
    const told = this.#ctx.self.tell(message) === 'accepted';
    if (!told) this.#ctx.fail(new Error(`the scheduler's mailbox took no message "${message.type}"`));
    return told;
  }
}
