import type { Acquired } from './acquire.ts';
import type { AssessmentState } from './assessment-state.ts';
import { makeCall, type CallContext, type CallOptions, type MadeCall } from './call.ts';
import { hedged, type HedgeBudget } from './hedge.ts';

/** Only tasks from this priority up are worth a second call. */
const HEDGED_FROM = 4;
/** A second call is made only with a lease that is free within this time. */
const HEDGE_LEASE_MS = 50;

export interface CallRoundContext extends CallContext {
  /** Bound of one call, in ms. */
  readonly timeoutMs: number;
  /** Null: no call is made twice. */
  readonly hedge: { readonly afterMs: number; readonly budget: HedgeBudget } | null;
}

/** One call, or a call and its hedge, in the order in which they ended. Never rejects. */
export async function callRound(
  { pictures, ...leased }: Acquired,
  { task, judging, deadline, exclude, askLease }: AssessmentState,
  context: CallRoundContext,
): Promise<readonly MadeCall[]> {
  const { clock, keys, hedge, timeoutMs } = context;
  const request = { prompt: judging.prompt, pictures, traceId: task.traceId, timeoutMs };
  const options: CallOptions = { ...leased, taskId: task.taskId, deadline, request };
  hedge?.budget.called();
  if (hedge === null || task.priority < HEDGED_FROM || leased.lease.trial) return [await makeCall(options, context)];
  return hedged((dropped) => makeCall({ ...options, dropped }, context), {
    clock,
    ...hedge,
    // At the lowest priority: it takes no lease that another task waits for.
    lease: () =>
      askLease({
        priority: 1,
        exclude: [...exclude, leased.lease.keyName],
        deadline: clock.now() + HEDGE_LEASE_MS,
      }),
    giveBack: (lease) => keys.giveBack(lease),
    call: (lease, leaseAskedAt, dropped) =>
      makeCall({ ...options, lease, leaseAskedAt, leasedAt: clock.now(), dropped, hedge: true }, context),
  });
}
