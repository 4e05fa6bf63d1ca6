import type { LeaseReply } from '../../keys/pool.types.ts';
import type { Priority } from '../../messages/task.ts';
import type { Clock, TimerHandle } from '../../runtime/clock.ts';

/**
 * - `go`: the task may ask for a key.
 * - `provider-down`: its time is nearly over and the provider still does not answer; rules stand in.
 * - `closing`: the scheduler stops, and the task goes back to the bus.
 * - `dropped`: the task is not to be asked about any more.
 */
export type AdmissionReply = 'go' | 'provider-down' | 'closing' | 'dropped';

/** One task's claim to a slot. */
export interface SlotClaim {
  readonly priority: Priority;
  /** When the task was begun, epoch ms. */
  readonly since: number;
  /** The task may wait for the provider, or for a slot that it gave up, until then, epoch ms. */
  readonly until: number;
  /** A question about a camera's group. Those and all other tasks do not take each other's places in the queue. */
  readonly question?: true;
}

interface Parked {
  readonly timer: TimerHandle;
  readonly resume: (reply: AdmissionReply) => void;
}

export interface AdmissionOptions {
  readonly clock: Clock;
  /** Aborted: every waiting task goes back to the bus. */
  readonly closing: AbortSignal;
  /** Number of slots at present. */
  readonly slots: () => number;
  /** Tasks that may hold a slot without having a key yet, at most; and questions that may, which can be fewer. */
  readonly mostAsking: number;
  readonly mostQuestionsAsking: () => number;
  /** Tasks that keep a slot in an outage. Each may become the trial call that finds the provider back. */
  readonly trials: number;
  /** Tasks that may wait without a slot. At the bound no more are begun; the rest stays in the streams. */
  readonly mostParked: number;
  /** Called when another task may fit. */
  readonly onRoom: () => void;
}

export const ADMISSION_BOUNDS: Pick<AdmissionOptions, 'mostAsking' | 'trials' | 'mostParked'> = {
  // Enough to use every permit, few enough that an urgent task is soon among them.
  mostAsking: 16,
  trials: 4,
  mostParked: 1_000,
};

