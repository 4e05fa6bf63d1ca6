import type { CallOutcomeKind } from './outcome.ts';

/**
 * - `closed`: calls go on.
 * - `open`: the provider fails; no call goes out before `retryAt`.
 * - `half-open`: one call at a time goes out as a trial, and what becomes of it decides.
 */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitStats {
  /** Quota group or model, and the endpoint. */
  readonly group: string;
  readonly state: CircuitState;
  /** When it last opened or closed; ISO 8601 UTC, null: closed since the start. */
  readonly since: string | null;
  /** Failures of the provider since a call was last answered. */
  readonly failures: number;
  /** When the next trial may go out; ISO 8601 UTC, null while closed. */
  readonly retryAt: string | null;
}

/** A lease's part in its circuit. */
export interface CircuitMark {
  readonly circuit: Circuit;
  readonly era: number;
  readonly trial: boolean;
}

/** The verdict of a call's end on the provider; `silent`: none (429, a refused key, given up). */
type Verdict = 'works' | 'fails' | 'silent';
const VERDICT: Readonly<Record<CallOutcomeKind, Verdict>> = {
  ok: 'works',
  unreadable: 'works',
  'content-refused': 'works',
  'rejected-request': 'works',
  'stepped-down': 'works',
  misconfigured: 'silent',
  timeout: 'fails',
  'server-error': 'fails',
  network: 'fails',
  'rate-limited': 'silent',
  'rejected-key': 'silent',
  abandoned: 'silent',
};

/** Weight that earlier outcomes keep with each new one: the newest 14 or so count. */
const KEPT_PER_CALL = 0.93;
/** They also lose half of their weight in this time. */
const HALF_LIFE_MS = 60_000;
/** Weight of five fresh outcomes, nearly: with less, a share says little. */
const LEAST_WEIGHT = 4;
const FAILING_SHARE = 0.5;

export const FIRST_RETRY_MS = 1_000;
export const LONGEST_RETRY_MS = 30_000;
/** Waits are shortened at random by up to this part, so that nodes do not come back together. */
const JITTER = 0.25;

const iso = (at: number): string => new Date(at).toISOString();

/**
 * A circuit breaker for one provider. Closed, it weighs the provider's failures against its answers and opens when half
 * or more of at least five calls fail. Open, it lets nothing out for a wait that doubles from 1 s to 30 s with each
 * failed trial, and then one trial at a time. Only an answer to a trial closes it.
 *
 * Calls leased before it opened or closed no longer count: their failures were foreseeable, and a late success says how
 * the provider was then. A trial that says nothing is followed by another at once; one that nobody settled counts as
 * failed. Pure: every call takes the time, and the random for the jitter is given.
 */
export class Circuit {
  readonly group: string;
  /** In [0, 1). */
  readonly #random: () => number;
  #failed = 0;
  #answered = 0;
  #weighedAt = 0;
  /** Failures since the last answer. */
  #failures = 0;
  /** Null while closed. */
  #retryAt: number | null = null;
  #waitMs = FIRST_RETRY_MS;
  #trialOpen = false;
  #era = 0;
  #since: number | null = null;

  constructor(group: string, random: () => number) {
    this.group = group;
    this.#random = random;
  }

  get closed(): boolean {
    return this.#retryAt === null;
  }

  state(now: number): CircuitState {
    if (this.#retryAt === null) return 'closed';
    return now < this.#retryAt ? 'open' : 'half-open';
  }

  /** Earliest moment a call may go out; null while only the end of a trial can bring it. */
  nextAt(now: number): number | null {
    return this.#trialOpen ? null : this.possibleAt(now);
  }

  /** No call can go out before this, however a trial ends. */
  possibleAt(now: number): number {
    return Math.max(now, this.#retryAt ?? now);
  }

  /** A call goes out. Only after `nextAt(now) <= now`. */
  begin(): CircuitMark {
    if (this.#trialOpen) throw new Error(`a trial of ${this.group} is under way`);
    const trial = !this.closed;
    this.#trialOpen = trial;
    return { circuit: this, era: this.#era, trial };
  }

  /** Whether the end of this call counts, and not as the answer to a trial. */
  counts(mark: CircuitMark): boolean {
    return mark.era === this.#era && !mark.trial;
  }

  /** Books the end of a call that began here. */
  end(mark: CircuitMark, outcome: CallOutcomeKind, now: number): void {
    if (mark.era !== this.#era) return;
    const verdict = VERDICT[outcome];
    if (verdict === 'fails') this.#failures++;
    else if (verdict === 'works') this.#failures = 0;
    if (mark.trial) this.#endTrial(verdict, now);
    else if (verdict !== 'silent') this.#weigh(verdict === 'fails', now);
  }

  /** Nobody settled a call that began here. */
  lost(mark: CircuitMark, now: number): void {
    if (mark.era === this.#era && mark.trial) this.#endTrial('fails', now);
  }

  /** Opens it, whatever the share of failures: no key is left that works. Does nothing unless it is closed. */
  open(now: number): void {
    if (!this.closed) return;
    this.#era++;
    this.#since = now;
    this.#waitMs = FIRST_RETRY_MS;
    this.#wait(now);
  }

  stats(now: number): CircuitStats {
    return {
      group: this.group,
      state: this.state(now),
      since: this.#since === null ? null : iso(this.#since),
      failures: this.#failures,
      retryAt: this.#retryAt === null ? null : iso(this.#retryAt),
    };
  }

  #weigh(failed: boolean, now: number): void {
    const kept = KEPT_PER_CALL * 0.5 ** (Math.max(0, now - this.#weighedAt) / HALF_LIFE_MS);
    this.#weighedAt = now;
    this.#failed = this.#failed * kept + (failed ? 1 : 0);
    this.#answered = this.#answered * kept + (failed ? 0 : 1);
    const weight = this.#failed + this.#answered;
    if (failed && weight >= LEAST_WEIGHT && this.#failed >= FAILING_SHARE * weight) this.open(now);
  }

  #endTrial(verdict: Verdict, now: number): void {
    this.#trialOpen = false;
    if (verdict === 'silent') return;
    if (verdict === 'works') {
      this.#era++;
      this.#since = now;
      this.#retryAt = null;
      this.#failed = 0;
      this.#answered = 0;
      return;
    }
    this.#waitMs = Math.min(LONGEST_RETRY_MS, this.#waitMs * 2);
    this.#wait(now);
  }

  #wait(now: number): void {
    this.#retryAt = now + Math.round(this.#waitMs * (1 - JITTER * this.#random()));
  }
}
