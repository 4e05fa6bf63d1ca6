/**
 * A process that calls a provider under a real key pool, as the scheduler and its caller do in two threads, in which
 * either thread, or the whole machine, loses its core for a while at any step. Time is simulated.
 */
import { qpsAndRpm } from '../../src/keys/sliding-windows.ts';
import type { KeyPool } from '../../src/keys/pool.ts';
import type { PoolStep } from '../../src/keys/pool.types.ts';
import { poolOf, T0, want } from './key-pool.ts';
import type { Random } from './random.ts';

/** Times in ms since the start. */
export interface Stall {
  readonly from: number;
  readonly to: number;
}

export interface StalledOptions {
  readonly random: Random;
  readonly qps: number;
  readonly rpm: number;
  readonly guardMs: number;
  readonly untilMs: number;
  /** The fastest way to the provider, and how much longer it may take. */
  readonly wayMs: number;
  readonly jitterMs: number;
  /** How long the provider works, at most; at least a third of it. */
  readonly workMs: number;
  /** Whether answers tell when their call arrived. */
  readonly timing: boolean;
  readonly mainStalls: readonly Stall[];
  readonly callerStalls: readonly Stall[];
  /** Also whatever is between the process and the network waits, so that calls arrive later. */
  readonly machineStalls: readonly Stall[];
}

const PROBE_MS = 20;
/** The provider's clock is ahead of ours by this. */
const CLOCK_MS = 123_456;

/** Runs it. Resolves to the arrivals at the provider, in ms since the start. */
export function callsUnderStalls(options: StalledOptions): readonly number[] {
  const world = new StalledCaller(options);
  world.run();
  return world.arrivals;
}

