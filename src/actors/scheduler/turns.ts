import type { LeaseReply } from '../../keys/pool.types.ts';
import type { Priority } from '../../messages/task.ts';
import type { Clock, TimerHandle } from '../../runtime/clock.ts';

/** What a task may do now: ask for a key, be judged without one because the provider is down, or go back to the bus. */
export type Turn = 'go' | 'provider-down' | 'closing';

/** One task in the scheduler's hands. */
export interface Turning {
  readonly priority: Priority;
  /** When it was begun, epoch ms. */
  readonly since: number;
  /** It may wait for the provider until then, epoch ms. */
  readonly until: number;
}

interface Parked {
  readonly timer: TimerHandle;
  readonly resume: (turn: Turn) => void;
}

export interface TurnsOptions {
  readonly clock: Clock;
  /** Aborted: whoever waits goes back to the bus. */
  readonly closing: AbortSignal;
  /** Places now. */
  readonly places: () => number;
  /** Tasks that may be between their beginning and their call at once. */
  readonly mostAsking: number;
  /** Tasks that hold a place in an outage to find out when it is over: each may become the provider's trial call. */
  readonly trials: number;
  /** Tasks that may wait without a place. At the bound no more are begun: those behind wait in their streams. */
  readonly mostParked: number;
  /** There may be room for another task. */
  readonly onRoom: () => void;
}

export const TURN_BOUNDS: Pick<TurnsOptions, 'mostAsking' | 'trials' | 'mostParked'> = {
  // Enough to use every permit, few enough that an urgent task is soon among them.
  mostAsking: 16,
  trials: 4,
  mostParked: 1_000,
};

/**
 * Who holds a place, and who waits without one because the provider is down. While it works every task holds a place
 * from its beginning to its end. In an outage a few hold one, each of which may become the trial call that finds the
 * provider back; the others are parked until it is back and a place is free, or their time runs out.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #begun = new Set<Turning>();
  readonly #holding = new Set<Turning>();
  /** Of those that hold a place in an outage, the ones that wait for the trial. */
  readonly #trials = new Set<Turning>();
  /** Trials that failed. */
  readonly #tried = new Map<Turning, number>();
  /** Those that hold a place and have a key. */
  readonly #calling = new Set<Turning>();
  readonly #leasing = new Map<Turning, AbortController>();
  readonly #parked = new Map<Turning, Parked>();
  #downSince: number | null = null;

  constructor(options: TurnsOptions) {
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
    const { places, mostAsking, mostParked } = this.#options;
    const held = this.#holding.size;
    const most =
      this.#downSince === null
        ? Math.min(places() - held, mostAsking - (held - this.#calling.size))
        : mostParked - (this.#begun.size - held);
    return Math.max(0, most);
  }

  /** Priority of the parked task that comes next, once the provider works; null when none waits for a place. */
  get next(): Priority | null {
    return this.#downSince === null ? (this.#best()?.priority ?? null) : null;
  }

  begin(task: Turning): void {
    this.#begun.add(task);
    if (this.#downSince === null) this.#holding.add(task);
  }

  end(task: Turning): void {
    this.#begun.delete(task);
    this.#holding.delete(task);
    this.#calling.delete(task);
    this.#trials.delete(task);
    this.#tried.delete(task);
    this.#fillTrials();
  }

  /** Gives the parked task that comes next a place. */
  resumeNext(): void {
    const task = this.#best();
    if (task === undefined) return;
    this.#holding.add(task);
    this.#resume(task, 'go');
  }

  /** Resolves when this task may ask for a key. In an outage it loses its place meanwhile, unless it is one of the few. */
  turn(task: Turning): Promise<Turn> {
    const { clock, closing, onRoom } = this.#options;
    this.#calling.delete(task);
    if (closing.aborted) return Promise.resolve('closing');
    if (this.#downSince === null) {
      this.#holding.add(task);
      return Promise.resolve('go');
    }
    if (clock.now() >= task.until) return Promise.resolve('provider-down');
    this.#holding.delete(task);
    // Its trial failed, perhaps for its own sake: the next one is another's.
    if (this.#trials.delete(task)) this.#tried.set(task, (this.#tried.get(task) ?? 0) + 1);
    const turn = new Promise<Turn>((resume) => {
      const timer = clock.setTimeout(() => this.#resume(task, 'provider-down'), task.until - clock.now());
      this.#parked.set(task, { timer, resume });
    });
    this.#fillTrials();
    onRoom();
    return turn;
  }

  /** Runs `wait` for a lease; its signal is aborted when this task has to make way for an outage's few. */
  async leasing(task: Turning, wait: (withdraw: AbortSignal) => Promise<LeaseReply>): Promise<LeaseReply> {
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

  /** In an outage, brings the next parked tasks to the trial while fewer than the few wait for it and places are free. */
  #fillTrials(): void {
    const { trials, places } = this.#options;
    while (this.#downSince !== null && this.#trials.size < trials && this.#holding.size < places()) {
      const task = this.#best();
      if (task === undefined) return;
      this.#trials.add(task);
      this.resumeNext();
    }
  }

  #resumeAll(turn: Turn): void {
    for (const task of this.#parked.keys()) this.#resume(task, turn);
  }

  #resume(task: Turning, turn: Turn): void {
    const parked = this.#parked.get(task);
    if (parked === undefined) return;
    this.#parked.delete(task);
    this.#options.clock.clearTimeout(parked.timer);
    parked.resume(turn);
  }

  #best(): Turning | undefined {
    let best: Turning | undefined;
    for (const task of this.#parked.keys()) if (best === undefined || this.#order(task, best) < 0) best = task;
    return best;
  }

  /** Who was a trial least often goes first, then the urgent, then the old. */
  #order(a: Turning, b: Turning): number {
    return (this.#tried.get(a) ?? 0) - (this.#tried.get(b) ?? 0) || b.priority - a.priority || a.since - b.since;
  }
}
