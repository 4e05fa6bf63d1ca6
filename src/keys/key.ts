import { budgetOf, sameAccess } from './account.ts';
import type { Circuit, CircuitMark } from './circuit.ts';
import { requestedWaitMs } from './cooldown.ts';
import type { KeySpec } from './key-config.ts';
import { KeyCounts } from './key-counts.ts';
import { KeyRest } from './key-rest.ts';
import type { Spending } from './limits.ts';
import type { Blame, CallOutcome } from './outcome.ts';
import type { KeyStatus, PoolSettings } from './pool.types.ts';
import { Probation, refusalReason, type TrialMark } from './probation.ts';
import type { PermitGate } from './shared/gate.ts';
import type { SlidingWindows } from './sliding-windows.ts';

/** Outcomes by which the provider shows that it serves the key. */
const SERVED: ReadonlySet<CallOutcome['kind']> = new Set([
  'ok',
  'unreadable',
  'content-refused',
  'rejected-request',
  'stepped-down',
]);

/** Failures that may be those of the model that a release tries out. */
const OF_CANDIDATE: ReadonlySet<CallOutcome['kind']> = new Set(['timeout', 'server-error', 'misconfigured']);
const SAYS_NOTHING: CallOutcome = { kind: 'abandoned', message: 'a candidate failed, which says nothing of the key' };

/** Failures that may be the key's or the provider's. */
const FAILED: ReadonlySet<CallOutcome['kind']> = new Set(['timeout', 'server-error', 'network']);

/** The part of a lease that its key needs at the end. */
export interface LeaseMark extends TrialMark {
  readonly circuit: CircuitMark;
}

/** One key: when it can be leased, and what each outcome does to it. No timers, no I/O. */
export class PooledKey {
  #spec: KeySpec;
  #budget: string;
  #spending: Spending;
  #circuit: Circuit;
  /** Place in the configuration. */
  position = 0;
  #drained = false;
  #switchedOff = false;
  #settings: PoolSettings;
  readonly #gate: PermitGate | null;
  readonly counts = new KeyCounts();
  readonly #rest = new KeyRest();
  readonly #probation = new Probation();
  #inFlight = 0;
  #lastUsedAt = 0;

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

