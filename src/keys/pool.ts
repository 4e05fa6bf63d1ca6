import { budgetOf } from './account.ts';
import { Arrivals } from './arrivals.ts';
import type { Circuit, CircuitStats } from './circuit.ts';
import { Circuits } from './circuits.ts';
import type { KeyStrategy } from './key-config.schema.ts';
import type { KeySpec } from './key-config.ts';
import { demandOf } from './demand.ts';
import { leastGuardMs, TransitWays } from './transit-guard.ts';
import { PooledKey } from './key.ts';
import { grantOf, Lease } from './lease.ts';
import { ModelRecords } from './model-record.ts';
import { LimitMemory } from './limits.ts';
import { budgetLimits, changesOf, movesOf } from './live.ts';
import type { Blame, CallOutcome } from './outcome.ts';
import type {
  ConfigureSummary,
  KeyPoolStats,
  KeyView,
  LeaseGrant,
  LeaseReply,
  LeaseRequest,
  PoolSettings,
  PoolState,
  PoolStep,
  RefusalReason,
  Told,
} from './pool.types.ts';
import { keyChanges, poolStats } from './pool-stats.ts';
import type { Demand, PermitGate } from './shared/gate.ts';
import { chooseKey } from './key-strategy.ts';
import { noRefusals, REFUSAL_MESSAGES } from './lease-refusals.ts';
import { ASSUMED_CALL, boundWith, TokenEstimates } from './token-estimate.ts';
import type { CallTokens } from './tokens.ts';
import { Waiters, type Waiter } from './waiters.ts';

/** Windows take a call further ahead than this for a clock that was set back. */
const MOST_AHEAD_MS = 4_000;

/**
 * The key pool as a state machine: every call takes the time and returns whom to answer and when to wake up. It has no
 * timers and does no I/O; the actor around it has both. Several calls may be in flight on one key: the limits are
 * rates.
 */
export class KeyPool {
  #settings: PoolSettings;
  readonly #memory: LimitMemory;
  readonly #ways: TransitWays;
  readonly #gate: PermitGate | null;
  #keys: readonly PooledKey[] = [];
  #byName: ReadonlyMap<string, PooledKey> = new Map();
  #limitedByTokens: readonly PooledKey[] = [];
  #strategy: KeyStrategy;
  readonly #waiters: Waiters;
  /** In the order of leasing, hence of expiry. */
  readonly #leases = new Map<string, Lease>();
  readonly #refused = noRefusals();
  readonly #leasePrefix: string;
  readonly #arrivals: Arrivals;
  readonly #circuits: Circuits;
  readonly #estimates = new TokenEstimates();
  readonly #models = new ModelRecords();
  #lastIndex = -1;
  #granted = 0;
  #lateSettlements = 0;

