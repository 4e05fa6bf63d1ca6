import type { CallOutcome } from './outcome.ts';

/** Wait before a refused key is tried again by a task's call; doubled after each trial that fails. */
const FIRST_PROBE_MS = 60_000;
const LONGEST_PROBE_MS = 900_000;

export interface TrialMark {
  readonly era: number;
  /** The one call by which a key on probation, or refused, proves itself. */
  readonly trial: boolean;
}

interface Refusal {
  readonly reason: string;
  readonly probeAt: number;
  readonly waitMs: number;
}

/** After a rest, or a refusal by the provider, a key has to prove itself by one call at a time. */
export class Probation {
  /** Why the provider refused it, and when it is tried again; null when it did not. */
  #refusal: Refusal | null = null;
  /** Back from a rest: one call at a time until one succeeds. */
  #halfOpen = false;
  /** The call by which the key proves itself is under way. */
  #trialOpen = false;
  /** Counts rests and refusals: a call leased before one says nothing about the key after it. */
  #era = 0;

  get refusal(): Refusal | null {
    return this.#refusal;
  }

  /** Serves only one call at a time now, to prove itself. */
  get onTrial(): boolean {
    return this.#halfOpen || this.#refusal !== null;
  }

  /** The call by which the key proves itself is under way. */
  get trialOpen(): boolean {
    return this.#trialOpen;
  }

  begin(): TrialMark {
    const trial = this.onTrial;
    if (trial) this.#trialOpen = true;
    return { era: this.#era, trial };
  }

  /** True when the call was the trial of the present era. */
  end(mark: TrialMark): boolean {
    if (!mark.trial || mark.era !== this.#era) return false;
    this.#trialOpen = false;
    return true;
  }

  /** The key proved itself, or another one took its place. */
  pass(): void {
    this.#halfOpen = false;
    this.forgetRefusal();
  }

  refuse(reason: string, now: number): void {
    if (this.#refusal !== null) return;
    this.#refusal = { reason, probeAt: now + FIRST_PROBE_MS, waitMs: FIRST_PROBE_MS };
    this.newEra();
  }

  forgetRefusal(): void {
    this.#refusal = null;
    this.newEra();
  }

  /** A trial failed: a refused key waits longer for the next. */
  failed(now: number): void {
    if (this.#refusal === null) return;
    const waitMs = Math.min(LONGEST_PROBE_MS, this.#refusal.waitMs * 2);
    this.#refusal = { ...this.#refusal, probeAt: now + waitMs, waitMs };
  }

  /** The key rests, and has to prove itself afterwards. */
  rest(): void {
    this.#halfOpen = true;
    this.newEra();
  }

  /** The rest was not the key's fault. */
  excuse(): void {
    this.#halfOpen = false;
  }

  /** Calls begun before say nothing about the key any more. */
  newEra(): void {
    this.#era++;
    this.#trialOpen = false;
  }
}

/** Why a key is out, for an operator. */
export function refusalReason(outcome: Extract<CallOutcome, { kind: 'rejected-key' | 'misconfigured' }>): string {
  if (outcome.kind === 'misconfigured') return `configuration: ${outcome.message}`;
  const what = outcome.why === 'arrears' ? 'arrears: the account is not paid' : 'the provider refused the key';
  return `${what} (${outcome.status})`;
}
