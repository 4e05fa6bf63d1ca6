import type { CircuitStats } from '../keys/circuit.ts';
import type { KeyStrategy, SchedulerSection } from '../keys/key-config.schema.ts';
import type { KeyConfig, KeySpec } from '../keys/key-config.ts';
import type { LimitMemory } from '../keys/limits.ts';
import type { PermitGate } from '../keys/shared/gate.ts';
import { KeyPool } from '../keys/pool.ts';
import {
  poolSettings,
  type ConfigureSummary,
  type KeyChange,
  type KeyPoolStats,
  type KeyView,
  type LeaseReply,
  type LeaseRequest,
  type PoolState,
  type PoolStep,
  type Settlement,
} from '../keys/pool.types.ts';
import type { KeySupply } from '../keys/supply.ts';
import { steadyNow, toSteady } from '../keys/steady.ts';
import { defineActor, type ActorContext } from '../runtime/actor.ts';
import { systemClock } from '../runtime/clock.ts';
import { LoopDelay } from '../runtime/loop-delay.ts';
import type { Asking, Deferred } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';

/**
 * Messages to the pool. Pool and scheduler are on the main thread: a grant carries the secret as an object that never
 * crosses a thread or the network.
 */
export type KeyPoolMessage =
  /** Asks to make one call. Answered when a key comes free, at the latest at `deadline`. */
  | ({ readonly type: 'lease' } & LeaseRequest & Asking<LeaseReply>)
  /**
   * The call under a lease left at `at` by `steadyNow`. Until then it counts in every window. `delayMs`: how late the
   * thread that sent it has been lately; default 0.
   */
  | { readonly type: 'sent'; readonly leaseId: string; readonly at: number; readonly delayMs?: number }
  /** How the call under a lease ended. Every lease must be settled once; it is taken back if that takes too long. */
  | ({ readonly type: 'settle' } & Settlement)
  /** One failure booked on this key was the request's fault. */
  | { readonly type: 'forgive'; readonly keyName: string }
  /** Withdraws a waiting lease; it is answered with a refusal. */
  | { readonly type: 'cancel'; readonly waiterId: string }
  | ({ readonly type: 'stats' } & Asking<KeyPoolStats>)
  /** Replaces keys, strategy and, when given, the key file's section `scheduler`. Calls in flight finish. */
  | ({ readonly type: 'configure' } & Configuration & Asking<ConfigureSummary>)
  /** No new leases for this key while on; calls in flight finish. Answers whether there is such a key. */
  | ({ readonly type: 'drain'; readonly keyName: string; readonly on: boolean } & Asking<boolean>)
  /** Switches this key off, or on again. Answers whether there is such a key. */
  | ({ readonly type: 'disable'; readonly keyName: string; readonly on: boolean } & Asking<boolean>)
  /** Every key for administration, without its secret. */
  | ({ readonly type: 'keys' } & Asking<readonly KeyView[]>)
  /** Whether calls can be made at all. */
  | ({ readonly type: 'state' } & Asking<PoolState>)
  /** The calls that the keys allow now. `only`: the names of those that may serve; default all. */
  | ({ readonly type: 'supply'; readonly answerMs: number; readonly only?: readonly string[] } & Asking<KeySupply>);
type Private = { readonly type: 'wake' } | { readonly type: 'report' };

interface Configuration {
  readonly keys: readonly KeySpec[];
  readonly strategy: KeyStrategy;
  readonly scheduler?: SchedulerSection;
}

export const KEY_POOL = address<KeyPoolMessage>('/key-pool');

export interface KeyPoolInit {
  readonly config: KeyConfig;
  /** Outlives the actor, so that a restart does not spend budgets twice. */
  readonly memory: LimitMemory;
  /** Limits shared with other nodes; absent: this process decides alone. */
  readonly gate?: PermitGate | null;
}

const REPORT_MS = 1_000;
/** As long as a window of calls lasts, and a little longer. */
const DELAYS_MS = 2_000;
/** After a restart: by then every call under a forgotten lease has left; it takes a few ms when nothing is wrong. */
const ORPHANS_LEAVE_MS = 1_000;

