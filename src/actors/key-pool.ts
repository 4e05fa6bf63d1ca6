import type { KeyConfig } from '../keys/config.ts';
import type { LimitMemory } from '../keys/limits.ts';
import type { Blame, CallOutcome } from '../keys/outcome.ts';
import { KeyPool } from '../keys/pool.ts';
import { poolSettings, type KeyPoolStats, type LeaseReply, type LeaseRequest, type PoolStep } from '../keys/pool.types.ts';
import { defineActor } from '../runtime/actor.ts';
import type { Asking, Deferred } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';

/**
 * The pool and who asks it live on the main thread: a grant carries the secret as an object that never crosses a
 * thread or the network.
 */
export type KeyPoolMessage =
  /** Leave to make one call. Answered when a key comes free, at the latest at `deadline`. */
  | ({ readonly type: 'lease' } & LeaseRequest & Asking<LeaseReply>)
  /** The call under a lease is leaving now; `at` in epoch ms. Until then it counts in every window. */
  | { readonly type: 'sent'; readonly leaseId: string; readonly at: number }
  /** How the call under a lease ended. Every grant must be settled once; one that is not is taken back after a while. */
  | { readonly type: 'settle'; readonly leaseId: string; readonly outcome: CallOutcome; readonly blame?: Blame }
  /** One failure booked on this key was the request's fault. */
  | { readonly type: 'forgive'; readonly keyName: string }
  /** Withdraws a waiting lease; it is answered with a refusal. */
  | { readonly type: 'cancel'; readonly waiterId: string }
  | ({ readonly type: 'stats' } & Asking<KeyPoolStats>);
type Private = { readonly type: 'wake' } | { readonly type: 'report' };

export const KEY_POOL = address<KeyPoolMessage>('/key-pool');

export interface KeyPoolInit {
  readonly config: KeyConfig;
  /** Made once by whoever starts the system, so that a restart of the actor does not spend budgets twice. */
  readonly memory: LimitMemory;
}

const REPORT_MS = 1_000;
/** After a restart: by then every call under a forgotten lease has left; it takes a few ms when nothing is wrong. */
const ORPHANS_LEAVE_MS = 1_000;

/** Shares the API keys: a thin shell around the pure {@link KeyPool}. */
export const keyPoolActor = defineActor<KeyPoolMessage, Private>()<KeyPoolInit>({
  kind: 'key-pool',
  // Leases are bounded by the pool's own queue; settlements must not be lost.
  mailbox: { capacity: 20_000, overflow: 'refuse' },
  start: (ctx, { config, memory }) => {
    memory.orphaned(ctx.clock.now() + ORPHANS_LEAVE_MS);
    const pool = new KeyPool(config.keys, poolSettings(config.strategy, config.scheduler), memory, `lease-${ctx.incarnation}`);
    const waiting = new Map<string, Deferred<LeaseReply>>();

    const apply = (step: PoolStep): void => {
      for (const { waiterId, reply } of step.replies) {
        waiting.get(waiterId)?.resolve(reply);
        waiting.delete(waiterId);
      }
      for (const { keyName, status, cause, until } of step.changes) {
        const restsUntil = until === null ? null : new Date(until).toISOString();
        const what = status === 'disabled' ? 'is disabled: the provider refuses it; check that it is valid and paid' : `rests until ${restsUntil}`;
        ctx.log.warn({ key: keyName, status, cause, restsUntil }, `API key "${keyName}" ${what}`);
      }
      if (step.wakeAt === null) ctx.clearTimer('wake');
      else ctx.setTimer('wake', step.wakeAt - ctx.clock.now(), { type: 'wake' });
    };
    const report = (): void => {
      const { total_keys, available_keys, in_use_keys, cooling_keys, disabled_keys, in_flight, waiting: waiters, granted } = pool.stats(ctx.clock.now());
      ctx.report({ total_keys, available_keys, in_use_keys, cooling_keys, disabled_keys, in_flight, waiting: waiters, granted });
    };

    report();
    ctx.setInterval('report', REPORT_MS, { type: 'report' });
    return {
      handlers: {
        lease: (request) => {
          const deferred = ctx.defer<LeaseReply>();
          // A second request of one id gets its refusal and leaves the first one waiting.
          if (waiting.has(request.waiterId)) {
            for (const { reply } of pool.request(request, ctx.clock.now()).replies) deferred.resolve(reply);
            return deferred;
          }
          waiting.set(request.waiterId, deferred);
          apply(pool.request(request, ctx.clock.now()));
          return deferred;
        },
        sent: ({ leaseId, at }) => apply(pool.sent(leaseId, at, ctx.clock.now())),
        settle: ({ leaseId, outcome, blame }) => apply(pool.settle(leaseId, outcome, ctx.clock.now(), blame)),
        forgive: ({ keyName }) => pool.forgive(keyName, ctx.clock.now()),
        cancel: ({ waiterId }) => apply(pool.cancel(waiterId, ctx.clock.now())),
        stats: () => pool.stats(ctx.clock.now()),
        wake: () => apply(pool.advance(ctx.clock.now())),
        report,
      },
    };
  },
});
