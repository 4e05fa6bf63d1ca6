import type { Bus, Delivery, QueueLag } from '../../infra/bus.ts';
import { subjects } from '../../messages/subjects.ts';
import { PRIORITIES, type AssessmentTask, type Priority } from '../../messages/task.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { Peers, SchedulerLoad, type QuestionLoad } from './peers.ts';
import type { TaskQueues } from './task-queues.ts';
import { ServiceRate } from './service-rate.ts';
import { tooMany } from './shedding.ts';

type Task = Delivery<AssessmentTask>;

export interface OverloadOptions {
  readonly bus: Bus;
  readonly queues: TaskQueues;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Names this scheduler among those that share the queues. */
  readonly name: string;
  readonly validityMs: number;
  /** Up to `most` tasks of this level that were fetched and not begun, oldest first; they are taken away. */
  readonly takeReady: (priority: Priority, most: number) => readonly Task[];
  readonly readyAt: (priority: Priority) => number;
  /** This scheduler's report on its questions. */
  readonly questions: () => QuestionLoad;
  /** Another scheduler's report; it has spent so many calls since the one before. */
  readonly onPeer: (load: QuestionLoad, calls: number) => void;
  /** Answers a task without assessing it. */
  readonly giveUp: (delivery: Task) => Promise<void>;
}

const BATCH = 100;
/** Tasks given up in one step, of all levels together. */
const MOST_PER_STEP = 2_000;

/** Gives up tasks that cannot be served in time. Each second one scheduler decides for all of them. */
export class Overload {
  readonly #options: OverloadOptions;
  readonly #peers: Peers;
  readonly rate: ServiceRate;
  readonly #unsubscribe: () => void;
  #work: Promise<void> | null = null;
  #closed = false;

  constructor(options: OverloadOptions) {
    const { bus, clock, name, onPeer } = options;
    this.#options = options;
    this.#peers = new Peers(name);
    this.rate = new ServiceRate(clock.now());
    this.#unsubscribe = bus.subscribe(subjects.schedulerLoad, SchedulerLoad, (load) => {
      const calls = this.#peers.hear(load, clock.now());
      if (load.scheduler !== name) onPeer(load, calls);
    });
  }

  /** No other scheduler is heard of. */
  get isAlone(): boolean {
    return this.#peers.isAlone(this.#options.clock.now());
  }

  /** Schedulers that share the queues, this one among them. */
  get schedulers(): number {
    return this.#peers.count(this.#options.clock.now());
  }

  /** Tasks that all schedulers together assess at once. */
  get slots(): number {
    return this.#peers.slots(this.#options.clock.now());
  }

  /** Tells the other schedulers how busy this one is, and of its questions. */
  tell(): void {
    const { bus, clock, name, questions } = this.#options;
    const load: SchedulerLoad = { scheduler: name, perSecond: this.rate.perSecond(clock.now()), ...questions() };
    this.#peers.hear(load, clock.now());
    bus.broadcast(subjects.schedulerLoad, load);
  }

  /** Gives up the tasks that are too many now. Does nothing while that is under way. */
  step(lag: ReadonlyMap<Priority, QueueLag | null>): void {
    const { clock, validityMs, readyAt } = this.#options;
    const perSecond = this.#peers.perSecond(clock.now());
    if (this.#closed || this.#work !== null || perSecond === null || !this.#peers.decides(clock.now())) return;
    const waiting = new Map<Priority, number>();
    let begun = 0;
    for (const priority of PRIORITIES) {
      const level = lag.get(priority);
      if (level === null || level === undefined) return;
      waiting.set(priority, level.waiting + readyAt(priority));
      begun += Math.max(0, level.unsettled - readyAt(priority));
    }
    const plan = tooMany({ waiting, begun, perSecond, validityMs });
    if (plan.size > 0) this.#work = this.#shedAll(plan, perSecond).finally(() => (this.#work = null));
  }

  /** Stops giving tasks up. Resolves when the last one is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    await this.#work;
  }

  /** Never rejects. */
  async #shedAll(plan: ReadonlyMap<Priority, number>, perSecond: number): Promise<void> {
    const { log } = this.#options;
    let left = MOST_PER_STEP;
    const shed: Record<string, number> = {};
    try {
      for (const [priority, count] of plan) {
        const done = await this.#shed(priority, Math.min(count, left));
        shed[`p${priority}`] = done;
        left -= done;
        // The rest of this level goes before any task of the next.
        if (done < count) break;
      }
    } catch (thrown) {
      log.debug({ err: asError(thrown).message }, 'tasks to be given up cannot be fetched now');
    }
    log.warn(
      { ...shed, perSecond: Math.round(perSecond * 10) / 10 },
      'more submitted pictures or replayed frames wait than can be assessed in time: those of the lowest priority ' +
        'are given up and answered as shed; more keys or higher limits would help',
    );
  }

  /** Resolves to how many were given up. */
  async #shed(priority: Priority, count: number): Promise<number> {
    const { queues, takeReady, giveUp } = this.#options;
    let done = 0;
    while (done < count && !this.#closed) {
      const ready = takeReady(priority, count - done);
      const batch = ready.length > 0 ? ready : await queues.fetch(priority, Math.min(BATCH, count - done), 0);
      if (batch.length === 0) return done;
      await Promise.all(batch.map((delivery) => giveUp(delivery)));
      done += batch.length;
    }
    return done;
  }
}
