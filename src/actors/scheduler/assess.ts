import type { TransitSample } from '../../keys/guard.ts';
import type { Blame, CallOutcome, CallOutcomeKind } from '../../keys/outcome.ts';
import type { LeaseGrant, LeaseReply, LeaseRequest } from '../../keys/pool.types.ts';
import type { CallTokens } from '../../keys/tokens.ts';
import type { VlmReply, VlmRequest } from '../../llm/client.ts';
import type { Language } from '../../llm/language.ts';
import { buildPrompt } from '../../llm/prompt.ts';
import { tokenBound } from '../../llm/token-bound.ts';
import type { AssessmentFailure, AssessmentResult, CallTrace } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { Clock } from '../../runtime/clock.ts';
import { judged, NO_CALL, unjudged, type ResultMetadata } from './result.ts';
import { afterFailure, failureOf, type FailedAttempt } from './retry.ts';

/** The world of one task; every part can be replaced in a test. */
export interface AssessParts {
  readonly clock: Clock;
  readonly language: Language;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  /** The crop's bytes; null when it is gone. Waits while the store is away, at most until `deadline`. */
  image(id: string, deadline: number): Promise<Uint8Array | null>;
  /** Never rejects: a pool that cannot be reached by the deadline is a refusal. */
  lease(request: LeaseRequest): Promise<LeaseReply>;
  /** The call under this lease is leaving now. */
  sent(leaseId: string): void;
  /** `tokens`: as the provider counted; null or absent when it did not say. */
  settle(leaseId: string, outcome: CallOutcome, blame: Blame, transit?: TransitSample | null, tokens?: CallTokens | null): void;
  forgive(keyName: string): void;
  call(request: VlmRequest): Promise<VlmReply>;
  onCall(kind: CallOutcomeKind, seconds: number): void;
  onRetry(): void;
  /** Aborted: begin nothing new; tasks that wait go back to the bus. */
  readonly closing: AbortSignal;
  /** Aborted: calls in flight are given up as well. */
  readonly abort: AbortSignal;
}

/** The answer to a task, or null when it has to be given back to the bus unanswered. */
export type Assessed = AssessmentResult | null;

/** Failures of a trial that are the request's, not the key's. */
const ON_REQUEST: ReadonlySet<CallOutcomeKind> = new Set(['unreadable', 'rejected-request']);

/** Judges one task by the model: image, then lease, call and settlement, again on another key when it fails. */
export async function assessByModel(task: AssessmentTask, parts: AssessParts): Promise<Assessed> {
  const { clock } = parts;
  const deadline = Date.parse(task.expiresAt);
  let metadata: ResultMetadata = { ...NO_CALL, waitMs: Math.max(0, clock.now() - Date.parse(task.timestamp)), calls: [] };
  const unknown = (error: AssessmentFailure): AssessmentResult => unjudged(task, error, 'vlm', metadata, clock.now());

  if (clock.now() >= deadline) return unknown({ code: 'expired', message: 'the task was too old when its turn came' });
  if (task.group.cropId === null) return unknown({ code: 'no-image', message: 'the group has no picture' });
  const jpeg = await parts.image(task.group.cropId, deadline);
  if (parts.closing.aborted) return null;
  if (jpeg === null) return unknown({ code: 'no-image', message: 'the picture of the group is gone' });

  const prompt = buildPrompt(task, parts.language);
  const bound = tokenBound(prompt);
  const failed: FailedAttempt[] = [];
  const exclude = new Set<string>();
  let asked = 0;
  for (;;) {
    const leaseAskedAt = clock.now();
    const lease = await parts.lease({ waiterId: `${task.taskId}#${asked++}`, priority: task.priority, exclude: [...exclude], deadline, tokens: bound });
    if (parts.closing.aborted) {
      if (lease.kind === 'granted') parts.settle(lease.leaseId, { kind: 'abandoned', message: 'the scheduler stops' }, 'key');
      return null;
    }
    if (lease.kind === 'refused') return unknown(refusalOf(lease.message, lease.reason, failed));
    const startedAt = clock.now();
    let sentAt: number | null = null;
    const onSent = (): void => {
      sentAt = clock.now();
      parts.sent(lease.leaseId);
    };
    const reply = await callUntil(deadline, { access: lease, prompt, jpeg, traceId: task.traceId, timeoutMs: parts.timeoutMs, onSent }, parts);
    const endedAt = clock.now();
    const seconds = Math.max(0, endedAt - startedAt) / 1_000;
    metadata = add(metadata, lease, reply, seconds, failed.length, traceOf(lease, reply, { leaseAskedAt, startedAt, sentAt, endedAt }));
    parts.onCall(reply.ok ? 'ok' : reply.failure.kind, seconds);
    if (reply.ok) {
      parts.settle(lease.leaseId, { kind: 'ok' }, 'key', reply.transit, tokensOf(reply));
      return judged(task, reply.answer, 'vlm', metadata, clock.now());
    }
    const attempt: FailedAttempt = { keyName: lease.keyName, failure: reply.failure, trial: lease.trial && !ON_REQUEST.has(reply.failure.kind) };
    const verdict = afterFailure(failed, attempt, parts.maxRetries);
    parts.settle(lease.leaseId, reply.failure, verdict.blame, null, tokensOf(reply));
    if (verdict.forgive !== null) parts.forgive(verdict.forgive);
    if (reply.failure.kind === 'abandoned') {
      return parts.abort.aborted ? null : unknown({ code: 'expired', message: "the task's time ran out during a call" });
    }
    if (verdict.giveUp) return unknown(failureOf(reply.failure));
    failed.push(attempt);
    // A format the provider does not take is no fault of the key.
    if (!reply.formatRefused) exclude.add(lease.keyName);
    parts.onRetry();
  }
}