/** Shares the API keys: a thin shell around the pure {@link KeyPool}. */
export const keyPoolActor = defineActor<KeyPoolMessage, Private>()<KeyPoolInit>({
  kind: 'key-pool',
  // Leases are bounded by the pool's own queue; settlements must not be lost.
  mailbox: { capacity: 20_000, overflow: 'refuse' },
  start: (ctx, init) => {
    const now = (): number => steadyNow(ctx.clock);
    const shell = new PoolShell(ctx, init);
    const { pool } = shell;
    shell.report();
    ctx.setInterval('report', REPORT_MS, { type: 'report' });
    return {
      handlers: {
        lease: (request) => shell.lease(request),
        sent: (report) => shell.sent(report),
        settle: (settlement) => shell.settle(settlement),
        forgive: ({ keyName }) => pool.forgive(keyName, now()),
        cancel: ({ waiterId }) => shell.apply(pool.cancel(waiterId, now())),
        stats: () => pool.stats(now()),
        configure: (change) => shell.configure(change),
        drain: ({ keyName, on }) =>
          shell.operated(keyName, on ? 'drained' : 'no longer drained', pool.drain(keyName, on, now())),
        disable: ({ keyName, on }) =>
          shell.operated(keyName, on ? 'disabled' : 'enabled', pool.disable(keyName, on, now())),
        keys: () => pool.view(now()),
        state: () => pool.state,
        supply: ({ answerMs, only }) => pool.supply(answerMs, now(), only),
        wake: () => shell.wake(),
        report: () => shell.report(),
      },
      stop: () => shell.stop(),
    };
  },
});

/** Adds to the pure pool a clock, deferred replies, the log, and a memory that outlives the actor. */
class PoolShell {
  readonly pool: KeyPool;
  readonly #ctx: ActorContext<KeyPoolMessage | Private>;
  readonly #init: KeyPoolInit;
  readonly #waiting = new Map<string, Deferred<LeaseReply>>();
  /** When the timer `wake` should fire; null: it is not set. */
  #wakeAt: number | null = null;
  /** The delays of this thread; null under a clock of a test, which does not wait for this machine. */
  readonly #loop: LoopDelay | null;

  constructor(ctx: ActorContext<KeyPoolMessage | Private>, init: KeyPoolInit) {
    this.#ctx = ctx;
    this.#init = init;
    this.#loop = ctx.clock === systemClock ? new LoopDelay(DELAYS_MS) : null;
    const { config, memory, gate = null } = init;
    const { keys, strategy } = memory.live ?? config;
    const settings = poolSettings(strategy, config.scheduler);
    const now = this.#now();
    memory.orphaned(now + ORPHANS_LEAVE_MS, now + settings.leaseMs);
    this.pool = new KeyPool(keys, settings, memory, `lease-${ctx.incarnation}`, gate);
    gate?.orphaned();
    gate?.onChange(() => void ctx.self.tell({ type: 'wake' }));
    memory.live?.drained.forEach((keyName) => this.pool.drain(keyName, true, now));
    memory.live?.disabled.forEach((keyName) => this.pool.disable(keyName, true, now));
  }