  /**
   * `memory` outlives the pool, see {@link LimitMemory}. `leasePrefix` tells the leases of two pools apart.
   * With a `gate` each lease needs a permit of its, too; give it `demand` after each step. `random` in [0, 1) spreads the
   * trials of providers that failed.
   */
  constructor(
    specs: readonly KeySpec[],
    settings: PoolSettings,
    memory: LimitMemory = new LimitMemory(),
    leasePrefix = 'lease',
    gate: PermitGate | null = null,
    random: () => number = Math.random,
  ) {
    this.#gate = gate;
    this.#settings = settings;
    this.#leasePrefix = leasePrefix;
    this.#memory = memory;
    this.#ways = memory.ways ??= new TransitWays();
    this.#arrivals = new Arrivals(this.#ways);
    this.#circuits = new Circuits(random);
    this.#strategy = settings.strategy;
    this.#waiters = new Waiters(settings.queueSize, settings.ageingMs);
    this.#setKeys(specs);
    gate?.foresee?.((calls, now) => this.#demandOf(calls, now));
  }

  /**
   * Replaces keys, strategy and, when given, the settings. Calls in flight finish and are settled as ever; a budget that stays keeps what was spent
   * of it, and a key that comes under another name or group takes along what it spent.
   */
  configure(
    specs: readonly KeySpec[],
    strategy: KeyStrategy,
    now: number,
    settings: PoolSettings = this.#settings,
  ): { readonly summary: ConfigureSummary; readonly step: PoolStep } {
    const before = this.#keys.map((key) => key.spec);
    this.#strategy = strategy;
    this.#settings = settings;
    this.#waiters.configure(settings.queueSize, settings.ageingMs);
    this.#setKeys(specs);
    for (const { from, to } of movesOf(before, specs)) {
      this.#gate?.moved?.(budgetOf(from), budgetOf(to));
      const left = this.#memory.find(budgetOf(from));
      const entered = this.#memory.find(budgetOf(to));
      if (left === undefined || entered === undefined) continue;
      entered.calls.inherit(left.calls);
      entered.tokens.inherit(left.tokens);
      for (const lease of this.#leases.values()) lease.moved(left, entered);
    }
    this.#memory.forget(new Set(specs.map(budgetOf)), now);
    this.#ways.keep(new Set(specs.map((spec) => spec.baseUrl)));
    this.#circuits.keep(specs);
    this.#estimates.keep(specs);
    this.#models.keep(specs);
    return { summary: { ...changesOf(before, specs), strategy }, step: this.advance(now) };
  }

  /** No new leases for this key while on. False in `found`: there is no such key. */
  drain(keyName: string, on: boolean, now: number): { readonly found: boolean; readonly step: PoolStep } {
    const key = this.#byName.get(keyName);
    if (key !== undefined) key.drained = on;
    return { found: key !== undefined, step: this.advance(now) };
  }

  /** Switches a key off, or on again: then a refusal by the provider is forgotten too. */
  disable(keyName: string, on: boolean, now: number): { readonly found: boolean; readonly step: PoolStep } {
    const key = this.#byName.get(keyName);
    if (key !== undefined) key.switchedOff = on;
    return { found: key !== undefined, step: this.advance(now) };
  }

  /** Every key for administration, in the order of the configuration. */
  view(now: number): readonly KeyView[] {
    const spreadMs = ({ baseUrl }: KeySpec): number | null => this.#ways.spreadMs(baseUrl, now);
    return this.#keys.map((key) => key.view(now, spreadMs(key.spec), this.#models.adaptations(key.spec)));
  }

  get state(): PoolState {
    if (!this.#keys.some((key) => key.wanted)) return 'no-keys';
    const usable = this.#keys.filter((key) => !key.disabled);
    return usable.length > 0 && usable.every((key) => !key.circuit.closed) ? 'provider-down' : 'serving';
  }

  /** Circuits that opened or closed since this was last asked. */
  circuitChanges(now: number): readonly CircuitStats[] {
    return this.#circuits.changes(now);
  }

  /** Asks for a lease. The answer is in this step or a later one. */
  request(request: LeaseRequest, now: number): PoolStep {
    const waiter: Waiter = {
      id: request.waiterId,
      priority: request.priority,
      exclude: new Set(request.exclude),
      deadline: request.deadline,
      since: now,
      tokens: request.tokens ?? ASSUMED_CALL,
    };
    this.#sizeCalls(waiter, now);
    const refusal =
      this.#refusal(waiter, now) ??
      (this.#waiters.has(waiter.id) ? 'duplicate' : this.#waiters.add(waiter) ? null : 'queue-full');
    if (refusal !== null)
      return { replies: [this.#refuse(waiter.id, refusal)], changes: [], wakeAt: this.#wakeAt(now) };
    return this.advance(now);
  }

  /** Withdraws a waiting request. One that was answered already is not touched. */
  cancel(waiterId: string, now: number): PoolStep {
    const waiter = this.#waiters.find(waiterId);
    const replies = waiter !== undefined && this.#waiters.remove(waiter) ? [this.#refuse(waiterId, 'cancelled')] : [];
    const step = this.advance(now);
    return { ...step, replies: [...replies, ...step.replies] };
  }

  /** The call under a lease left at `at`. Until this, or its settlement, it counts as if it might arrive at any time. */
  sent(leaseId: string, at: number, now: number): PoolStep {
    const lease = this.#leases.get(leaseId);
    if (lease !== undefined) this.#left(lease, Math.min(at, now));
    return this.advance(now);
  }

  /** Books how the call under a lease ended. A second settlement, or one after expiry, changes nothing and is counted. */
  settle(leaseId: string, outcome: CallOutcome, now: number, blame: Blame = 'key', ...told: Told): PoolStep {
    const [transit = null, used = null, adaptations = null] = told;
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) {
      this.#lateSettlements++;
      return this.advance(now);
    }
    this.#leases.delete(leaseId);
    const { key, mark } = lease;
    this.#models.settled(key.spec, outcome, adaptations, now);
    if (transit !== null) this.#arrivals.measured(lease, transit, now);
    if (used !== null) this.#estimates.learn(key.spec, lease.bound, used, now);
    if (outcome.kind === 'abandoned' && lease.sentAt === null) lease.refund();
    else this.#over(lease, used, now);
    const group = this.#groupOf(key);
    const before = group.map((one) => ({ key: one, status: one.status(now), until: one.cooldownUntil }));
    const restUntil = this.#watching(mark.circuit.circuit, now, () => key.settle(mark, outcome, blame, now));
    if (restUntil !== null) group.forEach((one) => one.limitUntil(restUntil));
    const changes = keyChanges(before, outcome.kind, now);
    return { ...this.advance(now), changes };
  }

  /** One failure of this key was the request's fault after all. */
  forgive(keyName: string, now: number): void {
    this.#byName.get(keyName)?.forgive(now);
  }

  /** Does what time alone brings: expires leases, refuses those who waited too long, grants what is free. */
  advance(now: number): PoolStep {
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAt > now) break;
      this.#leases.delete(id);
      this.#over(lease, null, now);
      this.#watching(lease.mark.circuit.circuit, now, () => lease.key.expire(lease.mark, now));
    }
    const replies: { waiterId: string; reply: LeaseReply }[] = [];
    let everyKeyBusy = false;
    for (const waiter of this.#waiters.inOrder()) {
      this.#sizeCalls(waiter, now);
      const refusal = this.#refusal(waiter, now);
      const grant = refusal === null && !everyKeyBusy ? this.#grant(waiter, now) : null;
      if (refusal === null && grant === null) {
        // Those behind may want a key that this one excludes. When it excludes none, nobody else can be served either, or (with a
        // call of fewer tokens) shall not be: else one that needs many would wait for ever.
        everyKeyBusy ||= waiter.exclude.size === 0;
        continue;
      }
      this.#waiters.remove(waiter);
      replies.push(
        grant === null ? this.#refuse(waiter.id, refusal ?? 'deadline') : { waiterId: waiter.id, reply: grant },
      );
    }
    return { replies, changes: [], wakeAt: this.#wakeAt(now) };
  }

  /** What could be leased now if the gate permitted it: for each budget the number of waiters that would take it. */
  demand(now: number): readonly Demand[] {
    const [first] = this.#waiters.inOrder();
    if (first === undefined) return [];
    this.#sizeCalls(first, now);
    return this.#demandOf(this.#waiters.size, now);
  }

  #demandOf(calls: number, now: number): readonly Demand[] {
    return demandOf(
      calls,
      this.#strategy,
      { keys: this.#keys, lastIndex: this.#lastIndex, now },
      this.#gate,
      leastGuardMs(this.#settings.guardMs),
    );
  }

  stats(now: number): KeyPoolStats {
    return poolStats(this.#keys, this.#strategy, this.#waiters, now, {
      inFlight: this.#leases.size,
      granted: this.#granted,
      mode: this.#gate?.mode ?? 'local',
      refused: { ...this.#refused },
      lateSettlements: this.#lateSettlements,
      permitsInHand: this.#gate?.inHand ?? 0,
      circuits: this.#circuits.stats(now),
      models: this.#models.stats(
        this.#keys.filter((key) => key.wanted).map((key) => key.spec),
        now,
      ),
    });
  }

  #setKeys(specs: readonly KeySpec[]): void {
    const last = this.#keys[this.#lastIndex]?.spec.name;
    this.#keys = specs.map((spec) => {
      const known = this.#byName.get(spec.name);
      const spending = this.#memory.spending(budgetOf(spec), budgetLimits(spec, leastGuardMs(this.#settings.guardMs)));
      spending.calls.setRamp(spec.rampMs);
      const circuit = this.#circuits.of(spec);
      if (known === undefined) return new PooledKey(spec, spending, circuit, this.#settings, this.#gate);
      known.reconfigure(spec, spending, circuit);
      known.settings = this.#settings;
      return known;
    });
    for (const [position, key] of this.#keys.entries()) key.position = position;
    this.#byName = new Map(this.#keys.map((key) => [key.spec.name, key]));
    this.#limitedByTokens = this.#keys.filter((key) => key.spec.tpmLimit !== null);
    this.#lastIndex = this.#keys.findIndex((key) => key.spec.name === last);
  }

  /** From here on it is asked when a call of this waiter could go out. */
  #sizeCalls(waiter: Waiter, now: number): void {
    for (const key of this.#limitedByTokens)
      key.callTokens = this.#estimates.most(key.spec, boundWith(waiter.tokens, key.spec), now);
  }

  /** Does `work`, which may open or close this circuit, and tells the keys when it did. */
  #watching<T>(circuit: Circuit, now: number, work: () => T): T {
    const before = circuit.closed;
    const result = work();
    const keys = this.#keys.filter((key) => key.circuit === circuit);
    const usable = keys.filter((key) => !key.disabled);
    // Its last key fails: whether the keys or the provider are to blame, only a trial can tell.
    if (before && usable.length > 0 && usable.every((key) => key.fails(now))) circuit.open(now);
    if (before !== circuit.closed) for (const key of keys) key.circuitChanged(now);
    return result;
  }

  /** Why this waiter cannot be served at all; null when it can or may be. */
  #refusal(waiter: Waiter, now: number): RefusalReason | null {
    const late = waiter.deadline <= now;
    let enabled = false;
    let wanted = false;
    let down = true;
    for (const key of this.#keys) {
      if (key.disabled && !key.probeDue(now)) continue;
      enabled = true;
      if (waiter.exclude.has(key.spec.name)) continue;
      wanted = true;
      down &&= !key.circuit.closed;
      // Time is the only thing that brings a permit, so a deadline before the earliest one is known to be missed.
      if (!late && key.possibleAt(now) < waiter.deadline) return null;
    }
    if (wanted) return down ? 'provider-down' : 'deadline';
    if (late) return 'deadline';
    return enabled ? 'tried-all' : 'no-keys';
  }

  #grant(waiter: Waiter, now: number): LeaseGrant | null {
    const isFree = (one: PooledKey): boolean =>
      !waiter.exclude.has(one.spec.name) && (one.availableAt(now) ?? Infinity) <= now;
    // A refused key would never be tried again by a strategy that prefers others, so a due trial goes first.
    const probe = this.#keys.find((one) => one.probeDue(now) && isFree(one));
    const key = probe ?? chooseKey(this.#strategy, isFree, { keys: this.#keys, lastIndex: this.#lastIndex, now });
    if (key === undefined) return null;
    const mark = key.lease(now);
    this.#lastIndex = key.position;
    this.#granted++;
    const leaseId = `${this.#leasePrefix}-${this.#granted}`;
    const ticket = this.#gate?.take(key.budget, now, key.callTokens) ?? null;
    const bound = boundWith(waiter.tokens, key.spec);
    const hold = key.spending.tokens.reserve(this.#estimates.most(key.spec, bound, now));
    const expiresAt = now + this.#settings.leaseMs;
    this.#leases.set(leaseId, new Lease({ key, mark, windows: key.windows, hold, ticket, bound, expiresAt }));
    return grantOf(key.spec, leaseId, now, mark.trial || mark.circuit.trial);
  }

  /** Tells the windows once when the lease's call left, or by when it must have. */
  #left(lease: Lease, at: number): void {
    const { guardMs } = this.#settings;
    lease.left(at, at + Math.min(MOST_AHEAD_MS, guardMs - leastGuardMs(guardMs)));
  }

  #over(lease: Lease, used: CallTokens | null, now: number): void {
    this.#left(lease, now);
    lease.over(used === null ? null : used.prompt + used.completion, now);
  }

