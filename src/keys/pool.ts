import type { KeyStrategy } from './config.schema.ts';
import type { KeySpec } from './config.ts';
import { TransitGuards, type TransitSample } from './guard.ts';
import { budgetOf, type LeaseMark, PooledKey } from './key.ts';
import { LimitMemory, type SlidingWindows } from './limits.ts';
import { changesOf, limitsOf, movesOf } from './live.ts';
import type { Blame, CallOutcome } from './outcome.ts';
import type { ConfigureSummary, KeyChange, KeyPoolStats, KeyView, LeaseGrant, LeaseReply, LeaseRequest, PoolSettings, PoolStep, RefusalReason } from './pool.types.ts';
import { poolStats } from './pool-stats.ts';
import type { Demand, PermitGate, Ticket } from './shared/gate.ts';
import { chooseKey } from './strategy.ts';
import { Waiters, type Waiter } from './waiters.ts';

const MESSAGE: Readonly<Record<RefusalReason, string>> = {
  'no-keys': 'no API key is enabled: see GET /api/scheduler/stats for the reason of each',
  'tried-all': 'every enabled API key was tried for this task',
  deadline: 'no API key came free before the deadline',
  'queue-full': 'too many requests wait for an API key',
  cancelled: 'the request for an API key was withdrawn',
  duplicate: 'a request of this id waits for an API key already',
};

/** Below the jitter of a timer and of a thread that gets its turn late nothing can be told apart. */
const LEAST_GUARD_MS = 5;
/** Windows take a call further ahead than this for a clock that was set back. */
const MOST_AHEAD_MS = 4_000;

interface Lease {
  readonly key: PooledKey;
  readonly mark: LeaseMark;
  /** Where its call counts; more than one when the key came to another budget meanwhile. */
  readonly windows: SlidingWindows[];
  /** The permit of other nodes; null when this process decides alone. */
  readonly ticket: Ticket | null;
  /** When its call left, as the windows know; null while they do not. */
  sentAt: number | null;
  /** Where the windows count it: the latest it can arrive, but for the least guard. */
  countedAt: number;
  readonly expiresAt: number;
}

/** A call of which it is known when it arrived. */
interface Answered {
  readonly lease: Lease;
  readonly endpoint: string;
  readonly sentAt: number;
  readonly transit: TransitSample;
}

/** Calls kept to be corrected when a faster way becomes known: as long as the longest window, and bounded. */
const ANSWERED_MS = 61_000;
const MOST_ANSWERED = 2_000;

/**
 * The key pool as a state machine: every call takes the time and returns whom to answer and when to wake up. It has no
 * timers and does no I/O; the actor around it has both. Several calls may be in flight on one key: the limits are
 * rates.
 */
export class KeyPool {
  readonly #settings: PoolSettings;
  readonly #memory: LimitMemory;
  readonly #guards: TransitGuards;
  readonly #gate: PermitGate | null;
  #keys: readonly PooledKey[] = [];
  #byName: ReadonlyMap<string, PooledKey> = new Map();
  #strategy: KeyStrategy;
  readonly #waiters: Waiters;
  /** In the order of leasing, hence of expiry. */
  readonly #leases = new Map<string, Lease>();
  readonly #refused: Record<RefusalReason, number> = { 'no-keys': 0, 'tried-all': 0, deadline: 0, 'queue-full': 0, cancelled: 0, duplicate: 0 };
  readonly #leasePrefix: string;
  readonly #answered: Answered[] = [];
  #lastIndex = -1;
  #granted = 0;
  #lateSettlements = 0;

  /**
   * `memory` outlives the pool, see {@link LimitMemory}. `leasePrefix` tells the leases of two pools apart.
   * With a `gate` each lease needs a permit of its, too; give it `demand` after each step.
   */
  constructor(specs: readonly KeySpec[], settings: PoolSettings, memory: LimitMemory = new LimitMemory(), leasePrefix = 'lease', gate: PermitGate | null = null) {
    this.#gate = gate;
    this.#settings = settings;
    this.#leasePrefix = leasePrefix;
    this.#memory = memory;
    this.#guards = memory.guards ??= new TransitGuards({ minMs: LEAST_GUARD_MS, maxMs: settings.guardMs });
    this.#strategy = settings.strategy;
    this.#waiters = new Waiters(settings.queueSize, settings.ageingMs);
    this.#setKeys(specs);
  }

