import { budgetOf, sameAccess } from './account.ts';
import type { Circuit, CircuitMark } from './circuit.ts';
import { boundedWaitMs, cooldownMs, FailureRate, rateLimitCooldownMs } from './cooldown.ts';
import type { KeySpec } from './key-config.ts';
import { KeyCounts } from './key-counts.ts';
import { MINUTE_MS, SECOND_MS, type SlidingWindows, type Spending } from './limits.ts';
import type { Blame, CallOutcome } from './outcome.ts';
import { entryView } from './key-view.ts';
import { Probation, refusalReason, type TrialMark } from './probation.ts';
import type { PermitGate } from './shared/gate.ts';
import type { KeyStats, KeyStatus, KeyView, PoolSettings } from './pool.types.ts';

const iso = (at: number): string => new Date(at).toISOString();

/** Outcomes by which the provider shows that it serves the key. */
const PROVES: ReadonlySet<CallOutcome['kind']> = new Set([
  'ok',
  'unreadable',
  'content-refused',
  'rejected-request',
  'stepped-down',
]);

/** What the key has to know of a lease when it ends. */
export interface LeaseMark extends TrialMark {
  readonly circuit: CircuitMark;
}

/** One key's life: its state, its counts, and what each outcome does to them. No timers, no I/O. */
export class PooledKey {
  #spec: KeySpec;
  #budget: string;
  #spending: Spending;
  #circuit: Circuit;
  /** Tokens that the next call is taken to need at most. */
  callTokens = 0;
  /** Its place in the configuration. */
  position = 0;
  #drained = false;
  #switchedOff = false;
  #settings: PoolSettings;
  readonly #rate = new FailureRate();
  #inFlight = 0;
  #cooldownUntil = 0;
  /** The part of it that a 429 asked for; the rest is for failures that may be the provider's. */
  #limitedUntil = 0;
  readonly #probation = new Probation();
  #consecutiveFailures = 0;
  #lastUsedAt = 0;
  readonly #counts = new KeyCounts();
  readonly #gate: PermitGate | null;

  constructor(
    spec: KeySpec,
    spending: Spending,
    circuit: Circuit,
    settings: PoolSettings,
    gate: PermitGate | null = null,
  ) {
    this.#gate = gate;
    this.#spec = spec;
    this.#budget = budgetOf(spec);
    this.#spending = spending;
    this.#circuit = circuit;
    this.#settings = settings;
  }

  get spec(): KeySpec {
    return this.#spec;
  }

  get windows(): SlidingWindows {
    return this.#spending.calls;
  }

  get spending(): Spending {
    return this.#spending;
  }

  get circuit(): Circuit {
    return this.#circuit;
  }

  /** For what is decided from now on. */
  set settings(settings: PoolSettings) {
    this.#settings = settings;
  }

