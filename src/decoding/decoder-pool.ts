import type { ActorLog } from '../runtime/actor.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { CameraShares, learn, mayTake, unitsOfPart } from './camera-shares.ts';
import { BY_URGENCY, DecodeQueue } from './decode-queue.ts';
import type { DecodeTask } from './decode-task.ts';
import { DecoderDeaths, ISOLATION_MS } from './decoder-deaths.ts';
import type { OpenDecoder } from './decoder-process.ts';
import { type Answer, type DecoderLoss, DecoderSlot } from './decoder-slot.ts';
import { DecodeError, type DecoderStats } from './decoding.types.ts';
import { BurstBudget, TimeSpent } from './time-spent.ts';

/** While bursts wait for their budget. */
const BUDGET_CHECK_MS = 100;
const BUSY_SPAN_MS = 10_000;
const RELEASE_CHECK_MS = 10_000;

export interface PoolOptions {
  readonly open: OpenDecoder;
  /** Decoders for all cameras, 1 to 64; the first starts at once, others when they are needed. */
  readonly count: number;
  /** Part of the decoders' time that bursts may use, above 0 to 1. */
  readonly burstShare: number;
  readonly clock: Clock;
  readonly log: ActorLog;
}

/** Gives waiting tasks to decoders, most urgent first, and replaces decoders that end. */
export class DecoderPool {
  readonly queue = new DecodeQueue<DecodeTask>();
  readonly shares = new CameraShares<DecoderSlot>();
  readonly #options: PoolOptions;
  readonly #slots: DecoderSlot[] = [];
  /** Decoders of isolated cameras. */
  readonly #own = new Map<string, DecoderSlot>();
  readonly #deaths = new DecoderDeaths();
  readonly #budget: BurstBudget;
  readonly #busy = new TimeSpent(BUSY_SPAN_MS);
  readonly #burstBusy = new TimeSpent(BUSY_SPAN_MS);
  readonly #totals = { decoded: 0, failed: 0, died: 0 };
  /** Units of the parts in flight, by task. */
  readonly #partUnits = new Map<DecodeTask, number>();
  #budgetTimer: TimerHandle | null = null;
  #releaseTimer: TimerHandle | null = null;
  #isStopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#budget = new BurstBudget(options.burstShare);
    this.#startSlot();
  }

  /** Gives out waiting tasks. To be called when a task was added. */
  dispatch(): void {
    if (this.#isStopped) return;
    const all = [...this.#slots, ...this.#own.values()].toSorted((a, b) => a.inFlight.length - b.inFlight.length);
    for (const slot of all) {
      while (slot.hasRoom) {
        const task = this.#take(slot);
        if (task === null) break;
        this.#send(slot, task);
      }
    }
    if (this.queue.size === 0) return;
    if (this.queue.counts.burst > 0) this.#checkBudgetLater();
    const areBusy = this.#slots.every((slot) => slot.isReady && !slot.hasRoom);
    if (areBusy && this.#slots.length < this.#options.count) this.#startSlot();
  }

  /** Fails one task. */
  drop(task: DecodeTask, error: DecodeError): void {
    task.fail(error);
    for (const waiting of this.queue.remove((one) => one === task, task.cameraId))
      if (waiting.hasBegun) this.#settle(waiting, 'done');
  }

  /** Fails all tasks of a camera and frees its memory in the decoders. */
  forget(cameraId: string): void {
    const stopped = new DecodeError('STOPPED', 'the camera is stopping');
    for (const task of this.queue.remove(() => true, cameraId)) task.fail(stopped);
    for (const slot of this.#all()) {
      for (const task of slot.inFlight) if (task.cameraId === cameraId) task.fail(stopped);
      slot.tell({ type: 'forget', cameraId });
    }
    this.shares.forget(cameraId);
    this.#deaths.forget(cameraId);
    this.#closeOwn(cameraId);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const { clock } = this.#options;
    for (const timer of [this.#budgetTimer, this.#releaseTimer]) if (timer !== null) clock.clearTimeout(timer);
    const stopped = new DecodeError('STOPPED', 'the decoders are stopping');
    for (const task of this.queue.remove(() => true)) task.fail(stopped);
    for (const slot of this.#all()) for (const task of slot.inFlight) task.fail(stopped);
    await Promise.all(this.#all().map((slot) => slot.stop()));
  }

  stats(): DecoderStats {
    const now = this.#options.clock.now();
    const decoders = this.#all().filter((slot) => slot.isReady).length;
    const share = (spent: TimeSpent): number => Math.min(1, spent.sum(now) / (Math.max(1, decoders) * BUSY_SPAN_MS));
    return {
      decoders,
      waiting: { ...this.queue.counts },
      ...this.#totals,
      isolated: this.#deaths.isolated,
      busy: share(this.#busy),
      burstBusy: share(this.#burstBusy),
    };
  }

  /** Process ids, of isolated cameras too. */
  pids(): readonly number[] {
    return this.#all().flatMap(({ pid }) => (pid === null ? [] : [pid]));
  }

  #all(): readonly DecoderSlot[] {
    return [...this.#slots, ...this.#own.values()];
  }

  #newSlot(): DecoderSlot {
    const { open, clock } = this.#options;
    return new DecoderSlot(open, clock, {
      onReady: () => this.dispatch(),
      onAnswer: (task, answer, blocks) => this.#onAnswer(task, answer, blocks),
      onLost: (slot, loss) => this.#onLost(slot, loss),
    });
  }

  #startSlot(): void {
    const slot = this.#newSlot();
    this.#slots.push(slot);
    slot.start();
  }

  #take(slot: DecoderSlot): DecodeTask | null {
    const owner = [...this.#own].find(([, own]) => own === slot)?.[0] ?? null;
    const fits = (task: DecodeTask): boolean => {
      if (owner !== null) return task.cameraId === owner;
      if (this.#own.has(task.cameraId)) return false;
      return mayTake(slot, this.shares.get(task.cameraId), task);
    };
    for (const urgency of BY_URGENCY) {
      if (urgency === 'burst' && !this.#mayBurst(slot)) continue;
      const task = this.queue.take(urgency, fits);
      if (task !== null) return task;
    }
    return null;
  }

  /** One part of a burst at most is in a decoder, so that a due picture waits for one at most. */
  #mayBurst(slot: DecoderSlot): boolean {
    const isFree = slot.inFlight.every((task) => task.urgency !== 'burst');
    return isFree && this.#budget.allows(this.#options.count, this.#options.clock.now());
  }

  #send(slot: DecoderSlot, task: DecodeTask): void {
    const share = this.shares.used(task.cameraId);
    if (!task.hasBegun) share.begun += 1;
    share.home = slot;
    const part = task.nextPart(unitsOfPart(share));
    this.#partUnits.set(task, part.blocks.length);
    slot.send(task, part);
  }

  #onAnswer(task: DecodeTask, answer: Answer, blocks: readonly Uint8Array<ArrayBuffer>[]): void {
    const now = this.#options.clock.now();
    this.#busy.add(answer.ms, now);
    if (task.urgency === 'burst') {
      this.#burstBusy.add(answer.ms, now);
      this.#budget.add(answer.ms, now);
    }
    if (answer.type === 'decoded') {
      this.#totals.decoded += answer.pictures.length;
      this.#totals.failed += answer.failed;
    } else if (answer.code === 'UNDECODABLE') this.#totals.failed += 1;
    const share = this.shares.get(task.cameraId);
    if (share !== null) learn(share, this.#partUnits.get(task) ?? 0, answer.ms);
    this.#partUnits.delete(task);
    this.#settle(task, task.isOver ? 'done' : task.onAnswer(answer, blocks));
    this.dispatch();
  }

  /** A task whose part was answered or lost waits for its next part, or is over. */
  #settle(task: DecodeTask, next: 'more' | 'done'): void {
    if (next === 'more' && !task.isOver) {
      this.queue.putBack(task);
      return;
    }
    const share = this.shares.get(task.cameraId);
    if (share !== null) share.begun = Math.max(0, share.begun - 1);
  }

  #onLost(slot: DecoderSlot, { inHand, others, timedOut, reason }: DecoderLoss): void {
    this.#totals.died += 1;
    this.shares.leave(slot);
    if (inHand === null) this.#options.log.error({ reason }, 'a decoder ended; it is replaced');
    else {
      const why = timedOut ? 'the picture took the decoder too long' : `the decoder ended: ${reason}`;
      this.#blame(inHand.cameraId, why);
      inHand.fail(new DecodeError(timedOut ? 'TIMED_OUT' : 'DECODER_DIED', why));
      this.#partUnits.delete(inHand);
      this.#settle(inHand, 'done');
    }
    for (const task of others.toReversed()) {
      this.#partUnits.delete(task);
      this.#settle(task, task.isOver ? 'done' : task.onLost());
    }
    // Tasks between two parts had their state there; those that go on elsewhere find none and are told so.
    this.dispatch();
  }

  #blame(cameraId: string, reason: string): void {
    const { log, clock } = this.#options;
    const verdict = this.#deaths.note(cameraId, clock.now());
    const fields = { cameraId, reason };
    if (verdict === 'full')
      log.error(fields, 'a picture of the camera ended a decoder again; no decoder is to spare for the camera alone');
    else if (verdict !== 'isolated') log.error(fields, 'a picture of the camera ended a decoder, which is replaced');
    else {
      log.error(fields, 'a picture of the camera ended a decoder again; the camera gets a decoder of its own');
      const own = this.#newSlot();
      this.#own.set(cameraId, own);
      own.start();
      this.#releaseTimer ??= clock.setTimeout(() => this.#release(), ISOLATION_MS + 1);
    }
  }

  #release(): void {
    const { clock, log } = this.#options;
    this.#releaseTimer = null;
    for (const cameraId of this.#deaths.release(clock.now())) {
      log.info({ cameraId }, 'the camera ended no decoder for long and shares one again');
      this.#closeOwn(cameraId);
    }
    if (this.#own.size > 0) this.#releaseTimer = clock.setTimeout(() => this.#release(), RELEASE_CHECK_MS);
    this.dispatch();
  }

  #closeOwn(cameraId: string): void {
    const own = this.#own.get(cameraId);
    if (own === undefined) return;
    this.#own.delete(cameraId);
    this.shares.leave(own);
    const tasks = own.inFlight;
    own.stop().catch(() => undefined);
    for (const task of tasks.toReversed()) this.#settle(task, task.isOver ? 'done' : task.onLost());
  }

  #checkBudgetLater(): void {
    const { clock } = this.#options;
    this.#budgetTimer ??= clock.setTimeout(() => {
      this.#budgetTimer = null;
      this.dispatch();
    }, BUDGET_CHECK_MS);
  }
}
