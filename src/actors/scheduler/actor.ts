import type { Delivery } from '../../infra/bus.ts';
import { assessByRules } from '../../llm/rules.ts';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import type { AssessmentTask, Priority } from '../../messages/task.ts';
import { defineActor, type ActorContext } from '../../runtime/actor.ts';
import { sleep } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { KEY_POOL } from '../key-pool.ts';
import { assessByModel, type Assessed, type AssessParts } from './assess.ts';
import { Counts } from './counts.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { assessParts, pause } from './parts.ts';
import { TaskQueues } from './pull.ts';
import { judged, NO_CALL, unjudged } from './result.ts';
import { runTask, type RunEnd } from './run.ts';
import type { QueueLag, SchedulerInit, SchedulerMessage, SchedulerSettings, SchedulerStats } from './types.ts';

type Task = Delivery<AssessmentTask>;
type Private =
  | { readonly type: 'fetched'; readonly priority: Priority; readonly deliveries: readonly Task[]; readonly begunAt: number }
  | { readonly type: 'fetch-failed'; readonly priority: Priority; readonly error: Error }
  | { readonly type: 'finished'; readonly taskId: string; readonly end: RunEnd }
  | { readonly type: 'pump' }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'measure' }
  | { readonly type: 'follow-mode' }
  | { readonly type: 'measured'; readonly lag: ReadonlyMap<Priority, QueueLag | null> };
type All = SchedulerMessage | Private;

/** A fetch waits this long at the server. */
const FETCH_WAIT_MS = 2_000;
const FETCH_AGAIN_MS = 500;
const EARLY_MS = 100;
const QUIET_MS = 10;
const BATCH = 16;
/** Tells the bus that a task is still being worked on; well below its ack wait. */
const HEARTBEAT_MS = 3_000;
const MEASURE_MS = 5_000;
const DUPLICATE_AGAIN_MS = 1_000;
const FOLLOW_MODE_MS = 1_000;
const ASK_WANTED_MS = 1_000;
const AGAIN_MS = 250;

/** Takes tasks, urgent first, has each judged, publishes the result, and acks the task after that. */
export const schedulerActor = defineActor<SchedulerMessage, Private>()<SchedulerInit>({
  kind: 'scheduler',
  // Its own messages are bounded by the tasks in flight and five fetches; the rest is questions for figures.
  mailbox: { capacity: 50_000, overflow: 'refuse' },
  start: (ctx, init) => {
    const scheduler = new Scheduler(ctx, init);
    scheduler.pump();
    ctx.setInterval('heartbeat', HEARTBEAT_MS, { type: 'heartbeat' });
    ctx.setInterval('measure', MEASURE_MS, { type: 'measure' });
    ctx.setInterval('follow-mode', FOLLOW_MODE_MS, { type: 'follow-mode' });
    return {
      handlers: {
        stats: () => scheduler.stats(),
        configure: ({ settings }) => scheduler.configure(settings),
        fetched: ({ priority, deliveries, begunAt }) => scheduler.fetched(priority, deliveries, begunAt),
        'fetch-failed': ({ priority, error }) => scheduler.fetchFailed(priority, error),
        finished: ({ taskId, end }) => scheduler.finished(taskId, end),
        pump: () => scheduler.pump(),
        heartbeat: () => scheduler.heartbeat(),
        measure: () => scheduler.measure(),
        'follow-mode': () => void scheduler.followMode(),
        measured: ({ lag }) => scheduler.measured(lag),
      },
      stop: () => scheduler.stop(),
    };
  },
});

class Scheduler {
  readonly #ctx: ActorContext<All>;
  readonly #init: SchedulerInit;
  readonly #queues: TaskQueues;
  readonly #intake: Intake<Task>;
  readonly #counts: Counts;
  readonly #inFlight = new Map<string, { readonly delivery: Task; readonly end: Promise<void> }>();
  /** Aborted when calls in flight have to be given up. */
  readonly #abort = new AbortController();
  readonly #assess: (task: AssessmentTask) => Promise<Assessed>;
  #settings: SchedulerSettings;
  #busOk = true;
  #failedAt = 0;

