import type { LeaseGrant, LeaseRefusal, LeaseReply, RefusalReason } from '../../keys/pool.types.ts';
import type { AssessmentFailure } from '../../messages/assessment.ts';
import type { Picture } from '../../llm/picture.ts';
import type { Clock } from '../../runtime/clock.ts';
import { settlesWithin } from '../../runtime/time-limit.ts';
import type { AdmissionReply } from './admission.ts';
import type { LeaseLimits } from './ask-limits.ts';
import type { AssessmentState, End } from './assessment-state.ts';
import type { Keys } from './key-client.ts';
import type { PictureReader } from './read-picture.ts';
import { failureOf, type FailedAttempt } from './retry.ts';

/** One task's view of the admission. */
export interface Slot {
  /** Resolves when the task may ask for a key, or has to end without one. */
  readonly admit: () => Promise<AdmissionReply>;
  /** Runs `wait` for a lease. The signal is aborted when the task has to make way and be admitted again. */
  readonly leasing: (wait: (withdraw: AbortSignal) => Promise<LeaseReply>) => Promise<LeaseReply>;
  /** Gives the slot up until the task is admitted again. */
  readonly stepAside: () => void;
  /** No key can serve because the provider does not answer. */
  readonly providerDown: boolean;
  /** A newer question about the same group has taken the task's place. */
  readonly dropped: boolean;
}

export interface AcquireContext {
  readonly clock: Clock;
  readonly slot: Slot;
  readonly keys: Keys;
  /** Limits of the next lease after so many failed calls; null for a task that may wait while it is valid. */
  readonly leaseLimits: ((failedCalls: number) => LeaseLimits) | null;
  /** The bytes of the crop and of those of earlier frames, as `readTogether`. */
  readonly pictures: PictureReader['pictures'];
  /** Aborted: begin nothing new; waiting tasks go back to the bus. */
  readonly closing: AbortSignal;
}

/** The things that a call needs; times in epoch ms. */
export interface Acquired {
  readonly lease: LeaseGrant;
  readonly leaseAskedAt: number;
  readonly leasedAt: number;
  /** The group now, then earlier moments. */
  readonly pictures: readonly Picture[];
}

/** A key is not kept longer than this for a picture that does not come. */
const PICTURE_MS = 250;
const DOWN: AssessmentFailure = { code: 'no-lease', message: 'the provider does not answer' };
const PICTURE_GONE: AssessmentFailure = { code: 'no-image', message: 'the picture of the group is gone' };
const HANDED_BACK = { kind: 'handed-back' } as const;
const SUPERSEDED = { kind: 'not-asked', reason: 'superseded' } as const;

/** Refusals of a lease by which no answer can be in time; without limits they say that the task's own time is over. */
const TOO_LATE: ReadonlySet<RefusalReason> = new Set(['deadline', 'tried-all']);
const NO_LIMITS: LeaseLimits = { askBy: Infinity, exclude: [] };

/** Waits for a slot, then for a key, and meanwhile reads the picture. */
export async function acquire(
  state: AssessmentState,
  { clock, slot, keys, leaseLimits, closing }: AcquireContext,
): Promise<{ readonly kind: 'call'; readonly acquired: Acquired } | { readonly kind: 'acquire' } | End> {
  const { task, failed, exclude, deadline } = state;
  const admitted = await slot.admit();
  if (admitted === 'closing' || closing.aborted) return HANDED_BACK;
  if (admitted === 'dropped') return SUPERSEDED;
  if (admitted === 'provider-down') return { kind: 'unanswered', error: lastOf(failed) ?? DOWN };

  // Where rules are meant to answer, no question is late for a call.
  const limits = (keys.keysWanted ? leaseLimits?.(failed.length) : null) ?? NO_LIMITS;
  if (limits.askBy <= clock.now()) return tooLate(failed);
  // Read while the task waits for a key, unless rules are expected to assess it.
  if (keys.keysWanted) void state.pictures();
  const leaseAskedAt = clock.now();
  const until = Math.min(deadline, limits.askBy);
  const lease = await state.askLease({
    priority: task.priority,
    exclude: [...exclude, ...limits.exclude],
    deadline: until,
  });
  const leasedAt = clock.now();
  if (lease.kind === 'granted')
    return withPicture({ lease, leaseAskedAt, leasedAt }, state, until, { clock, slot, keys, closing });
  if (closing.aborted) return HANDED_BACK;
  return slot.dropped ? SUPERSEDED : afterRefusal(lease, state, limits);
}

function afterRefusal(
  refusal: LeaseRefusal,
  { failed, judging }: AssessmentState,
  limits: LeaseLimits,
): { readonly kind: 'acquire' } | End {
  const { reason } = refusal;
  if (reason === 'cancelled') return { kind: 'acquire' };
  // The keys that a release names may be gone: that is its failure, not a want of calls.
  if (reason === 'tried-all' && judging.way.keys !== null) return endOf(refusal, failed);
  return limits !== NO_LIMITS && TOO_LATE.has(reason) ? tooLate(failed) : endOf(refusal, failed);
}

/** Waits a moment for the picture. One that does not come is waited for without a key, until then (epoch ms). */
async function withPicture(
  leased: Omit<Acquired, 'pictures'>,
  state: AssessmentState,
  until: number,
  { clock, slot, keys, closing }: Pick<AcquireContext, 'clock' | 'slot' | 'keys' | 'closing'>,
): Promise<{ readonly kind: 'call'; readonly acquired: Acquired } | { readonly kind: 'acquire' } | End> {
  const picture = closing.aborted ? null : await settlesWithin(clock, state.pictures(), PICTURE_MS);
  if (picture === null || closing.aborted) {
    keys.giveBack(leased.lease);
    return HANDED_BACK;
  }
  const pictures = picture.value;
  if (state.judging.way.over.aborted) {
    keys.giveBack(leased.lease);
    return { kind: 'acquire' };
  }
  if (pictures !== null) return { kind: 'call', acquired: { ...leased, pictures } };

  keys.giveBack(leased.lease);
  if (!picture.timedOut) return { kind: 'unanswered', error: PICTURE_GONE };
  // After an outage of the store many pictures may not come: their tasks must not keep all slots.
  slot.stepAside();
  const { value } = await settlesWithin(clock, state.pictures(), until - clock.now());
  const goOn = value !== null || closing.aborted || slot.dropped;
  return goOn ? { kind: 'acquire' } : { kind: 'unanswered', error: PICTURE_GONE };
}

/** No answer can be there in time any more: after a failed call for its failure, else for want of a free key. */
function tooLate(failed: readonly FailedAttempt[]): End {
  const error = lastOf(failed);
  return error === null ? { kind: 'not-asked', reason: 'budget' } : { kind: 'unanswered', error };
}

/** Why a task without a key ends. After a failed call, its failure says more than "no further key". */
function endOf({ reason, message, keysWanted }: LeaseRefusal, failed: readonly FailedAttempt[]): End {
  if (keysWanted === false && failed.length === 0) return { kind: 'no-keys' };
  const error = (reason === 'queue-full' ? null : lastOf(failed)) ?? { code: 'no-lease', message };
  return { kind: 'unanswered', error };
}

const lastOf = (failed: readonly FailedAttempt[]): AssessmentFailure | null => {
  const last = failed.at(-1);
  return last === undefined ? null : failureOf(last.failure);
};