  #refuse(waiterId: string, reason: RefusalReason): { waiterId: string; reply: LeaseReply } {
    this.#refused[reason]++;
    return {
      waiterId,
      reply: { kind: 'refused', reason, message: REFUSAL_MESSAGES[reason], keysWanted: this.state !== 'no-keys' },
    };
  }

  #groupOf(key: PooledKey): readonly PooledKey[] {
    const { quotaGroup } = key.spec;
    return quotaGroup === null ? [key] : this.#keys.filter((other) => other.spec.quotaGroup === quotaGroup);
  }

  /** The next moment at which `advance` could change something. */
  #wakeAt(now: number): number | null {
    let wake = Infinity;
    const oldest = this.#leases.values().next().value;
    if (oldest !== undefined) wake = oldest.expiresAt;
    let everyKeyBusy = false;
    for (const waiter of this.#waiters.inOrder()) {
      wake = Math.min(wake, waiter.deadline);
      // As in `advance`: those behind one that takes any key wait for it.
      if (everyKeyBusy) continue;
      everyKeyBusy = waiter.exclude.size === 0;
      this.#sizeCalls(waiter, now);
      for (const key of this.#keys)
        if (!waiter.exclude.has(key.spec.name)) wake = Math.min(wake, key.availableAt(now) ?? Infinity);
    }
    return wake === Infinity ? null : wake;
  }
}