  /** Name of the budget it draws on. */
  get budget(): string {
    return this.#budget;
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

  get rest(): Pick<KeyRest, 'until' | 'consecutiveFailures'> {
    return this.#rest;
  }

  /** The provider's refusal of the key; null while it accepts it. */
  get refusal(): Probation['refusal'] {
    return this.#probation.refusal;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Epoch ms; 0 before the first lease. */
  get lastUsedAt(): number {
    return this.#lastUsedAt;
  }

  /** For decisions from now on. */
  set settings(settings: PoolSettings) {
    this.#settings = settings;
  }

  /** Goes on under a changed entry. Another secret or endpoint starts with a clean slate; counts stay. */
  reconfigure(spec: KeySpec, spending: Spending, circuit: Circuit): void {
    if (!sameAccess(this.#spec, spec)) {
      this.#probation.pass();
      this.#rest.reset();
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

  /** An operator's wish: the key is off, whatever its entry says. Switching it on forgets the provider's refusal. */
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

  get disabled(): boolean {
    return !this.wanted || this.#probation.refusal !== null;
  }

  status(now: number): KeyStatus {
    if (this.disabled) return 'disabled';
    if (now < this.#rest.until) return 'cooling';
    return this.#inFlight > 0 ? 'in_use' : 'available';
  }

  /** Earliest moment a call of so many tokens can be leased; null when only an event (not time) can bring it. */
  availableAt(now: number, tokens: number): number | null {
    const here = this.availableHereAt(now, tokens);
    if (here === null || this.#gate === null) return here;
    const permitted = this.#gate.nextAt(this.budget, now, tokens);
    // The gate is asked only for what could be used here: with nothing in hand, the moment to ask is when it can be.
    if (permitted === null) return here > now ? here : null;
    return Math.max(here, permitted);
  }

  /** As `availableAt`, as far as this process alone decides. */
  availableHereAt(now: number, tokens: number): number | null {
    if (!this.wanted || (this.onTrial && this.#probation.trialOpen)) return null;
    if (this.#spec.maxInFlight !== null && this.#inFlight >= this.#spec.maxInFlight) return null;
    const circuitAt = this.#circuit.nextAt(now);
    const callAt = circuitAt === null ? null : this.windows.nextAt(now);
    const tokensAt = callAt === null ? null : this.#spending.tokens.nextAt(now, tokens);
    return callAt === null || tokensAt === null || circuitAt === null
      ? null
      : Math.max(this.#restsUntil, callAt, tokensAt, circuitAt);
  }

  /** No lease for a call of so many tokens can come before this, whatever becomes of the calls in flight. */
  possibleAt(now: number, tokens: number): number {
    return Math.max(
      this.#restsUntil,
      this.windows.possibleAt(now),
      this.#spending.tokens.possibleAt(now, tokens),
      this.#circuit.possibleAt(now),
    );
  }

  /** Serves one call at a time now, to prove itself. */
  get onTrial(): boolean {
    return this.#probation.onTrial;
  }

  /** Serves one call at a time now, for its own sake or the provider's. */
  get oneAtATime(): boolean {
    return this.onTrial || !this.#circuit.closed;
  }

  /** Rests for failures that may be the provider's. */
  fails(now: number): boolean {
    return this.#rest.forFailures(now);
  }

  /** Refused by the provider, and due to be tried again. */
  probeDue(now: number): boolean {
    const { refusal, trialOpen } = this.#probation;
    return this.wanted && refusal !== null && !trialOpen && refusal.probeAt <= now;
  }

  /** Takes a permit. Only after `availableAt(now, tokens) <= now`. */
  lease(now: number): LeaseMark {
    const permit = this.windows.take(now);
    if (!permit.granted) throw new Error(`key "${this.#spec.name}" has no permit now`);
    this.#inFlight++;
    this.#lastUsedAt = now;
    return { ...this.#probation.begin(), circuit: this.#circuit.begin() };
  }

  /** Nobody settled a lease in time. */
  expire(mark: LeaseMark, now: number): void {
    this.#inFlight--;
    this.counts.expired++;
    mark.circuit.circuit.lost(mark.circuit, now);
    this.#probation.end(mark);
  }

  /**
   * Books the end of a call. Returns the moment until which the whole budget must rest (a 429 concerns every key of a
   * quota group), or null. Only the success of a trial ends a probation and enables a refused key; one of a call leased
   * before never does. With `blame` on the request a time-out or a server's error is counted but does not speak against
   * the key; with `candidate` it is as if the call had been given up.
   */
  settle(mark: LeaseMark, ended: CallOutcome, blame: Blame, now: number): number | null {
    this.#inFlight--;
    this.counts.add(ended.kind);
    const outcome = blame === 'candidate' && OF_CANDIDATE.has(ended.kind) ? SAYS_NOTHING : ended;
    this.#endTrial(mark, outcome, now);
    const { circuit } = mark.circuit;
    // While the provider fails, failures say nothing about the key.
    const countsForKey = blame === 'key' && circuit.counts(mark.circuit);
    circuit.end(mark.circuit, outcome.kind, now);
    if (SERVED.has(outcome.kind)) this.#rest.answered(now);
    else if (FAILED.has(outcome.kind) && countsForKey) this.#fail(now);

    if (outcome.kind === 'rejected-key' || outcome.kind === 'misconfigured')
      this.#probation.refuse(refusalReason(outcome), now);
    if (outcome.kind === 'rate-limited') return this.limitUntil(this.#rest.limitReached(outcome, this.#settings, now));
    if (outcome.kind === 'server-error' && outcome.retryAfterMs !== undefined)
      return this.limitUntil(now + requestedWaitMs(outcome.retryAfterMs));
    return null;
  }

  /** Takes one failure back: the request was to blame. */
  forgive(now: number): void {
    this.#rest.forgive(now);
  }

  /** Rests until then at least, because the provider asked for it. Returns `until`. */
  limitUntil(until: number): number {
    this.#rest.limitUntil(until);
    this.#probation.rest();
    return until;
  }

  /** The provider failed, or works again: rests for failures, and calls begun before, say nothing about the key. */
  circuitChanged(now: number): void {
    this.#probation.newEra();
    if (!this.#circuit.closed) return;
    this.#rest.excuse();
    if (this.#rest.until <= now) this.#probation.excuse();
  }

  /** While the circuit is not closed, its trials find out whether failures were the key's. */
  get #restsUntil(): number {
    return Math.max(
      this.#circuit.closed ? this.#rest.until : this.#rest.limitedUntil,
      this.#probation.refusal?.probeAt ?? 0,
    );
  }

  #endTrial(mark: LeaseMark, { kind }: CallOutcome, now: number): void {
    const trial = this.#probation.end(mark);
    if (trial && SERVED.has(kind)) this.#probation.pass();
    // Any failed trial waits longer for the next; one that was given up says nothing.
    else if (trial && kind !== 'abandoned') this.#probation.failed(now);
  }

  #fail(now: number): void {
    if (this.#rest.failed(this.#settings, now)) this.#probation.rest();
  }
}
