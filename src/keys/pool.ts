import { budgetOf } from './account.ts';
import { Arrivals } from './arrivals.ts';
import type { CircuitStats } from './circuit.ts';
import { Circuits } from './circuits.ts';
import { demandOf, type KeyTest, waitingDemand } from './demand.ts';
import type { KeyStrategy } from './key-config.schema.ts';
import type { KeySpec } from './key-config.ts';
import { KeyRoster } from './key-roster.ts';
import { keyView } from './key-view.ts';
import { PooledKey } from './key.ts';
import { noRefusals, REFUSAL_MESSAGES, refusalOf } from './lease-refusals.ts';
import { grantOf, Lease } from './lease.ts';
import { LimitMemory } from './limits.ts';
import { budgetLimits, changesOf, movesOf } from './live.ts';
import { ModelHistory } from './model-history.ts';
import type { Blame, CallOutcome } from './outcome.ts';
import { keyChanges, poolStats } from './pool-stats.ts';
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
import type { Demand, PermitGate } from './shared/gate.ts';
import { nextChangeAt } from './next-change.ts';
import { hasSpare, servesNow } from './spare.ts';
import { supplyOf, type KeySupply } from './supply.ts';
import { boundWith, TokenEstimates } from './token-estimate.ts';
import { ASSUMED_CALL, type CallTokens } from './tokens.ts';
import { leastGuardMs, TransitWays } from './transit-guard.ts';
import { takesAny, waiterOf, Waiters, type Waiter } from './waiters.ts';

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
  readonly #roster: KeyRoster;
  readonly #waiters: Waiters;
  /** In the order of leasing, hence of expiry. */
  readonly #leases = new Map<string, Lease>();
  readonly #refused = noRefusals();
  readonly #leasePrefix: string;
  readonly #arrivals: Arrivals;
  readonly #circuits: Circuits;
  readonly #estimates = new TokenEstimates();
  readonly #history = new ModelHistory();
  #granted = 0;
  #lateSettlements = 0;

  /**
   * `memory` outlives the pool, see {@link LimitMemory}. `leasePrefix` tells the leases of two pools apart. With a
   * `gate` each lease needs a permit of its, too; give it `demand` after each step. `random` in [0, 1) spreads the
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
    this.#arrivals = new Arrivals(this.#ways, settings.guardMs);
    this.#circuits = new Circuits(random);
    this.#roster = new KeyRoster(settings.strategy);
    this.#waiters = new Waiters(settings.queueSize, settings.ageingMs);
    this.#setKeys(specs);
    gate?.foresee?.((calls, now) => this.#demandOf(now, calls, ASSUMED_CALL));
  }

  /**
   * Replaces keys, strategy and, when given, the settings. Calls in flight finish and are settled as ever. A budget
   * that stays keeps what was spent of it, and a key under another name or in another group takes along what it spent.
   */
  configure(
    specs: readonly KeySpec[],
    strategy: KeyStrategy,
    now: number,
    settings: PoolSettings = this.#settings,
  ): { readonly summary: ConfigureSummary; readonly step: PoolStep } {
    const before = this.#roster.keys.map((key) => key.spec);
    this.#settings = settings;
    this.#roster.strategy = strategy;
    this.#waiters.configure(settings.queueSize, settings.ageingMs);
    this.#setKeys(specs);
    for (const { from, to } of movesOf(before, specs)) this.#moveSpending(budgetOf(from), budgetOf(to));
    this.#memory.forget(new Set(specs.map(budgetOf)), now);
    this.#arrivals.configure(settings.guardMs, new Set(specs.map((spec) => spec.baseUrl)));
    this.#circuits.keep(specs);
    this.#estimates.keep(specs);
    this.#history.keep(specs);
    return { summary: { ...changesOf(before, specs), strategy }, step: this.advance(now) };
  }

  /** No new leases for this key while on. False in `found`: there is no such key. */
  drain(keyName: string, on: boolean, now: number): { readonly found: boolean; readonly step: PoolStep } {
    return this.#operate(keyName, (key) => (key.drained = on), now);
  }

  /** Switches a key off, or on again: then a refusal by the provider is forgotten too. */
  disable(keyName: string, on: boolean, now: number): { readonly found: boolean; readonly step: PoolStep } {
    return this.#operate(keyName, (key) => (key.switchedOff = on), now);
  }

  /** Every key for administration, in the order of the configuration. */
  view(now: number): readonly KeyView[] {
    return this.#roster.keys.map((key) =>
      keyView(key, now, {
        spreadMs: this.#ways.spreadMs(key.spec.baseUrl, now),
        adaptations: this.#history.adaptations(key.spec),
      }),
    );
  }

  get state(): PoolState {
    return this.#roster.state;
  }

  /** Circuits that opened or closed since this was last asked. */
  circuitChanges(now: number): readonly CircuitStats[] {
    return this.#circuits.changes(now);
  }

  /** Asks for a lease. The answer is in this step or a later one. */
  request(request: LeaseRequest, now: number): PoolStep {
    const waiter = waiterOf(request, now);
    const refusal = this.#refusalOf(waiter, now) ?? this.#waiters.offer(waiter);
    return refusal === null
      ? this.advance(now)
      : { replies: [this.#refuse(waiter.id, refusal)], changes: [], wakeAt: this.#wakeAt(now) };
  }

  /** Withdraws a waiting request. One that was answered already is not touched. */
  cancel(waiterId: string, now: number): PoolStep {
    const waiter = this.#waiters.find(waiterId);
    const replies = waiter !== undefined && this.#waiters.remove(waiter) ? [this.#refuse(waiterId, 'cancelled')] : [];
    const step = this.advance(now);
    return { ...step, replies: [...replies, ...step.replies] };
  }

  /** The call under a lease left at `at`. Until this, or its settlement, it counts as arriving at any time. */
  sent(leaseId: string, at: number, now: number): PoolStep {
    const lease = this.#leases.get(leaseId);
    lease?.left(Math.min(at, now), this.#arrivals.aheadMs(lease, now));
    return this.advance(now);
  }

  /** This process was late by `ms`: for want of a core, or by its own work. Calls under way may be as late. */
  ownDelay(ms: number, now: number): void {
    this.#arrivals.ownDelay(ms, now);
  }

  /**
   * Books how the call under a lease ended. A second settlement, or one after expiry, changes nothing and is counted.
   */
  settle(leaseId: string, outcome: CallOutcome, now: number, blame: Blame = 'key', ...told: Told): PoolStep {
    const [transit = null, used = null, adaptations = null] = told;
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) {
      this.#lateSettlements++;
      return this.advance(now);
    }
    this.#leases.delete(leaseId);
    const { key, mark } = lease;
    const called = { baseUrl: key.spec.baseUrl, model: lease.model };
    this.#history.add(called, outcome, adaptations, now);
    if (transit !== null) this.#arrivals.measured(lease, transit, now);
    if (used !== null) this.#estimates.learn(called, lease.bound, used, now);
    if (outcome.kind === 'abandoned' && lease.sentAt === null) lease.refund();
    else lease.over(used, this.#arrivals.aheadMs(lease, now), now);
    const group = this.#roster.groupOf(key);
    const before = group.map((one) => ({ key: one, status: one.status(now), until: one.rest.until }));
    const restUntil = this.#roster.followCircuit(mark.circuit.circuit, now, () =>
      key.settle(mark, outcome, blame, now),
    );
    if (restUntil !== null) group.forEach((one) => one.limitUntil(restUntil));
    const changes = keyChanges(before, outcome.kind, now);
    return { ...this.advance(now), changes };
  }

  /** One failure of this key was the request's fault after all. */
  forgive(keyName: string, now: number): void {
    this.#roster.find(keyName)?.forgive(now);
  }

  /** Applies the passage of time: expires leases, refuses requests that waited too long, grants free keys. */
  advance(now: number): PoolStep {
    this.#expireLeases(now);
    this.#arrivals.countAnew(this.#leases.values(), now);
    const replies: { waiterId: string; reply: LeaseReply }[] = [];
    let everyKeyBusy = false;
    for (const waiter of this.#waiters.inOrder()) {
      const refusal = this.#refusalOf(waiter, now);
      const grant = refusal === null && !everyKeyBusy ? this.#grant(waiter, now) : null;
      if (refusal === null && grant === null) {
        // Waiters behind may want a key that this one excludes. When it excludes none, nobody else can be served
        // either. A call of fewer tokens could be, but shall not: else one that needs many would wait for ever.
        everyKeyBusy ||= takesAny(waiter);
        continue;
      }
      this.#waiters.remove(waiter);
      replies.push(
        grant === null ? this.#refuse(waiter.id, refusal ?? 'deadline') : { waiterId: waiter.id, reply: grant },
      );
    }
    return { replies, changes: [], wakeAt: this.#wakeAt(now) };
  }

  /** Leases that could be given now if the gate permitted them: for each budget the number that would be taken. */
  demand(now: number): readonly Demand[] {
    const mayBeServed = (waiter: Waiter): boolean => this.#mayBeServed(waiter, now);
    return waitingDemand(this.#waiters, mayBeServed, (...calls) => this.#demandOf(now, ...calls));
  }

  /** The calls that the keys allow now, of `answerMs` each. `only`: the names of those that may serve; default all. */
  supply(answerMs: number, now: number, only?: readonly string[]): KeySupply {
    return supplyOf(this.#roster.keys, { guardMs: leastGuardMs(this.#settings.guardMs), answerMs, only, now });
  }

  stats(now: number): KeyPoolStats {
    const { keys, strategy } = this.#roster;
    return poolStats(keys, strategy, this.#waiters, now, {
      inFlight: this.#leases.size,
      granted: this.#granted,
      mode: this.#gate?.mode ?? 'local',
      refused: { ...this.#refused },
      lateSettlements: this.#lateSettlements,
      permitsInHand: this.#gate?.inHand ?? 0,
      circuits: this.#circuits.stats(now),
      models: this.#history.stats(
        keys.filter((key) => key.wanted).map((key) => key.spec),
        now,
      ),
    });
  }

  #setKeys(specs: readonly KeySpec[]): void {
    const guardMs = leastGuardMs(this.#settings.guardMs);
    const keys = specs.map((spec) => {
      const known = this.#roster.find(spec.name);
      const spending = this.#memory.spending(budgetOf(spec), budgetLimits(spec, guardMs));
      spending.calls.setRamp(spec.rampMs);
      const circuit = this.#circuits.of(spec);
      if (known === undefined) return new PooledKey(spec, spending, circuit, this.#settings, this.#gate);
      known.reconfigure(spec, spending, circuit);
      known.settings = this.#settings;
      return known;
    });
    this.#roster.set(keys);
  }

  /** A key draws on another budget now: its spending of the first counts in the other as well. */
  #moveSpending(from: string, to: string): void {
    this.#gate?.moved?.(from, to);
    const left = this.#memory.find(from);
    const entered = this.#memory.find(to);
    if (left === undefined || entered === undefined) return;
    entered.calls.inherit(left.calls);
    entered.tokens.inherit(left.tokens);
    for (const lease of this.#leases.values()) lease.moved(left, entered);
  }

  #demandOf(now: number, waiting: number, bound: CallTokens, usable?: KeyTest): readonly Demand[] {
    return demandOf({
      waiting,
      usable,
      roster: this.#roster,
      gate: this.#gate,
      tokensWith: this.#estimates.tokensWith(bound, now),
      guardMs: leastGuardMs(this.#settings.guardMs),
      now,
    });
  }

  #expireLeases(now: number): void {
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAt > now) return;
      this.#leases.delete(id);
      lease.over(null, this.#arrivals.aheadMs(lease, now), now);
      this.#roster.followCircuit(lease.mark.circuit.circuit, now, () => lease.key.expire(lease.mark, now));
    }
  }

  #operate(keyName: string, change: (key: PooledKey) => void, now: number): { found: boolean; step: PoolStep } {
    const key = this.#roster.find(keyName);
    if (key !== undefined) change(key);
    return { found: key !== undefined, step: this.advance(now) };
  }

  /** Why this waiter cannot be served at all; null when it can or may be. */
  #refusalOf(waiter: Waiter, now: number): RefusalReason | null {
    return refusalOf(waiter, this.#roster.keys, this.#estimates.tokensWith(waiter.tokens, now, waiter.model), now);
  }

  /** A request for a spare call waits behind all others, and for room that nobody misses. */
  #mayBeServed({ spareOf: sharers }: Waiter, now: number): boolean {
    const guardMs = leastGuardMs(this.#settings.guardMs);
    return sharers === null || (!this.#waiters.pressing && hasSpare(this.#roster.keys, { sharers, guardMs, now }));
  }

  #grant(waiter: Waiter, now: number): LeaseGrant | null {
    if (!this.#mayBeServed(waiter, now)) return null;
    const tokensWith = this.#estimates.tokensWith(waiter.tokens, now, waiter.model);
    const key = this.#roster.choose((one) => servesNow(one, waiter, tokensWith(one), now), now);
    if (key === undefined) return null;
    const mark = key.lease(now);
    this.#roster.leased(key);
    const leaseId = `${this.#leasePrefix}-${(this.#granted += 1)}`;
    const ticket = this.#gate?.take(key.budget, now, tokensWith(key)) ?? null;
    const bound = boundWith(waiter.tokens, key.spec);
    const model = waiter.model ?? key.spec.model;
    // Reserved without a limit, too: a limit that is set later then knows the minute before.
    const hold = key.spending.tokens.reserve(this.#estimates.most(key.spec, bound, now, model));
    const expiresAt = now + this.#settings.leaseMs;
    this.#leases.set(leaseId, new Lease({ key, mark, windows: key.windows, hold, ticket, bound, model, expiresAt }));
    return grantOf(key.spec, model, leaseId, now, mark.trial || mark.circuit.trial);
  }

  #refuse(waiterId: string, reason: RefusalReason): { waiterId: string; reply: LeaseReply } {
    this.#refused[reason]++;
    const keysWanted = this.state !== 'no-keys';
    return { waiterId, reply: { kind: 'refused', reason, message: REFUSAL_MESSAGES[reason], keysWanted } };
  }

  /** The next moment at which `advance` could change something. */
  #wakeAt(now: number): number | null {
    const { keys } = this.#roster;
    const expiresAt = this.#leases.values().next().value?.expiresAt ?? null;
    return nextChangeAt({ expiresAt, waiters: this.#waiters, keys, estimates: this.#estimates, now });
  }
}