  lease(message: LeaseRequest): Deferred<LeaseReply> {
    const { clock } = this.#ctx;
    const request = { ...message, deadline: toSteady(clock, message.deadline) };
    const deferred = this.#ctx.defer<LeaseReply>();
    // A second request of one id gets its refusal and leaves the first one waiting.
    if (this.#waiting.has(request.waiterId)) {
      for (const { reply } of this.pool.request(request, this.#now()).replies) deferred.resolve(reply);
      return deferred;
    }
    this.#waiting.set(request.waiterId, deferred);
    this.#late(0, this.#now());
    this.apply(this.pool.request(request, this.#now()));
    return deferred;
  }

  /** The time that the report took to come here is a delay of ours as well. */
  sent({
    leaseId,
    at,
    delayMs = 0,
  }: {
    readonly leaseId: string;
    readonly at: number;
    readonly delayMs?: number;
  }): void {
    const now = this.#now();
    this.#late(Math.max(delayMs, now - at), now);
    this.apply(this.pool.sent(leaseId, at, now));
  }

  settle({ leaseId, outcome, blame, transit, tokens, adaptations }: Settlement): void {
    const now = this.#now();
    this.#late(0, now);
    this.apply(this.pool.settle(leaseId, outcome, now, blame, transit, tokens, adaptations));
  }

  /** A timer that fires late shows that this thread had too much to do, or no core. */
  wake(): void {
    const now = this.#now();
    this.#late(this.#wakeAt === null ? 0 : now - this.#wakeAt, now);
    this.#wakeAt = null;
    this.apply(this.pool.advance(now));
  }

  stop(): void {
    this.#loop?.stop();
  }

  configure({ keys, strategy, scheduler }: Configuration): ConfigureSummary {
    const settings = scheduler === undefined ? undefined : poolSettings(strategy, scheduler);
    const { summary, step } = this.pool.configure(keys, strategy, this.#now(), settings);
    this.#remember(keys, strategy);
    const { added, removed, changed } = summary;
    this.#ctx.log.info(
      { ...summary },
      `API keys changed: ${added.length} added, ${removed.length} removed, ${changed.length} changed`,
    );
    this.apply(step);
    return summary;
  }

  /** An operator drained or disabled a key, or took that back. False: there is no such key. */
  operated(
    keyName: string,
    what: string,
    { found, step }: { readonly found: boolean; readonly step: PoolStep },
  ): boolean {
    const { config, memory } = this.#init;
    if (found) this.#ctx.log.info({ key: keyName }, `API key "${keyName}" is ${what} by an operator`);
    const { keys, strategy } = memory.live ?? config;
    this.#remember(keys, strategy);
    this.apply(step);
    return found;
  }

  /** Carries a step out: answers requests, logs changes, asks the gate for permits, sets the next wake-up. */
  apply({ replies, changes, wakeAt }: PoolStep): void {
    const { gate } = this.#init;
    for (const { waiterId, reply } of replies) {
      this.#waiting.get(waiterId)?.resolve(reply);
      this.#waiting.delete(waiterId);
    }
    for (const change of changes) this.#logKey(change);
    for (const circuit of this.pool.circuitChanges(this.#now())) this.#logCircuit(circuit);
    gate?.want(this.pool.demand(this.#now()), this.#now());
    this.#wakeAt = wakeAt === null ? null : Math.max(wakeAt, this.#now());
    if (wakeAt === null) this.#ctx.clearTimer('wake');
    else this.#ctx.setTimer('wake', wakeAt - this.#now(), { type: 'wake' });
  }

  report(): void {
    const { total_keys, available_keys, in_use_keys, cooling_keys, disabled_keys, ...more } = this.pool.stats(
      this.#now(),
    );
    const { in_flight, waiting, granted, permits_in_hand } = more;
    this.#ctx.report({
      total_keys,
      available_keys,
      in_use_keys,
      cooling_keys,
      disabled_keys,
      in_flight,
      waiting,
      granted,
      permits_in_hand,
    });
  }

  /** Tells the pool of our own delays before it decides: of this one, and of those of this thread lately. */
  #late(ms: number, now: number): void {
    this.pool.ownDelay(Math.max(ms, this.#loop?.mostMs() ?? 0), now);
  }

  /** Keeps the present keys for the pool of a restarted actor. */
  #remember(keys: readonly KeySpec[], strategy: KeyStrategy): void {
    const view = this.pool.view(this.#now());
    const having = (test: (key: KeyView) => boolean): ReadonlySet<string> =>
      new Set(view.filter(test).map((key) => key.key_id));
    const drained = having((key) => key.drained);
    const disabled = having((key) => key.switched_off);
    this.#init.memory.live = { keys, strategy, drained, disabled };
  }

  #logKey({ keyName, status, cause, until }: KeyChange): void {
    const { log } = this.#ctx;
    if (status === 'available') {
      log.info({ key: keyName, status, cause }, `API key "${keyName}" works again`);
      return;
    }
    const restsUntil = until === null ? null : new Date(until).toISOString();
    const why =
      cause === 'misconfigured'
        ? 'its model or address cannot be used; check both'
        : 'the provider refuses it; check that it is valid and paid';
    const what = status === 'disabled' ? `is disabled: ${why}` : `rests until ${restsUntil}`;
    log.warn({ key: keyName, status, cause, restsUntil }, `API key "${keyName}" ${what}`);
  }

  #logCircuit({ group, state, failures, retryAt }: CircuitStats): void {
    const { log } = this.#ctx;
    if (state === 'closed') log.info({ group, state }, `provider of ${group} works again: calls go on`);
    else
      log.warn(
        { group, state, failures, retryAt },
        `provider of ${group} fails: no calls but one trial at a time, the first at ${retryAt}; check its status ` +
          'page and the network',
      );
  }

  #now(): number {
    return steadyNow(this.#ctx.clock);
  }
}
