import type { CallOutcomeKind } from '../../keys/outcome.ts';
import type { AcquireContext } from './acquire.ts';
import type { Settlement } from '../../keys/pool.types.ts';
import type { VlmReply } from '../../llm/client.ts';
import type { AssessmentState } from './assessment-state.ts';
import { tokensOf, type MadeCall } from './call.ts';
import { afterFailure, providerFailed, type FailedAttempt } from './retry.ts';

/** Failures of a trial that are the request's, not the key's. */
const ON_REQUEST: ReadonlySet<CallOutcomeKind> = new Set([
  'unreadable',
  'content-refused',
  'rejected-request',
  'stepped-down',
]);

export interface SettleContext extends Pick<AcquireContext, 'keys' | 'slot'> {
  readonly maxRetries: number;
}

/** The things that a reply tells of its key, whatever the answer. */
export const toldOf = (reply: VlmReply): Pick<Settlement, 'transit' | 'tokens' | 'adaptations'> => ({
  transit: reply.transit ?? null,
  tokens: tokensOf(reply),
  adaptations: reply.adaptations ?? null,
});

/** Settles the lease of a call that ended and notes a failure. `give-up`: no further call for this task. */
export function settleCall(
  { lease, reply, trace }: MadeCall,
  { judging, failed, exclude }: Pick<AssessmentState, 'judging' | 'failed' | 'exclude'>,
  { keys, slot, maxRetries }: SettleContext,
): 'go-on' | 'give-up' {
  const { leaseId, keyName } = lease;
  const told = toldOf(reply);
  if (reply.ok) {
    keys.settle({ leaseId, outcome: { kind: 'ok' }, blame: 'key', ...told });
    return 'go-on';
  }
  const { failure } = reply;
  const attempt: FailedAttempt = {
    keyName,
    failure,
    trial: lease.trial && !ON_REQUEST.has(failure.kind),
    ...(trace.hedge === true ? { hedge: true } : {}),
  };
  const verdict = afterFailure(failed, attempt, maxRetries);
  const blame = judging.way.triesModel && verdict.blame === 'key' ? 'candidate' : verdict.blame;
  keys.settle({ leaseId, outcome: failure, blame, ...told });
  if (verdict.forgive !== null) keys.forgive(verdict.forgive);
  if (failure.kind === 'abandoned') return 'go-on';
  failed.push(attempt);
  // A parameter the provider does not take is no fault of the key. Nor is a failed trial of a provider that is still
  // down: it may be back while this task waits.
  const mayServeAgain =
    failure.kind === 'stepped-down' || (attempt.trial && providerFailed([attempt]) && slot.providerDown);
  if (!mayServeAgain) exclude.add(keyName);
  return verdict.giveUp ? 'give-up' : 'go-on';
}