  /** Goes on under a changed entry. Another secret or endpoint is judged afresh; counts stay. */
  reconfigure(spec: KeySpec, spending: Spending, circuit: Circuit): void {
    if (!sameAccess(this.#spec, spec)) {
      this.#probation.pass();
      this.#cooldownUntil = 0;
      this.#limitedUntil = 0;
      this.#consecutiveFailures = 0;
    }
    this.#spec = spec;
    this.#budget = budgetOf(spec);
    this.#spending = spending;
    this.#circuit = circuit;
  }

  /** An operator's wish: no new leases, calls in flight finish. */
  set drained(on: boolean) {
    this.#drained = on;
  }

  get drained(): boolean {
    return this.#drained;
  }

  /** An operator's wish: the key is off, whatever its entry says. Switched on again, the provider's refusal is forgotten. */
  set switchedOff(on: boolean) {
    this.#switchedOff = on;
    if (!on) this.#probation.forgetRefusal();
  }

  get switchedOff(): boolean {
    return this.#switchedOff;
  }

  /** Meant to be used by its entry and by the operator, whatever the provider says of it. */
  get wanted(): boolean {
    return this.#spec.enabled && !this.#drained && !this.#switchedOff;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get lastUsedAt(): number {
    return this.#lastUsedAt;
  }

  get disabled(): boolean {
    return !this.wanted || this.#probation.refusal !== null;
  }

  get cooldownUntil(): number {
    return this.#cooldownUntil;
  }

  status(now: number): KeyStatus {
    if (this.disabled) return 'disabled';
    if (now < this.#cooldownUntil) return 'cooling';
    return this.#inFlight > 0 ? 'in_use' : 'available';
  }

  /** Earliest moment a lease can be had; null when only an event (not time) can bring it. */
  availableAt(now: number): number | null {
    const here = this.availableHereAt(now);
    if (here === null || this.#gate === null) return here;
    const permitted = this.#gate.nextAt(this.budget, now, this.callTokens);
    // The gate is asked only for what could be used here: with nothing in hand, the moment to ask is when it can be.
    if (permitted === null) return here > now ? here : null;
    return Math.max(here, permitted);
  }

  /** Name of the budget it draws on. */
  get budget(): string {
    return this.#budget;
  }

  /** As `availableAt`, as far as this process alone decides. */
  availableHereAt(now: number): number | null {
    if (!this.wanted || (this.onTrial && this.#probation.trialOpen)) return null;
    if (this.#spec.maxInFlight !== null && this.#inFlight >= this.#spec.maxInFlight) return null;
    const circuitAt = this.#circuit.nextAt(now);
    const callAt = circuitAt === null ? null : this.windows.nextAt(now);
    const tokensAt = callAt === null ? null : this.#spending.tokens.nextAt(now, this.callTokens);
    return callAt === null || tokensAt === null || circuitAt === null
      ? null
      : Math.max(this.#restsUntil, callAt, tokensAt, circuitAt);
  }

  /** No lease can come before this, whatever becomes of the calls in flight. */
  possibleAt(now: number): number {
    return Math.max(
      this.#restsUntil,
      this.windows.possibleAt(now),
      this.#spending.tokens.possibleAt(now, this.callTokens),
      this.#circuit.possibleAt(now),
    );
  }

  /** Serves only one call at a time now, to prove itself. */
  get onTrial(): boolean {
    return this.#probation.onTrial;
  }

  /** Serves only one call at a time now, for its own sake or the provider's. */
  get oneAtATime(): boolean {
    return this.onTrial || !this.#circuit.closed;
  }

  /** Rests for failures that may be the provider's, or tries its first call after. */
  fails(now: number): boolean {
    return this.#cooldownUntil > Math.max(now, this.#limitedUntil);
  }

  /** Refused by the provider, and due to be tried again. */
  probeDue(now: number): boolean {
    const { refusal, trialOpen } = this.#probation;
    return this.wanted && refusal !== null && !trialOpen && refusal.probeAt <= now;
  }

  /** Takes a permit. Only after `availableAt(now) <= now`. */
  lease(now: number): LeaseMark {
    const permit = this.windows.take(now);
    if (!permit.granted) throw new Error(`key "${this.#spec.name}" has no permit now`);
    this.#inFlight++;
    this.#lastUsedAt = now;
    return { ...this.#probation.begin(), circuit: this.#circuit.begin() };
  }

  expire(mark: LeaseMark, now: number): void {
    this.#inFlight--;
    this.#counts.expired++;
    mark.circuit.circuit.lost(mark.circuit, now);
    this.#probation.end(mark);
  }

  /**
   * Books the end of a call. Returns the moment until which the whole budget must rest (a 429 concerns every key of a
   * quota group), or null. Only the success of a trial ends a probation and enables a refused key; one of a call leased
   * before never does. With `blame` on the request a time-out or a server's error is counted but does not speak against
   * the key.
   */
  settle(mark: LeaseMark, outcome: CallOutcome, blame: Blame, now: number): number | null {
    this.#inFlight--;
    const trial = this.#probation.end(mark);
    if (trial && PROVES.has(outcome.kind)) this.#probation.pass();
    // A failed trial of any kind waits longer for the next; one that was given up says nothing.
    else if (trial && outcome.kind !== 'abandoned') this.#probation.failed(now);
    this.#counts.add(outcome.kind);
    const { circuit } = mark.circuit;
    // While the provider fails, failures say nothing about the key.
    const counts = circuit.counts(mark.circuit);
    circuit.end(mark.circuit, outcome.kind, now);
    switch (outcome.kind) {
      case 'abandoned':
        return null;
      case 'ok':
      case 'unreadable':
      case 'content-refused':
      case 'rejected-request':
      case 'stepped-down':
        this.#proved(now);
        return null;
      case 'rejected-key':
      case 'misconfigured':
        this.#probation.refuse(refusalReason(outcome), now);
        return null;
      case 'rate-limited': {
        this.#rate.add(true, now);
        const until =
          now +
          rateLimitCooldownMs(
            this.#settings.cooldown,
            this.#rate.rate(now),
            outcome.retryAfterMs,
            outcome.limit ?? 'rate',
          );
        this.limitUntil(until);
        return until;
      }
      case 'timeout':
      case 'server-error':
      case 'network': {
        if (blame === 'key' && counts) this.#fail(now);
        const waitMs = outcome.kind === 'server-error' ? (outcome.retryAfterMs ?? null) : null;
        if (waitMs === null) return null;
        const until = now + boundedWaitMs(waitMs);
        this.limitUntil(until);
        return until;
      }
    }
  }

  /** Takes one failure back: the request was to blame. */
  forgive(now: number): void {
    this.#rate.forgive(now);
    this.#consecutiveFailures = Math.max(0, this.#consecutiveFailures - 1);
  }

  /** Rests after a 429. Extends a rest, never shortens one. */
  limitUntil(until: number): void {
    this.#limitedUntil = Math.max(this.#limitedUntil, until);
    this.#coolUntil(until);
  }

  /** The provider failed, or works again: a rest for failures, and what was begun before, no longer says anything about the key. */
  circuitChanged(now: number): void {
    this.#probation.newEra();
    if (!this.#circuit.closed) return;
    this.#consecutiveFailures = 0;
    this.#cooldownUntil = this.#limitedUntil;
    if (this.#limitedUntil <= now) this.#probation.excuse();
  }

  #coolUntil(until: number): void {
    this.#cooldownUntil = Math.max(this.#cooldownUntil, until);
    this.#consecutiveFailures = 0;
    this.#probation.rest();
  }

  /** While the circuit is not closed its trials find out whether failures were the key's. */
  get #restsUntil(): number {
    return Math.max(
      this.#circuit.closed ? this.#cooldownUntil : this.#limitedUntil,
      this.#probation.refusal?.probeAt ?? 0,
    );
  }

  /** The provider answered, so the key works. */
  #proved(now: number): void {
    this.#consecutiveFailures = 0;
    this.#rate.add(false, now);
  }

  #fail(now: number): void {
    this.#rate.add(true, now);
    this.#consecutiveFailures++;
    if (this.#consecutiveFailures < this.#settings.failuresToCool) return;
    this.#coolUntil(now + cooldownMs(this.#settings.cooldown, this.#rate.rate(now)));
  }

  #disabledReason(): string | null {
    if (!this.#spec.enabled) return 'disabled in the configuration';
    if (this.#switchedOff) return 'disabled by an operator';
    if (this.#drained) return 'drained by an operator';
    return this.#probation.refusal?.reason ?? null;
  }

  /** For administration: as `stats`, with the entry's other fields. Never the secret. */
  view(now: number, spreadMs: number | null, adaptations: readonly string[]): KeyView {
    const { onTrial } = this;
    const probeAt = this.#probation.refusal?.probeAt ?? null;
    const operated = { drained: this.#drained, switched_off: this.#switchedOff };
    const learnt = {
      on_trial: onTrial,
      spread_ms: spreadMs,
      adaptations,
      probe_at: probeAt === null ? null : iso(probeAt),
    };
    return { ...this.stats(now), ...entryView(this.#spec), ...operated, ...learnt };
  }

  stats(now: number): KeyStats {
    return {
      key_id: this.#spec.name,
      status: this.status(now),
      quota_group: this.#spec.quotaGroup,
      priority: this.#spec.priority,
      model: this.#spec.model,
      ...this.#counts.stats,
      consecutive_failures: this.#consecutiveFailures,
      in_flight: this.#inFlight,
      cooldown_until: now < this.#cooldownUntil ? iso(this.#cooldownUntil) : null,
      last_used_at: this.#lastUsedAt === 0 ? null : iso(this.#lastUsedAt),
      disabled_reason: this.#disabledReason(),
      qps_limit: this.#spec.qpsLimit,
      rpm_limit: this.#spec.rpmLimit,
      used_last_second: this.windows.used(now, SECOND_MS),
      used_last_minute: this.windows.used(now, MINUTE_MS),
      tpm_limit: this.#spec.tpmLimit,
      tokens_last_minute: this.#spending.tokens.used(now),
    };
  }
}
