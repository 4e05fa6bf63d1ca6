import type { CallOutcomeKind } from '../../keys/outcome.ts';
import type { LeaseGrant, LeaseReply, LeaseRequest, Settlement } from '../../keys/pool.types.ts';
import type { Language } from '../../llm/language.ts';
import { buildPrompt } from '../../llm/prompt.ts';
import { tokenBound } from '../../llm/token-bound.ts';
import type { AssessmentFailure, AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { makeCall, tokensOf, withRound, type CallOptions, type CallParts, type Made } from './call.ts';
import { hedged, type HedgeBudget } from './hedge.ts';
import { degraded, judgedByModel, NO_CALL, unjudged, unread, type ResultMetadata } from './result.ts';
import { afterFailure, failureOf, modelSilent, providerFailed, type FailedAttempt } from './retry.ts';
import type { Turn } from './turns.ts';

/** The world of one task; every part can be replaced in a test. */
export interface AssessParts extends CallParts {
  readonly language: Language;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  /** Null: no call is made twice. */
  readonly hedge: { readonly afterMs: number; readonly budget: HedgeBudget } | null;
  /** Resolves when the task may go on; while the provider is down it waits, or is told so when its time runs out. */
  turn(): Promise<Turn>;
  /** Whether no key can serve because the provider does not answer. */
  providerDown(): boolean;
  /** The crop's bytes; null when it is gone. Waits while the store is away, at most until `deadline`. */
  image(id: string, deadline: number): Promise<Uint8Array | null>;
  /** Never rejects: a pool that cannot be reached by the deadline is a refusal; `cancelled`: ask for a turn again. */
  lease(request: LeaseRequest): Promise<LeaseReply>;
  settle(settlement: Settlement): void;
  forgive(keyName: string): void;
  onRetry(): void;
  /** Aborted: begin nothing new; tasks that wait go back to the bus. */
  readonly closing: AbortSignal;
}

/** The answer to a task, or null when it has to be given back to the bus unanswered. */
export type Assessed = AssessmentResult | null;

/** Failures of a trial that are the request's, not the key's. */
const ON_REQUEST: ReadonlySet<CallOutcomeKind> = new Set([
  'unreadable',
  'content-refused',
  'rejected-request',
  'stepped-down',
]);
/** Only tasks from this level up are worth a second call. */
const HEDGED_FROM = 4;
/** A second call is made only with a lease that is free at once: within this. */
const HEDGE_LEASE_MS = 50;
const EXPIRED: AssessmentFailure = { code: 'expired', message: 'the task was too old when its turn came' };
const DOWN: AssessmentFailure = { code: 'no-lease', message: 'the provider does not answer' };

/**
 * Judges one task by the model: picture and lease, then call and settlement, again on another key when it fails. Where the
 * provider is to blame that there is no judgement, rules judge and the result is marked `degraded`.
 */
export async function assessByModel(task: AssessmentTask, parts: AssessParts): Promise<Assessed> {
  const { clock, closing } = parts;
  const deadline = Date.parse(task.expiresAt);
  let metadata: ResultMetadata = {
    ...NO_CALL,
    waitMs: Math.max(0, clock.now() - Date.parse(task.timestamp)),
    calls: [],
  };
  const failed: FailedAttempt[] = [];
  const unknown = (error: AssessmentFailure): AssessmentResult => unjudged(task, error, 'vlm', metadata, clock.now());
  const ended = (error: AssessmentFailure, rulesMay: boolean): AssessmentResult =>
    (rulesMay ? degraded(task, parts.language, metadata, clock.now(), error) : null) ??
    unread(task, parts.language, metadata, clock.now(), error);

  if (clock.now() >= deadline) return ended(EXPIRED, parts.providerDown());
  if (task.group.cropId === null) return unknown({ code: 'no-image', message: 'the group has no picture' });
  const prompt = buildPrompt(task, parts.language);
  const bound = tokenBound(prompt);
  const exclude = new Set<string>();
  let picture: Promise<Uint8Array | null> | null = null;
  let asked = 0;
  const ask = (more: Pick<LeaseRequest, 'priority' | 'exclude' | 'deadline'>): Promise<LeaseReply> =>
    parts.lease({ waiterId: `${task.taskId}#${asked++}`, tokens: bound, ...more });
  for (;;) {
    const turn = await parts.turn();
    if (turn === 'closing' || closing.aborted) return null;
    if (turn === 'provider-down') return ended(lastOf(failed) ?? DOWN, true);

    // Read while the task waits for a key.
    picture ??= parts.image(task.group.cropId, deadline);
    const leaseAskedAt = clock.now();
    const lease = await ask({ priority: task.priority, exclude: [...exclude], deadline });
    const leasedAt = clock.now();
    if (closing.aborted) {
      if (lease.kind === 'granted') giveBack(lease, parts);
      return null;
    }
    if (lease.kind === 'refused') {
      if (lease.reason === 'cancelled') continue;
      const rulesMay =
        lease.reason === 'provider-down' ||
        (lease.reason === 'no-keys' && failed.length === 0) ||
        (lease.reason !== 'queue-full' && modelSilent(failed));
      return ended(refusalOf(lease.message, lease.reason, failed), rulesMay);
    }
    const jpeg = await soon(picture, parts);
    if (jpeg === LATE || jpeg === null || closing.aborted) giveBack(lease, parts);
    if (closing.aborted) return null;
    if (jpeg === null) return unknown({ code: 'no-image', message: 'the picture of the group is gone' });
    if (jpeg === LATE) {
      await picture;
      continue;
    }
    const round = await callRound(
      {
        lease,
        leaseAskedAt,
        leasedAt,
        deadline,
        request: { prompt, jpeg, traceId: task.traceId, timeoutMs: parts.timeoutMs },
      },
      task,
      exclude,
      ask,
      parts,
    );
    metadata = withRound(metadata, round, failed.filter(({ hedge }) => hedge !== true).length);
    let giveUp = false;
    for (const made of round) giveUp = settle(made, failed, exclude, parts) || giveUp;
    const answered = round.find(({ reply }) => reply.ok)?.reply;
    if (answered?.ok === true) return judgedByModel(task, answered.answer, parts.language, metadata, clock.now());
    const last = round.at(-1)?.reply;
    const failure = last === undefined || last.ok ? EXPIRED : failureOf(last.failure);
    if (round.some(({ reply }) => !reply.ok && reply.failure.kind === 'abandoned')) {
      if (parts.abort.aborted) return null;
      return ended(
        { code: 'expired', message: "the task's time ran out during a call" },
        modelSilent(failed) || parts.providerDown(),
      );
    }
    if (giveUp || clock.now() >= deadline) return ended(failure, modelSilent(failed));
    parts.onRetry();
  }
}

const LATE = Symbol('late');
/** A key is not held longer than this for a picture that does not come. */
const PICTURE_MS = 250;

/** The picture, or `LATE`. */
async function soon(
  picture: Promise<Uint8Array | null>,
  { clock }: AssessParts,
): Promise<Uint8Array | null | typeof LATE> {
  const { promise, resolve } = Promise.withResolvers<typeof LATE>();
  const timer = clock.setTimeout(() => resolve(LATE), PICTURE_MS);
  try {
    return await Promise.race([picture, promise]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** One call, or a call and its hedge. */
function callRound(
  options: CallOptions,
  task: AssessmentTask,
  exclude: ReadonlySet<string>,
  ask: (more: Pick<LeaseRequest, 'priority' | 'exclude' | 'deadline'>) => Promise<LeaseReply>,
  parts: AssessParts,
): Promise<readonly Made[]> {
  const { clock, hedge } = parts;
  hedge?.budget.called();
  if (hedge === null || task.priority < HEDGED_FROM || options.lease.trial)
    return makeCall(options, parts).then((made) => [made]);
  return hedged((dropped) => makeCall({ ...options, dropped }, parts), {
    clock,
    ...hedge,
    // At the lowest priority: it takes no lease that anybody waits for.
    lease: () =>
      ask({ priority: 1, exclude: [...exclude, options.lease.keyName], deadline: clock.now() + HEDGE_LEASE_MS }),
    giveBack: (lease) => giveBack(lease, parts),
    call: (lease, leaseAskedAt, dropped) =>
      makeCall({ ...options, lease, leaseAskedAt, leasedAt: clock.now(), dropped, hedge: true }, parts),
  });
}

const giveBack = ({ leaseId }: LeaseGrant, parts: AssessParts): void =>
  parts.settle({ leaseId, outcome: { kind: 'abandoned', message: 'the lease is not needed any more' }, blame: 'key' });

/** Settles a call that ended. A failure is put to those of the task. True: no further call for this task. */
function settle(
  { lease, reply, trace }: Made,
  failed: FailedAttempt[],
  exclude: Set<string>,
  parts: AssessParts,
): boolean {
  const { leaseId } = lease;
  const told = { transit: reply.transit ?? null, tokens: tokensOf(reply), adaptations: reply.adaptations ?? null };
  if (reply.ok) {
    parts.settle({ leaseId, outcome: { kind: 'ok' }, blame: 'key', ...told });
    return false;
  }
  const { kind } = reply.failure;
  const attempt: FailedAttempt = {
    keyName: lease.keyName,
    failure: reply.failure,
    trial: lease.trial && !ON_REQUEST.has(kind),
    ...(trace.hedge === true ? { hedge: true } : {}),
  };
  const verdict = afterFailure(failed, attempt, parts.maxRetries);
  parts.settle({ leaseId, outcome: reply.failure, blame: verdict.blame, ...told });
  if (verdict.forgive !== null) parts.forgive(verdict.forgive);
  if (kind === 'abandoned') return false;
  failed.push(attempt);
  // A parameter the provider does not take is no fault of the key; nor is the trial of a provider that is down still: it
  // may be back while this task waits.
  if (kind !== 'stepped-down' && !(attempt.trial && providerFailed([attempt]) && parts.providerDown()))
    exclude.add(lease.keyName);
  return verdict.giveUp;
}

const lastOf = (failed: readonly FailedAttempt[]): AssessmentFailure | null => {
  const last = failed.at(-1);
  return last === undefined ? null : failureOf(last.failure);
};

/** Why no key could be had; after a failed call the failure says more than "no further key". */
const refusalOf = (message: string, reason: string, failed: readonly FailedAttempt[]): AssessmentFailure =>
  (reason === 'queue-full' ? null : lastOf(failed)) ?? { code: 'no-lease', message };