/** What the provider counted; null when it did not say. */
const tokensOf = ({ promptTokens, completionTokens }: VlmReply): CallTokens | null => (promptTokens === 0 ? null : { prompt: promptTokens, completion: completionTokens });

/** Calls, and gives the call up at the task's deadline: nobody waits for the answer then. */
async function callUntil(deadline: number, request: VlmRequest, parts: AssessParts): Promise<VlmReply> {
  const over = new AbortController();
  const timer = parts.clock.setTimeout(() => over.abort(), deadline - parts.clock.now());
  try {
    return await parts.call({ ...request, signal: AbortSignal.any([over.signal, parts.abort]) });
  } finally {
    parts.clock.clearTimeout(timer);
  }
}

/** Why no key could be had; after a failed call the failure says more than "no further key". */
function refusalOf(message: string, reason: string, failed: readonly FailedAttempt[]): AssessmentFailure {
  const last = failed.at(-1);
  return last !== undefined && reason !== 'queue-full' ? failureOf(last.failure) : { code: 'no-lease', message };
}

const span = (from: number, to: number): number => Math.max(0, Math.round((to - from) * 10) / 10);

const traceOf = (lease: LeaseGrant, reply: VlmReply, at: { readonly leaseAskedAt: number; readonly startedAt: number; readonly sentAt: number | null; readonly endedAt: number }): CallTrace => ({
  apiKeyId: lease.keyName,
  outcome: reply.ok ? 'ok' : reply.failure.kind,
  leaseMs: span(at.leaseAskedAt, at.startedAt),
  sendMs: at.sentAt === null ? null : span(at.startedAt, at.sentAt),
  modelMs: at.sentAt === null ? null : span(at.sentAt, at.endedAt),
  parseMs: reply.ok && reply.parseMs !== undefined ? span(0, reply.parseMs) : null,
});

const add = (before: ResultMetadata, lease: LeaseGrant, reply: VlmReply, seconds: number, retryCount: number, trace: CallTrace): ResultMetadata => ({
  ...before,
  llmLatency: before.llmLatency + seconds,
  llmModel: reply.ok ? reply.model : lease.model,
  apiKeyId: lease.keyName,
  retryCount,
  promptTokens: before.promptTokens + reply.promptTokens,
  completionTokens: before.completionTokens + reply.completionTokens,
  calls: [...(before.calls ?? []), trace],
});
