import type { LlmCallStatus } from '../../infra/metrics.ts';
import type { Blame, CallOutcome, CallOutcomeKind } from '../../keys/outcome.ts';
import type { AssessmentFailure } from '../../messages/assessment.ts';
import type { FailureCode } from './scheduler.types.ts';

type Failure = Exclude<CallOutcome, { kind: 'ok' }>;

/** One failed call of a task. */
export interface FailedAttempt {
  readonly keyName: string;
  readonly failure: Failure;
  /** The call was a trial of a key, see {@link LeaseGrant.trial}. */
  readonly trial: boolean;
  /** The call was a hedge: made beside another, it costs the task no attempt. */
  readonly hedge?: true;
}

/** The consequences of a failed call for the keys and for the task. */
export interface Verdict {
  readonly blame: Blame;
  /** The key whose earlier failure turns out to have been the request's; null when none. */
  readonly forgive: string | null;
  /** True: no further call for this task. */
  readonly giveUp: boolean;
}

/** Failures that may lie in the request as well as in the key's endpoint. */
const AMBIGUOUS: ReadonlySet<CallOutcomeKind> = new Set(['timeout', 'server-error']);

/**
 * Decides after a failed call. The same request failing alike on two keys blames the request: neither key suffers for
 * a time-out or a server's error, and a request refused twice is not sent a third time.
 */
export function afterFailure(earlier: readonly FailedAttempt[], now: FailedAttempt, maxRetries: number): Verdict {
  const alike = earlier.filter(
    (attempt) => attempt.failure.kind === now.failure.kind && attempt.keyName !== now.keyName,
  );
  const onRequest = AMBIGUOUS.has(now.failure.kind) && alike.length > 0;
  return {
    blame: onRequest ? 'request' : 'key',
    // With the second failure the first is forgiven; a third finds it forgiven already.
    forgive: onRequest && alike.length === 1 ? (alike[0]?.keyName ?? null) : null,
    // A failed trial costs the task none of its attempts. Each key is tried once, so this ends.
    giveUp:
      (counts(now) && earlier.filter(counts).length >= maxRetries) ||
      (now.failure.kind === 'rejected-request' && alike.length > 0) ||
      sameOnEveryKey(now.failure) ||
      (isUnclear(now) && earlier.some(isUnclear)) ||
      (now.failure.kind === 'stepped-down' && earlier.filter(isStep).length >= MOST_STEPS),
  };
}

/** Bound of the calls repeated because a parameter was refused: more than there are parameters. */
const MOST_STEPS = 10;
const isStep = ({ failure }: FailedAttempt): boolean => failure.kind === 'stepped-down';

/** A refused picture, or one the model reasons about until its tokens are spent, fares alike on every key. */
const sameOnEveryKey = (failure: Failure): boolean =>
  failure.kind === 'content-refused' || (failure.kind === 'unreadable' && failure.reason === 'reasoning-only');

/** After an answer that is cut off or names no level the model is asked once more; a third answer would be the same. */
const isUnclear = ({ failure }: FailedAttempt): boolean =>
  failure.kind === 'unreadable' && (failure.reason === 'cut-off' || failure.reason === 'bad-level');

const counts = (attempt: FailedAttempt): boolean => !attempt.trial && attempt.hedge !== true && !isStep(attempt);

/** Failures that say that the provider does not answer. */
const PROVIDER: ReadonlySet<CallOutcomeKind> = new Set(['timeout', 'server-error', 'network']);

/** Whether every call of a task failed because the provider did not answer; false when none was made. */
export const providerFailed = (failed: readonly FailedAttempt[]): boolean =>
  failed.length > 0 && failed.every(({ failure }) => PROVIDER.has(failure.kind));

const CODE: Readonly<Record<Failure['kind'], FailureCode>> = {
  unreadable: 'unreadable-answer',
  'content-refused': 'content-refused',
  'rejected-request': 'rejected',
  'stepped-down': 'rejected',
  misconfigured: 'rejected',
  'rejected-key': 'rejected',
  'rate-limited': 'rate-limited',
  timeout: 'timeout',
  'server-error': 'provider-error',
  network: 'provider-error',
  abandoned: 'expired',
};

/** The last failure as the task's own. */
export const failureOf = (failure: Failure): AssessmentFailure => ({
  code: CODE[failure.kind],
  message: failure.message,
});

const STATUS: Readonly<Record<Exclude<CallOutcomeKind, 'abandoned'>, LlmCallStatus>> = {
  ok: 'success',
  unreadable: 'unreadable',
  'content-refused': 'content_refused',
  'rejected-request': 'rejected',
  'stepped-down': 'rejected',
  misconfigured: 'rejected',
  'rejected-key': 'rejected',
  'rate-limited': 'rate_limited',
  timeout: 'timeout',
  'server-error': 'provider_error',
  network: 'provider_error',
};

/** Label of `llm_calls_total`; null for a call that was given up and says nothing. */
export const statusOf = (kind: CallOutcomeKind): LlmCallStatus | null => (kind === 'abandoned' ? null : STATUS[kind]);
