import type { CallOutcomeKind } from '../../keys/outcome.ts';
import type { LeaseGrant } from '../../keys/pool.types.ts';
import type { CallTokens } from '../../keys/tokens.ts';
import type { VlmClient, VlmReply, VlmRequest } from '../../llm/client.ts';
import type { CallTrace } from '../../messages/assessment.ts';
import { clipped, MOST } from '../../messages/bounds.ts';
import { callKey, spanIdOf } from '../../messages/trace-context.ts';
import type { Clock } from '../../runtime/clock.ts';
import { joinSignals } from '../../runtime/joined-signal.ts';
import type { Acquired } from './acquire.ts';
import type { Keys } from './key-client.ts';
import type { ResultMetadata } from './result.ts';

export interface CallContext {
  readonly clock: Clock;
  readonly keys: Keys;
  readonly vlm: VlmClient;
  /** Told of each call that ended. `sendMs`: from its lease until it was written; null when it never was. */
  readonly onCall: (kind: CallOutcomeKind, seconds: number, sendMs: number | null, call: CallName) => void;
  /** Aborted: calls in flight are given up. */
  readonly abort: AbortSignal;
}

/** The key and the model of a call, by the key file, and the trace of its task. */
export interface CallName {
  readonly keyName: string;
  readonly model: string;
  readonly traceId: string;
}

/** A call that ended and is not settled yet. */
export interface MadeCall {
  readonly lease: LeaseGrant;
  readonly reply: VlmReply;
  readonly trace: CallTrace;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface CallOptions extends Omit<Acquired, 'pictures'> {
  readonly taskId: string;
  readonly request: Omit<VlmRequest, 'access' | 'signal' | 'onSent' | 'spanId' | 'sampled'>;
  /** When the call is given up, epoch ms: its answer is of no use after that. */
  readonly deadline: number;
  /** Aborted: another call brought the answer. */
  readonly dropped?: AbortSignal;
  readonly hedge?: true;
}

/** A provider that leaves a call unanswered for this long hangs, whatever time the task had. */
const HANGS_MS = 10_000;

/**
 * Makes one call. One that the task's end cut short counts as timed out after ten seconds or more, before that as given
 * up. Never rejects.
 */
export async function makeCall(options: CallOptions, context: CallContext): Promise<MadeCall> {
  const { clock, abort, keys, vlm } = context;
  const { taskId, lease, leaseAskedAt, leasedAt, deadline, dropped, request, hedge } = options;
  const startedAt = clock.now();
  let sentAt: number | null = null;
  const onSent = (agoMs: number, delayMs?: number): void => {
    sentAt = clock.now() - agoMs;
    keys.sent(lease.leaseId, agoMs, delayMs);
  };
  let late = false;
  const over = joinSignals([abort, dropped]);
  const timer = clock.setTimeout(() => {
    late = true;
    over.abort();
  }, deadline - startedAt);
  const spanId = spanIdOf(request.traceId, 'call', callKey(taskId, lease.keyName, leaseAskedAt));
  const answer = await vlm.call({ ...request, spanId, access: lease, onSent, signal: over.signal });
  clock.clearTimeout(timer);
  over.release();
  const endedAt = clock.now();
  const ours = abort.aborted || dropped?.aborted === true;
  const reply = late && !ours ? hung(answer, sentAt, endedAt) : answer;
  const trace = traceOf(lease, reply, { leaseAskedAt, leasedAt, sentAt, endedAt }, hedge);
  const { keyName, model } = lease;
  const seconds = Math.max(0, endedAt - startedAt) / 1_000;
  context.onCall(reply.ok ? 'ok' : reply.failure.kind, seconds, trace.sendMs, {
    keyName,
    model,
    traceId: request.traceId,
  });
  return { lease, reply, startedAt, endedAt, trace };
}

function hung(reply: VlmReply, sentAt: number | null, endedAt: number): VlmReply {
  if (reply.ok || reply.failure.kind !== 'abandoned' || sentAt === null || endedAt - sentAt < HANGS_MS) return reply;
  return {
    ...reply,
    failure: {
      kind: 'timeout',
      message: `no answer within ${Math.round((endedAt - sentAt) / 1_000)} s, when the task's time was over`,
    },
  };
}

/** The tokens that the provider counted; null when it did not say. */
export const tokensOf = ({ promptTokens, completionTokens }: VlmReply): CallTokens | null =>
  promptTokens === 0 ? null : { prompt: promptTokens, completion: completionTokens };

const span = (from: number, to: number): number => Math.max(0, Math.round((to - from) * 10) / 10);

const traceOf = (
  lease: LeaseGrant,
  reply: VlmReply,
  at: {
    readonly leaseAskedAt: number;
    readonly leasedAt: number;
    readonly sentAt: number | null;
    readonly endedAt: number;
  },
  hedge?: true,
): CallTrace => ({
  apiKeyId: lease.keyName,
  outcome: reply.ok ? 'ok' : reply.failure.kind,
  leaseMs: span(at.leaseAskedAt, at.leasedAt),
  sendMs: at.sentAt === null ? null : span(at.leasedAt, at.sentAt),
  modelMs: at.sentAt === null ? null : span(at.sentAt, at.endedAt),
  parseMs: reply.ok && reply.parseMs !== undefined ? span(0, reply.parseMs) : null,
  leaseAskedAt: new Date(at.leaseAskedAt).toISOString(),
  ...(hedge === true ? { hedge } : {}),
});

/**
 * `before` with one round added: one call, or a call and its hedge. Model and key are those of the last call that ended
 * `ok`, else of the last one.
 */
export function withRound(before: ResultMetadata, round: readonly MadeCall[], retryCount: number): ResultMetadata {
  const named = round.findLast(({ reply }) => reply.ok) ?? round.at(-1);
  if (named === undefined) return before;
  const sum = (of: (made: MadeCall) => number): number => round.reduce((total, made) => total + of(made), 0);
  const from = Math.min(...round.map(({ startedAt }) => startedAt));
  const to = Math.max(...round.map(({ endedAt }) => endedAt));
  return {
    ...before,
    llmLatency: before.llmLatency + Math.max(0, to - from) / 1_000,
    llmModel: clipped(named.reply.ok ? named.reply.model : named.lease.model, MOST.name),
    apiKeyId: named.lease.keyName,
    retryCount,
    promptTokens: before.promptTokens + sum(({ reply }) => reply.promptTokens),
    completionTokens: before.completionTokens + sum(({ reply }) => reply.completionTokens),
    calls: [...(before.calls ?? []), ...round.map(({ trace }) => trace)],
  };
}