/**
 * Decides which tasks hold a slot. While the provider works, every task holds one from its beginning to its end. In an
 * outage only a few do, and each of those may become the trial call that finds the provider back. The other tasks are
 * parked until the provider is back and a slot is free, or until their time runs out.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #begun = new Set<SlotClaim>();
  readonly #admitted = new Set<SlotClaim>();
  /** Admitted tasks that wait for the provider's trial call in an outage. */
  readonly #trials = new Set<SlotClaim>();
  /** Failed trials of each task. */
  readonly #tried = new Map<SlotClaim, number>();
  /** Admitted tasks that have a key. */
  readonly #calling = new Set<SlotClaim>();
  readonly #leasing = new Map<SlotClaim, AbortController>();
  readonly #parked = new Map<SlotClaim, Parked>();
  readonly #dropped = new Set<SlotClaim>();
  #downSince: number | null = null;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    options.closing.addEventListener('abort', () => this.#resumeAll('closing'), { once: true });
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Since when the provider is down, epoch ms; null while it works. */
  get downSince(): number | null {
    return this.#downSince;
  }

  /** Tasks that may be begun now. */
  get room(): number {
    const { slots, mostAsking, mostParked } = this.#options;
    if (this.#downSince !== null) return Math.max(0, mostParked - (this.#begun.size - this.#admitted.size));
    return Math.max(0, Math.min(slots() - this.#admitted.size, mostAsking - this.#asking(undefined)));
  }

  /** Questions that may be begun now. One slot is left for other tasks. In an outage only as many as may be trials. */
  get roomForQuestions(): number {
    const { slots, trials, mostAsking, mostQuestionsAsking } = this.#options;
    const count = (tasks: Iterable<SlotClaim>): number => [...tasks].filter(({ question }) => question === true).length;
    if (this.#downSince !== null) return Math.max(0, trials - count(this.#begun));
    const free = Math.min(slots() - this.#admitted.size, Math.max(1, slots() - 1) - count(this.#admitted));
    return Math.max(0, Math.min(free, Math.min(mostAsking, mostQuestionsAsking()) - this.#asking(true)));
  }

  /** Every task that holds a slot has its key, none is parked, and more may be begun. */
  get isQuiet(): boolean {
    const isCalling = [...this.#admitted].every((task) => this.#calling.has(task));
    return this.#downSince === null && this.#parked.size === 0 && isCalling && this.roomForQuestions > 0;
  }

  /** Priority of the parked task to resume next; null while the provider is down or no task is parked. */
  get next(): Priority | null {
    return this.#downSince === null ? (this.#best()?.priority ?? null) : null;
  }

  begin(task: SlotClaim): void {
    this.#begun.add(task);
    if (this.#downSince === null) this.#admitted.add(task);
  }

  end(task: SlotClaim): void {
    this.#begun.delete(task);
    this.#admitted.delete(task);
    this.#calling.delete(task);
    this.#trials.delete(task);
    this.#tried.delete(task);
    this.#dropped.delete(task);
    this.#fillTrials();
  }

  /** The task stops waiting for a slot or a key, and is told `dropped`. Does nothing once it has a key. */
  drop(task: SlotClaim): void {
    if (!this.#begun.has(task) || this.#calling.has(task)) return;
    this.#dropped.add(task);
    this.#leasing.get(task)?.abort();
    this.#resume(task, 'dropped');
  }

  /** Whether it was dropped. */
  isDropped(task: SlotClaim): boolean {
    return this.#dropped.has(task);
  }

  /** Gives a slot to the parked task that comes next. */
  resumeNext(): void {
    const task = this.#best();
    if (task === undefined) return;
    this.#admitted.add(task);
    this.#resume(task, 'go');
  }

  /**
   * Resolves when this task may ask for a key: at once while it holds a slot. In an outage it gives up its slot until
   * then, unless it is a trial.
   */
  admit(task: SlotClaim): Promise<AdmissionReply> {
    const { clock, closing, onRoom } = this.#options;
    this.#calling.delete(task);
    if (closing.aborted) return Promise.resolve('closing');
    if (this.#dropped.has(task)) return Promise.resolve('dropped');
    if (this.#downSince === null && (this.#admitted.has(task) || this.#roomFor(task) > 0)) {
      this.#admitted.add(task);
      return Promise.resolve('go');
    }
    if (clock.now() >= task.until) return Promise.resolve(this.#atTheEnd(task));
    this.#admitted.delete(task);
    // Its trial failed, perhaps because of this very task: another task makes the next one.
    if (this.#trials.delete(task)) this.#tried.set(task, (this.#tried.get(task) ?? 0) + 1);
    const reply = new Promise<AdmissionReply>((resume) => {
      const timer = clock.setTimeout(() => this.#resume(task, this.#atTheEnd(task)), task.until - clock.now());
      this.#parked.set(task, { timer, resume });
    });
    this.#fillTrials();
    onRoom();
    return reply;
  }

  /** The task gives up its slot until it asks to be admitted again. */
  stepAside(task: SlotClaim): void {
    this.#calling.delete(task);
    this.#trials.delete(task);
    if (this.#admitted.delete(task)) this.#options.onRoom();
    this.#fillTrials();
  }

  /** Runs `wait` for a lease. The signal is aborted when an outage begins and this task is none of its trials. */
  async leasing(task: SlotClaim, wait: (withdraw: AbortSignal) => Promise<LeaseReply>): Promise<LeaseReply> {
    const withdraw = new AbortController();
    this.#leasing.set(task, withdraw);
    try {
      const reply = await wait(withdraw.signal);
      if (reply.kind === 'granted') {
        this.#calling.add(task);
        this.#options.onRoom();
      }
      return reply;
    } finally {
      this.#leasing.delete(task);
    }
  }

  setDown(down: boolean): void {
    const { clock, trials, onRoom } = this.#options;
    if (down === (this.#downSince !== null)) return;
    this.#downSince = down ? clock.now() : null;
    this.#trials.clear();
    if (down) {
      for (const [task, withdraw] of [...this.#leasing].toSorted(([a], [b]) => this.#order(a, b))) {
        if (this.#trials.size < trials) this.#trials.add(task);
        else withdraw.abort();
      }
    }
    onRoom();
  }

  #roomFor({ question }: SlotClaim): number {
    return question === true ? this.roomForQuestions : this.room;
  }

  /** Tasks of this kind that hold a slot without having a key yet. */
  #asking(question: true | undefined): number {
    return [...this.#admitted].filter((task) => task.question === question && !this.#calling.has(task)).length;
  }

  /** In an outage, makes parked tasks trials while there are fewer than allowed and slots are free. */
  #fillTrials(): void {
    const { trials, slots } = this.#options;
    while (this.#downSince !== null && this.#trials.size < trials && this.#admitted.size < slots()) {
      const task = this.#best();
      if (task === undefined) return;
      this.#trials.add(task);
      this.resumeNext();
    }
  }

  /** For a task whose time to wait is over. While the provider works, the task's own deadline ends it. */
  #atTheEnd(task: SlotClaim): AdmissionReply {
    if (this.#downSince !== null) return 'provider-down';
    this.#admitted.add(task);
    return 'go';
  }

  #resumeAll(reply: AdmissionReply): void {
    for (const task of this.#parked.keys()) this.#resume(task, reply);
  }

  #resume(task: SlotClaim, reply: AdmissionReply): void {
    const parked = this.#parked.get(task);
    if (parked === undefined) return;
    this.#parked.delete(task);
    this.#options.clock.clearTimeout(parked.timer);
    parked.resume(reply);
  }

  #best(): SlotClaim | undefined {
    let best: SlotClaim | undefined;
    for (const task of this.#parked.keys()) if (best === undefined || this.#order(task, best) < 0) best = task;
    return best;
  }

  /** The task that was a trial least often goes first, then the urgent one, then the old one. */
  #order(a: SlotClaim, b: SlotClaim): number {
    return (this.#tried.get(a) ?? 0) - (this.#tried.get(b) ?? 0) || b.priority - a.priority || a.since - b.since;
  }
}