  constructor(ctx: ActorContext<All>, init: SchedulerInit) {
    const { settings, vlm, language } = init;
    this.#settings = settings;
    this.#ctx = ctx;
    this.#init = init;
    this.#queues = new TaskQueues(init.bus);
    this.#intake = new Intake(intakeOptions(settings));
    this.#counts = new Counts(vlm === null ? 'rules' : 'vlm');
    if (vlm === null) {
      this.#assess = (task) => Promise.resolve(this.#byRules(task, language));
    } else {
      const onRetry = (): void => void this.#counts.retries++;
      // Keys come and go while running: each task is judged as the keys are when its turn comes.
      const options = { clock: ctx.clock, log: ctx.log, pool: ctx.ref(KEY_POOL), vlm, closing: ctx.signal, abort: this.#abort.signal, onRetry };
      this.#assess = async (task) => {
        const byModel = init.budget?.allows() !== false && (await this.#keysWanted(Date.parse(task.expiresAt)));
        if (!byModel) return ctx.signal.aborted ? null : this.#byRules(task, language);
        const assessed = await assessByModel(task, metered(assessParts({ ...init, settings: this.#settings }, options), task.cameraId, init.usage));
        // The last key was taken away while the task waited for it.
        return assessed?.error?.code === 'no-lease' && !(await this.#keysWanted(Date.parse(task.expiresAt))) ? this.#byRules(task, language) : assessed;
      };
      void this.followMode();
    }
  }

  configure(settings: SchedulerSettings): void {
    this.#settings = settings;
    this.#intake.configure(intakeOptions(settings));
    this.pump();
  }

  stats(): SchedulerStats {
    return this.#counts.stats({ max_concurrent_tasks: this.#settings.maxConcurrentTasks, in_flight: this.#inFlight.size, ready: this.#intake.size, bus_ok: this.#busOk });
  }

  /** Keeps a fetch under way at every level and fills the free places. */
  pump(): void {
    const { clock } = this.#ctx;
    // What expired while it waited is answered at once: that takes no call and no place.
    for (const delivery of this.#intake.remove((one) => Date.parse(one.body.expiresAt) <= clock.now())) this.#begin(delivery);
    for (;;) {
      const free = this.#settings.maxConcurrentTasks - this.#inFlight.size;
      for (const { priority, max } of this.#intake.fetches(free)) this.#fetch(priority, max);
      if (free <= 0) return;
      const taken = this.#intake.take(clock.now());
      if (taken.kind === 'wait') this.#ctx.setTimer('pump', taken.untilMs - clock.now(), { type: 'pump' });
      if (taken.kind !== 'task') return;
      this.#begin(taken.delivery);
    }
  }

  fetched(priority: Priority, deliveries: readonly Task[], begunAt: number): void {
    // One that began before the failure says nothing about now.
    if (!this.#busOk && begunAt >= this.#failedAt) {
      this.#ctx.log.info({}, 'assessment tasks can be fetched again');
      this.#busOk = true;
    }
    this.#intake.fetched(priority, deliveries, this.#ctx.clock.now());
    this.pump();
  }

  fetchFailed(priority: Priority, error: Error): void {
    if (this.#busOk) this.#ctx.log.warn({ err: error }, 'assessment tasks cannot be fetched now; trying again until NATS is back');
    this.#busOk = false;
    this.#failedAt = this.#ctx.clock.now();
    this.#intake.failed(priority);
    this.pump();
  }

  finished(taskId: string, end: RunEnd): void {
    this.#inFlight.delete(taskId);
    if (end.kind === 'handed-back') {
      this.#counts.handedBack++;
    } else {
      this.#counts.published(end.result, this.#init.metrics);
      const { cameraId, traceId, error } = end.result;
      if (error !== undefined) this.#ctx.log.debug({ taskId, cameraId, traceId, code: error.code }, `a group of camera ${cameraId} is unknown: ${error.message}`);
    }
    this.pump();
  }

  /** Keeps the mode that the figures show up to date when no task does. Never rejects. */
  async followMode(): Promise<void> {
    if (this.#init.vlm !== null) await this.#keysWanted(this.#ctx.clock.now());
  }

  heartbeat(): void {
    for (const { delivery } of this.#inFlight.values()) delivery.working();
    for (const delivery of this.#intake.ready()) delivery.working();
    // Ready tasks may have expired behind others.
    this.pump();
  }

  measure(): void {
    const { mode, in_flight, ready, assessed, retries, bus_ok, unknown } = this.stats();
    this.#ctx.report({ mode, in_flight, ready, assessed, unknown: Object.values(unknown).reduce((sum, count) => sum + count, 0), retries, bus_ok });
    void this.#queues.lag().then((lag) => this.#tell({ type: 'measured', lag }));
  }

  measured(lag: ReadonlyMap<Priority, QueueLag | null>): void {
    this.#counts.lag(lag);
  }

  /** What waits goes back to the bus at once; calls in flight may finish for a while, then they are given up and go back. */
  async stop(): Promise<void> {
    const { clock } = this.#ctx;
    for (const delivery of this.#intake.remove(() => true)) delivery.nak(0);
    const ends = Promise.all([...this.#inFlight.values()].map((one) => one.end));
    const drained = new AbortController();
    const drain = sleep(clock, this.#settings.drainMs, drained.signal).then(
      () => this.#abort.abort(),
      () => undefined,
    );
    await ends;
    drained.abort();
    await drain;
  }

  #fetch(priority: Priority, max: number): void {
    const { clock, signal } = this.#ctx;
    this.#intake.fetching(priority, clock.now());
    const fetching = async (): Promise<{ readonly deliveries: readonly Task[]; readonly begunAt: number }> => {
      // After a failure the next fetch begins later, so that a bus that is away is not asked without a pause.
      if (!this.#busOk) await pause(clock, FETCH_AGAIN_MS, signal);
      const begunAt = clock.now();
      const deliveries = await this.#queues.fetch(priority, max, FETCH_WAIT_MS);
      // Nothing, and sooner than asked: the server refuses to wait (too many unsettled, say).
      if (deliveries.length === 0 && clock.now() - begunAt < EARLY_MS) await pause(clock, EARLY_MS, signal);
      return { deliveries, begunAt };
    };
    fetching()
      .then(
        ({ deliveries, begunAt }) => {
          if (!this.#tell({ type: 'fetched', priority, deliveries, begunAt })) for (const delivery of deliveries) delivery.nak(0);
        },
        (thrown: unknown) => void this.#tell({ type: 'fetch-failed', priority, error: asError(thrown) }),
      )
      .catch((thrown: unknown) => this.#ctx.fail(asError(thrown)));
  }

  #begin(delivery: Task): void {
    const { taskId } = delivery.body;
    if (this.#inFlight.has(taskId)) {
      // Redelivered while we are at it (NATS was away): ours will ack it.
      this.#counts.duplicates++;
      delivery.nak(DUPLICATE_AGAIN_MS);
      return;
    }
    const { clock, log } = this.#ctx;
    const end = runTask(delivery, this.#assess, { bus: this.#init.bus, clock, log, abort: this.#abort.signal }).then((how) => {
      this.#tell({ type: 'finished', taskId, end: how });
    });
    this.#inFlight.set(taskId, { delivery, end });
  }

  /**
   * Whether any key is meant to be used. While the pool is away (it is being restarted), asks again until `deadline`,
   * then takes it to be as it was. Never rejects.
   */
  async #keysWanted(deadline: number): Promise<boolean> {
    const { clock, signal } = this.#ctx;
    const pool = this.#ctx.ref(KEY_POOL);
    for (;;) {
      try {
        const wanted = (await pool.ask({ type: 'wanted' }, { timeoutMs: ASK_WANTED_MS })) > 0;
        this.#counts.mode = wanted ? 'vlm' : 'rules';
        return wanted;
      } catch {
        if (signal.aborted || clock.now() + AGAIN_MS >= deadline) return this.#counts.mode === 'vlm';
        await pause(clock, AGAIN_MS, signal);
      }
    }
  }

  #byRules(task: AssessmentTask, language: SchedulerInit['language']): Assessed {
    const now = this.#ctx.clock.now();
    if (now >= Date.parse(task.expiresAt)) return unjudged(task, { code: 'expired', message: 'the task was too old when its turn came' }, 'rules', NO_CALL, now);
    // Rules judge measured geometry, and nothing was measured on a picture that somebody handed in.
    if (task.cameraId === ON_DEMAND_CAMERA) return unjudged(task, { code: 'no-lease', message: 'no API key can be used now, and rules cannot judge a picture alone' }, 'rules', NO_CALL, now);
    return judged(task, assessByRules(task, language), 'rules', NO_CALL, now);
  }

  /** False when the actor is over. A mailbox that refuses our own word would leave a place taken for good. */
  #tell(message: Private): boolean {
    if (this.#ctx.signal.aborted) return false;
    const told = this.#ctx.self.tell(message) === 'accepted';
    if (!told) this.#ctx.fail(new Error(`the scheduler's mailbox took no message "${message.type}"`));
    return told;
  }
}

const intakeOptions = ({ ageingMs }: SchedulerSettings): IntakeOptions => ({ ageingMs, quietMs: QUIET_MS, batch: BATCH });

/** The parts of one task that tell `usage` what its calls used. */
const metered = (parts: AssessParts, cameraId: string, usage: SchedulerInit['usage']): AssessParts =>
  usage === undefined
    ? parts
    : {
        ...parts,
        call: async (request) => {
          const reply = await parts.call(request);
          usage.record({ keyName: request.access.keyName, cameraId, promptTokens: reply.promptTokens, completionTokens: reply.completionTokens });
          return reply;
        },
      };