  /**
   * Replaces keys and strategy. Calls in flight finish and are settled as ever; a budget that stays keeps what was spent
   * of it, and a key that comes under another name or group takes along what it spent.
   */
  configure(specs: readonly KeySpec[], strategy: KeyStrategy, now: number): { readonly summary: ConfigureSummary; readonly step: PoolStep } {
    const before = this.#keys.map((key) => key.spec);
    this.#strategy = strategy;
    this.#setKeys(specs);
    for (const { from, to } of movesOf(before, specs)) {
      const left = this.#memory.find(budgetOf(from));
      const entered = this.#memory.find(budgetOf(to));
      if (left === undefined || entered === undefined) continue;
      entered.inherit(left);
      for (const lease of this.#leases.values()) {
        if (lease.sentAt !== null || !lease.windows.includes(left) || lease.windows.includes(entered)) continue;
        entered.adopt();
        lease.windows.push(entered);
      }
    }
    this.#memory.forget(new Set(specs.map(budgetOf)), now);
    this.#guards.keep(new Set(specs.map((spec) => spec.baseUrl)));
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
    return this.#keys.map((key) => key.view(now, this.#guards.guardMs(key.spec.baseUrl, now)));
  }

  /** Keys that are meant to be used, whatever the provider says of them. */
  get wantedKeys(): number {
    return this.#keys.filter((key) => key.wanted).length;
  }