/** The most calls in any closed window of `spanMs`, which begins at an arrival. */
export function mostWithin(arrivals: readonly number[], spanMs: number): number {
  const sorted = arrivals.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, at] of sorted.entries()) {
    while ((sorted[first] ?? at) < at - spanMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** Windows of the key that hold more than they may, for a failure's message. */
export const exceeded = (arrivals: readonly number[], qps: number, rpm: number): string[] =>
  qpsAndRpm(qps, rpm).flatMap(({ limit, spanMs }) => {
    const most = mostWithin(arrivals, spanMs);
    return most > limit ? [`${most} calls in ${spanMs} ms, of ${limit}`] : [];
  });

type Thread = 'main' | 'caller' | 'wire';

class StalledCaller {
  readonly arrivals: number[] = [];
  readonly #options: StalledOptions;
  readonly #pool: KeyPool;
  readonly #events: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  #now = 0;
  #wakeAt = Infinity;
  #probeAt = 0;

  constructor(options: StalledOptions) {
    this.#options = options;
    const { qps, rpm, guardMs } = options;
    this.#pool = poolOf([{ qps_limit: qps, rpm_limit: rpm }], 'round_robin', { transit_guard_ms: guardMs });
  }

  run(): void {
    this.#probe();
    this.#on('main', 0, () => {
      for (let i = 0; i < 3 * this.#options.qps; i++) this.#ask();
    });
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      if (event.at > this.#options.untilMs) return;
      this.#now = event.at;
      event.run();
    }
  }

  /** Runs `work` after `ms`, as soon as its thread has a core. */
  #on(thread: Thread, ms: number, work: () => void): void {
    const at = this.#now + ms;
    const { mainStalls, callerStalls, machineStalls } = this.#options;
    const own = thread === 'main' ? mainStalls : thread === 'caller' ? callerStalls : [];
    const stall = [...own, ...machineStalls].find(({ from, to }) => from <= at && at < to);
    if (stall !== undefined) return this.#on(thread, stall.to - this.#now, work);
    const order = this.#order++;
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1]?.at ?? 0) > at) index--;
    this.#events.splice(index, 0, { at, order, run: work });
  }

  /** A step of a thread takes this long, and the thread may lose its core in it. */
  get #moment(): number {
    const { random } = this.#options;
    return random.chance(0.1) ? random.next() * 8 : random.next();
  }

  get #steady(): number {
    return T0 + Math.floor(this.#now);
  }

  /** The main thread's loop looks how late its timers are, as its actor does before each decision. */
  #probe(): void {
    this.#on('main', PROBE_MS, () => {
      this.#noticeDelay();
      this.#probeAt = this.#now;
      this.#probe();
    });
  }

  #noticeDelay(ms = 0): void {
    this.#pool.ownDelay(Math.max(ms, this.#now - this.#probeAt - PROBE_MS), this.#steady);
  }

  #ask(): void {
    this.#noticeDelay();
    this.#apply(this.#pool.request(want({ deadline: T0 + 1e9 }), this.#steady));
  }

  #apply({ replies, wakeAt }: PoolStep): void {
    for (const { reply } of replies) if (reply.kind === 'granted') this.#call(reply.leaseId);
    if (wakeAt === null) return;
    const at = wakeAt - T0;
    if (at >= this.#wakeAt && this.#wakeAt > this.#now) return;
    this.#wakeAt = at;
    this.#on('main', Math.max(0, at - this.#now), () => {
      if (this.#wakeAt === at) this.#wakeAt = Infinity;
      this.#noticeDelay();
      this.#apply(this.#pool.advance(this.#steady));
    });
  }

  /** The call under a lease: handed to the caller's thread, written, reported, answered and settled. */
  #call(leaseId: string): void {
    const { random } = this.#options;
    const orderedAt = this.#now;
    const givenUp = random.chance(0.05);
    this.#on('caller', this.#moment, () => {
      const handOverMs = this.#now - orderedAt;
      if (givenUp && random.chance(0.5)) {
        this.#on('main', this.#moment, () => this.#settle(leaseId, 'abandoned', null));
        return;
      }
      const startedAt = this.#now;
      this.#on('caller', random.next() * 0.3, () => this.#write(leaseId, { startedAt, handOverMs, givenUp }));
    });
  }

  #write(
    leaseId: string,
    call: { readonly startedAt: number; readonly handOverMs: number; readonly givenUp: boolean },
  ): void {
    const { random, wayMs, jitterMs, workMs } = this.#options;
    let sentAt: number | null = null;
    this.#on('caller', this.#moment / 4, () => {
      const at = this.#now;
      sentAt = at;
      this.#on('main', this.#moment, () => {
        const agoMs = this.#now - at;
        const now = this.#steady;
        this.#noticeDelay(Math.max(call.handOverMs, Math.floor(agoMs)));
        this.#apply(this.#pool.sent(leaseId, now - Math.floor(agoMs), now));
        if (call.givenUp) this.#settle(leaseId, 'abandoned', null);
      });
    });
    this.#on('wire', wayMs + random.next() * jitterMs, () => {
      const arrivedAt = this.#now;
      this.arrivals.push(arrivedAt);
      const work = workMs / 3 + (random.next() * workMs * 2) / 3;
      this.#on('wire', work + wayMs + random.next() * jitterMs, () =>
        this.#on('caller', this.#moment, () => {
          if (call.givenUp) return;
          // The thread reports in order: an answer it read before its report waits for that.
          const readAt = this.#now;
          const settle = (): void => {
            if (sentAt === null) return this.#on('caller', 1, settle);
            const transit = {
              kind: 'arrival',
              at: T0 + CLOCK_MS + Math.floor(arrivedAt),
              roundTripMs: Math.max(0, readAt - sentAt),
              workMs: Math.max(0, Math.floor(work - 1)),
              writeMs: sentAt - call.startedAt,
            } as const;
            this.#on('main', this.#moment + 8, () => this.#settle(leaseId, 'ok', transit));
          };
          settle();
        }),
      );
    });
  }

  #settle(leaseId: string, kind: 'ok' | 'abandoned', transit: Parameters<KeyPool['settle']>[4]): void {
    this.#noticeDelay();
    const outcome = kind === 'ok' ? { kind } : { kind, message: '' };
    this.#apply(
      this.#pool.settle(leaseId, outcome, this.#steady, 'key', this.#options.timing ? (transit ?? null) : null),
    );
    this.#ask();
  }
}
