import { randomUUID } from 'node:crypto';
import type { Delivery, QueueLag } from '../../infra/bus.ts';
import { type Outgoing, Processor, RETRY_NOW } from '../../infra/stage-processor.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import { subjects } from '../../messages/subjects.ts';
import { PRIORITIES, type AssessmentTask, type Priority } from '../../messages/task.ts';
import { defineActor, type ActorContext } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { CALLER } from '../caller.ts';
import { KEY_POOL } from '../key-pool.ts';
import { Admission, ADMISSION_BOUNDS, type SlotClaim } from './admission.ts';
import type { Assessed } from './assess.ts';
import { Assessor } from './assessor.ts';
import { BusWatch } from './bus-watch.ts';
import { callerClient } from './caller-client.ts';
import { Counts } from './counts.ts';
import { HedgeBudget } from './hedge.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { Overload } from './overload.ts';
import type { Private } from './private.types.ts';
import { TaskQueues } from './task-queues.ts';
import type { SchedulerInit, SchedulerMessage, SchedulerSettings, SchedulerStats } from './scheduler.types.ts';

type Task = Delivery<AssessmentTask>;
type All = SchedulerMessage | Private;

/** A fetch that has brought nothing for this long means that its level is empty. */
const QUIET_MS = 10;
/** Tasks fetched at once from one level. */
const BATCH = 16;
const MEASURE_MS = 1_000;
/** With free slots the backlog is asked for only at every fifth measurement. */
const MEASURES_AT_REST = 5;
const DUPLICATE_AGAIN_MS = 1_000;
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
    return {
      handlers: {
        stats: () => scheduler.stats(),
        configure: ({ settings }) => scheduler.configure(settings),
        fetched: ({ priority, deliveries, begunAt }) => scheduler.fetched(priority, deliveries, begunAt),
        'fetch-failed': ({ priority, error }) => scheduler.fetchFailed(priority, error),
        finished: ({ taskId, result }) => scheduler.finished(taskId, result),
        pump: () => scheduler.pump(),
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
  readonly #processor: Processor<AssessmentTask>;
  readonly #counts = new Counts();
  readonly #hedges = new HedgeBudget();
  readonly #admission: Admission;
  readonly #assessor: Assessor;
  readonly #overload: Overload;
  /** By task id: every task that was begun and has not ended, parked ones too. */
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #fetches = new Set<Promise<void>>();
  /** Aborted at the end of a stop, when calls in flight are given up. */
  readonly #abort = new AbortController();
  #settings: SchedulerSettings;
  #measures = 0;

  constructor(ctx: ActorContext<All>, init: SchedulerInit) {
    const { bus } = init;
    const vlm = init.vlm === 'caller' ? callerClient(ctx.ref(CALLER)) : init.vlm;
    const { clock, log } = ctx;
    this.#ctx = ctx;
    this.#settings = init.settings;
    this.#busWatch = new BusWatch(log);
    this.#queues = new TaskQueues(bus);
    this.#intake = new Intake(intakeOptions(init.settings));
    this.#processor = new Processor({ name: 'scheduler', bus, clock, log, signal: ctx.signal });
    this.#admission = new Admission({
      clock,
      closing: ctx.signal,
      slots: () => this.#settings.maxConcurrentTasks,
      ...ADMISSION_BOUNDS,
      onRoom: () => void this.#tell({ type: 'pump' }),
    });
    this.#assessor = new Assessor({
      ...init,
      clock,
      log,
      metrics: ctx.metrics,
      pool: ctx.ref(KEY_POOL),
      vlm,
      admission: this.#admission,
      hedges: this.#hedges,
      closing: ctx.signal,
      abort: this.#abort.signal,
      onRetry: () => void this.#counts.retries++,
    });
    this.#overload = new Overload({
      bus,
      clock,
      log,
      queues: this.#queues,
      name: randomUUID(),
      validityMs: init.validityMs ?? VALIDITY_MS,
      takeReady: (priority, most) => this.#intake.takeOldest(priority, most),
      readyAt: (priority) => this.#intake.readyAt(priority),
      giveUp: (delivery) => this.#giveUp(delivery),
    });
    void this.#assessor.follow();
  }

  configure(settings: SchedulerSettings): void {
    this.#settings = settings;
    this.#intake.configure(intakeOptions(settings));
    this.pump();
  }

  stats(): SchedulerStats {
    const { downSince, parked } = this.#admission;
    const age = (priority: Priority): number | null => ageOf(this.#intake.oldest(priority), this.#ctx.clock.now());
    return this.#counts.stats({
      mode: this.#assessor.mode,
      max_concurrent_tasks: this.#settings.maxConcurrentTasks,
      in_flight: this.#inFlight.size - parked,
      ready: this.#intake.size,
      bus_ok: this.#busWatch.ok,
      provider_down_since: downSince === null ? null : new Date(downSince).toISOString(),
      parked,
      hedges: this.#hedges.hedges,
      hedge_wins: this.#hedges.wins,
      oldest_seconds: { p1: age(1), p2: age(2), p3: age(3), p4: age(4), p5: age(5) },
    });
  }

  /** Keeps a fetch under way at every level and fills the free slots. */
  pump(): void {
    const { clock } = this.#ctx;
    if (this.#ctx.signal.aborted) return;
    // Expired tasks are answered at once, as that takes no call and no slot. More of that age may follow.
    const expired = this.#intake.remove((one) => Date.parse(one.body.expiresAt) <= clock.now());
    for (const delivery of expired) this.#begin(delivery);
    for (;;) {
      const { room, next } = this.#admission;
      if (this.#inFlight.size < MOST_IN_HAND)
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

  fetched(priority: Priority, deliveries: readonly Task[], begunAt: number): void {
    this.#busWatch.fetched(begunAt);
    this.#intake.fetched(priority, deliveries, this.#ctx.clock.now());
    this.pump();
  }

  fetchFailed(priority: Priority, error: Error): void {
    this.#busWatch.failed(error, this.#ctx.clock.now());
    this.#intake.failed(priority);
    this.pump();
  }

  /** A task ended. `result`: the published one; null when the task went back to the bus. */
  finished(taskId: string, result: AssessmentResult | null): void {
    this.#inFlight.delete(taskId);
    if (result === null) {
      this.#counts.handedBack++;
    } else {
      const { cameraId, traceId, error, metadata } = result;
      this.#counts.published(result, this.#ctx.metrics);
      if ((metadata.calls?.length ?? 0) > 0) this.#overload.rate.served(this.#ctx.clock.now());
      if (error !== undefined)
        this.#ctx.log.debug(
          { taskId, cameraId, traceId, code: error.code },
          `a group of camera ${cameraId} is unknown: ${error.message}`,
        );
    }
    this.pump();
  }

  /** Called every second. Asks for the backlog in the streams too, less often while there are free slots. */
  measure(): void {
    void this.#assessor.follow();
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
    await this.#processor.stop(this.#settings.drainMs);
    this.#abort.abort();
    await Promise.all([shedding, ...this.#fetches, ...this.#inFlight.values()]);
    await this.#queues.close();
  }

  #fetch(priority: Priority, max: number): void {
    const { clock, signal } = this.#ctx;
    this.#intake.fetching(priority, clock.now());
    const done = this.#queues
      .longFetch(priority, max, { clock, signal, failed: !this.#busWatch.ok })
      .then(
        ({ deliveries, begunAt }) => {
          for (const delivery of deliveries) this.#processor.hold(delivery);
          this.#tell({ type: 'fetched', priority, deliveries, begunAt });
        },
        (thrown: unknown) => void this.#tell({ type: 'fetch-failed', priority, error: asError(thrown) }),
      )
      .catch((thrown: unknown) => this.#ctx.fail(asError(thrown)))
      .finally(() => this.#fetches.delete(done));
    this.#fetches.add(done);
  }

  #begin(delivery: Task): void {
    const { body } = delivery;
    const now = this.#ctx.clock.now();
    const claim: SlotClaim = { priority: body.priority, since: now, until: Date.parse(body.expiresAt) - RULES_MS };
    if (this.#isDuplicate(delivery)) return;
    this.#admission.begin(claim);
    // The slot is kept until the result is stored, so that no calls are made whose results the bus does not take.
    void this.#run(
      delivery,
      (task) => this.#assessor.assess(task, claim, this.#settings),
      () => this.#admission.end(claim),
    );
  }

  /** Answers a task as shed: by rules, or `unknown` for a picture that was handed in. */
  async #giveUp(delivery: Task): Promise<void> {
    if (this.#isDuplicate(delivery)) return;
    await this.#run(delivery, (task) => Promise.resolve(this.#assessor.shed(task)));
  }

  /** Assesses a task and publishes the result. Resolves when the task is settled; never rejects. */
  #run(delivery: Task, assess: (task: AssessmentTask) => Promise<Assessed>, onEnd?: () => void): Promise<void> {
    const { taskId } = delivery.body;
    let result: Assessed = null;
    const end = this.#processor
      .process(delivery, async ({ body }) => {
        result = await assess(body);
        return result === null ? RETRY_NOW : { kind: 'publish', messages: [outgoing(result)] };
      })
      .then(({ kind }) => {
        onEnd?.();
        this.#tell({ type: 'finished', taskId, result: kind === 'publish' ? result : null });
      });
    this.#inFlight.set(taskId, end);
    return end;
  }

  /** A task is delivered again while it is in flight when NATS was down. The ack of the first delivery ends both. */
  #isDuplicate(delivery: Task): boolean {
    this.#processor.hold(delivery);
    if (!this.#inFlight.has(delivery.body.taskId)) return false;
    this.#counts.duplicates++;
    void this.#processor.settle(delivery, { kind: 'retry', afterMs: DUPLICATE_AGAIN_MS });
    return true;
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

const outgoing = (result: AssessmentResult): Outgoing => {
  const { cameraId, requestId, traceId, taskId } = result;
  return { subject: subjects.result(cameraId), body: result, trace: { cameraId, requestId, traceId }, id: taskId };
};

/** Seconds since the task was put on the bus; null without a task. */
const ageOf = (delivery: Task | undefined, now: number): number | null =>
  delivery === undefined ? null : Math.max(0, Math.round((now - delivery.storedAt) / 100) / 10);

const intakeOptions = ({ ageingMs }: SchedulerSettings): IntakeOptions => ({
  ageingMs,
  quietMs: QUIET_MS,
  batch: BATCH,
});