  /** Asks for a lease. The answer is in this step or a later one. */
  request(request: LeaseRequest, now: number): PoolStep {
    const waiter: Waiter = { id: request.waiterId, priority: request.priority, exclude: new Set(request.exclude), deadline: request.deadline, since: now };
    const refusal = this.#refusal(waiter, now) ?? (this.#waiters.has(waiter.id) ? 'duplicate' : this.#waiters.add(waiter) ? null : 'queue-full');
    if (refusal !== null) return { replies: [this.#refuse(waiter.id, refusal)], changes: [], wakeAt: this.#wakeAt(now) };
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
  settle(leaseId: string, outcome: CallOutcome, now: number, blame: Blame = 'key', transit: TransitSample | null = null): PoolStep {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) {
      this.#lateSettlements++;
      return this.advance(now);
    }
    this.#leases.delete(leaseId);
    if (transit !== null && lease.sentAt !== null) this.#measured(lease, lease.sentAt, transit, now);
    if (outcome.kind === 'abandoned' && lease.sentAt === null) {
      lease.windows.forEach((windows) => windows.refund());
      lease.ticket?.refund();
    }
    else this.#left(lease, now);
    const group = this.#groupOf(lease.key);
    const earlier = group.map((key) => ({ key, status: key.status(now), until: key.cooldownUntil }));
    const restUntil = lease.key.settle(lease.mark, outcome, blame, now);
    if (restUntil !== null) group.forEach((key) => key.coolUntil(restUntil));
    const changes = earlier.flatMap(({ key, status, until }): KeyChange[] => {
      const changed = key.status(now);
      if (status === 'disabled' && changed !== 'disabled') return [{ keyName: key.spec.name, status: 'available', cause: outcome.kind, until: null }];
      if (changed === 'disabled' && status !== 'disabled') return [{ keyName: key.spec.name, status: changed, cause: outcome.kind, until: null }];
      if (changed === 'cooling' && key.cooldownUntil > until) return [{ keyName: key.spec.name, status: changed, cause: outcome.kind, until: key.cooldownUntil }];
      return [];
    });
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
      this.#left(lease, now);
      lease.key.expire(lease.mark);
    }
    const replies: { waiterId: string; reply: LeaseReply }[] = [];
    let everyKeyBusy = false;
    for (const waiter of this.#waiters.inOrder()) {
      const refusal = this.#refusal(waiter, now);
      const grant = refusal === null && !everyKeyBusy ? this.#grant(waiter, now) : null;
      if (refusal === null && grant === null) {
        // Those behind may want a key that this one excludes; when it excludes none, nobody else can be served either.
        everyKeyBusy ||= waiter.exclude.size === 0;
        continue;
      }
      this.#waiters.remove(waiter);
      replies.push(grant === null ? this.#refuse(waiter.id, refusal ?? 'deadline') : { waiterId: waiter.id, reply: grant });
    }
    return { replies, changes: [], wakeAt: this.#wakeAt(now) };
  }

  /** What could be leased now if the gate permitted it: for each budget the number of waiters that would take it. */
  demand(now: number): readonly Demand[] {
    if (this.#waiters.size === 0) return [];
    const wanted = new Map<string, Demand>();
    let open = this.#waiters.size;
    for (const key of this.#inTurn(now)) {
      if (open <= 0) break;
      if (wanted.has(key.budget)) continue;
      wanted.set(key.budget, { budget: key.budget, limits: limitsOf(key.spec), guardMs: this.#guards.leastMs, count: key.onTrial ? 1 : Math.min(open, key.spec.qpsLimit) });
      open -= key.onTrial ? 1 : key.spec.qpsLimit;
    }
    return [...wanted.values()];
  }

  /** Keys that could be leased but for the gate, in the order of the strategy. */
  #inTurn(now: number): readonly PooledKey[] {
    let left = this.#keys.filter((key) => (key.availableHereAt(now) ?? Infinity) <= now && (this.#gate?.nextAt(key.budget, now) ?? now) <= now);
    const turn: PooledKey[] = [];
    let lastIndex = this.#lastIndex;
    while (left.length > 0) {
      const next = chooseKey(this.#strategy, left, { keys: this.#keys, lastIndex, now });
      if (next === undefined) break;
      turn.push(next);
      lastIndex = this.#keys.indexOf(next);
      left = left.filter((key) => key !== next);
    }
    return turn;
  }

  stats(now: number): KeyPoolStats {
    return poolStats(this.#keys, this.#strategy, this.#waiters, now, {
      inFlight: this.#leases.size,
      granted: this.#granted,
      mode: this.#gate?.mode ?? 'local',
      refused: { ...this.#refused },
      lateSettlements: this.#lateSettlements,
    });
  }

  #setKeys(specs: readonly KeySpec[]): void {
    const last = this.#keys[this.#lastIndex]?.spec.name;
    this.#keys = specs.map((spec) => {
      const known = this.#byName.get(spec.name);
      const windows = this.#windowsOf(spec);
      if (known === undefined) return new PooledKey(spec, windows, this.#settings, this.#gate);
      known.reconfigure(spec, windows);
      return known;
    });
    this.#byName = new Map(this.#keys.map((key) => [key.spec.name, key]));
    this.#lastIndex = this.#keys.findIndex((key) => key.spec.name === last);
  }

  #windowsOf(spec: KeySpec): SlidingWindows {
    const windows = this.#memory.windows(budgetOf(spec), limitsOf(spec), this.#guards.leastMs);
    windows.setRamp(spec.rampMs);
    return windows;
  }

  /** What the answer told of the way there: for the guard, and for when this call, and those before it, arrived. */
  #measured(lease: Lease, sentAt: number, transit: TransitSample, now: number): void {
    const endpoint = lease.key.spec.baseUrl;
    const before = this.#fastest(endpoint, now);
    this.#guards.add(endpoint, transit, sentAt, now);
    const made: Answered = { lease, endpoint, sentAt, transit };
    this.#answered.push(made);
    if (this.#answered.length > MOST_ANSWERED) this.#answered.shift();
    if (before === this.#fastest(endpoint, now)) this.#correct(made, now);
    else for (const one of this.#answered) if (one.endpoint === endpoint && one.sentAt > now - ANSWERED_MS) this.#correct(one, now);
  }

  /** The fastest way to an endpoint and whether it is trusted, as one value to compare. */
  #fastest(endpoint: string, now: number): string {
    return `${this.#guards.fastestMs(endpoint, now)} ${this.#guards.spreadMs(endpoint, now) !== null}`;
  }

  #correct({ lease, endpoint, sentAt, transit }: Answered, now: number): void {
    const arrived = this.#guards.arrivedAt(endpoint, transit, sentAt, now);
    if (arrived === null || (!arrived.sure && arrived.at <= lease.countedAt)) return;
    lease.windows.forEach((windows) => windows.move(lease.countedAt, arrived.at));
    lease.ticket?.sent(arrived.at);
    lease.countedAt = arrived.at;
  }

  /** Why this waiter cannot be served at all; null when it can or may be. */
  #refusal(waiter: Waiter, now: number): RefusalReason | null {
    if (waiter.deadline <= now) return 'deadline';
    let enabled = false;
    let wanted = false;
    for (const key of this.#keys) {
      if (key.disabled && !key.probeDue(now)) continue;
      enabled = true;
      if (waiter.exclude.has(key.spec.name)) continue;
      wanted = true;
      // Time is the only thing that brings a permit, so a deadline before the earliest one is known to be missed.
      if (key.possibleAt(now) < waiter.deadline) return null;
    }
    if (!enabled) return 'no-keys';
    return wanted ? 'deadline' : 'tried-all';
  }

  #grant(waiter: Waiter, now: number): LeaseGrant | null {
    const free = this.#keys.filter((key) => !waiter.exclude.has(key.spec.name) && (key.availableAt(now) ?? Infinity) <= now);
    // A refused key would never be tried again by a strategy that prefers others, so a due trial goes first.
    const probe = free.find((one) => one.probeDue(now));
    const key = probe ?? chooseKey(this.#strategy, free, { keys: this.#keys, lastIndex: this.#lastIndex, now });
    if (key === undefined) return null;
    const mark = key.lease(now);
    this.#lastIndex = this.#keys.indexOf(key);
    this.#granted++;
    const leaseId = `${this.#leasePrefix}-${this.#granted}`;
    this.#leases.set(leaseId, { key, mark, windows: [key.windows], ticket: this.#gate?.take(key.budget, now) ?? null, sentAt: null, countedAt: 0, expiresAt: now + this.#settings.leaseMs });
    const { name, secret, baseUrl, model, responseFormat } = key.spec;
    return { kind: 'granted', leaseId, keyName: name, secret, baseUrl, model, responseFormat, grantedAt: now, trial: mark.trial };
  }

  /** Tells the windows once when the lease's call left, or by when it must have. */
  #left(lease: Lease, at: number): void {
    if (lease.sentAt !== null) return;
    lease.sentAt = at;
    lease.countedAt = at + Math.min(MOST_AHEAD_MS, this.#guards.guardMs(lease.key.spec.baseUrl, at) - this.#guards.leastMs);
    lease.windows.forEach((windows) => windows.sent(lease.countedAt));
    lease.ticket?.sent(lease.countedAt);
  }

  #refuse(waiterId: string, reason: RefusalReason): { waiterId: string; reply: LeaseReply } {
    this.#refused[reason]++;
    return { waiterId, reply: { kind: 'refused', reason, message: MESSAGE[reason] } };
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
    if (this.#waiters.size > 0) {
      const available = this.#keys.map((key) => key.availableAt(now) ?? Infinity);
      const earliest = Math.min(...available);
      for (const waiter of this.#waiters.inOrder()) {
        const key = waiter.exclude.size === 0 ? earliest : this.#earliestFor(waiter, available);
        wake = Math.min(wake, waiter.deadline, key);
      }
    }
    return wake === Infinity ? null : wake;
  }

  #earliestFor(waiter: Waiter, available: readonly number[]): number {
    return this.#keys.reduce((found, key, index) => (waiter.exclude.has(key.spec.name) ? found : Math.min(found, available[index] ?? Infinity)), Infinity);
  }
}
