import type { KeyStrategy, SchedulerSection } from '../keys/key-config.schema.ts';
import type { KeyConfig, KeySpec } from '../keys/key-config.ts';
import type { LimitMemory } from '../keys/limits.ts';
import type { PermitGate } from '../keys/shared/gate.ts';
import { KeyPool } from '../keys/pool.ts';
import {
  poolSettings,
  type ConfigureSummary,
  type KeyPoolStats,
  type KeyView,
  type LeaseReply,
  type LeaseRequest,
  type PoolState,
  type PoolStep,
  type Settlement,
} from '../keys/pool.types.ts';
import { steadyNow, toSteady } from '../keys/steady.ts';
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
  /** The call under a lease is leaving now; `at` by `steadyNow`. Until then it counts in every window. */
  | { readonly type: 'sent'; readonly leaseId: string; readonly at: number }
  /** How the call under a lease ended. Every grant must be settled once; one that is not is taken back after a while. */
  | ({ readonly type: 'settle' } & Settlement)
  /** One failure booked on this key was the request's fault. */
  | { readonly type: 'forgive'; readonly keyName: string }
  /** Withdraws a waiting lease; it is answered with a refusal. */
  | { readonly type: 'cancel'; readonly waiterId: string }
  | ({ readonly type: 'stats' } & Asking<KeyPoolStats>)
  /** Replaces keys, strategy and, when there, the settings of the key file's section `scheduler`; calls in flight finish. */
  | ({
      readonly type: 'configure';
      readonly keys: readonly KeySpec[];
      readonly strategy: KeyStrategy;
      readonly scheduler?: SchedulerSection;
    } & Asking<ConfigureSummary>)
  /** No new leases for this key while on; calls in flight finish. Answers whether there is such a key. */
  | ({ readonly type: 'drain'; readonly keyName: string; readonly on: boolean } & Asking<boolean>)
  /** Switches this key off, or on again. Answers whether there is such a key. */
  | ({ readonly type: 'disable'; readonly keyName: string; readonly on: boolean } & Asking<boolean>)
  /** Every key for administration, without its secret. */
  | ({ readonly type: 'keys' } & Asking<readonly KeyView[]>)
  /** Whether calls can be made at all. */
  | ({ readonly type: 'state' } & Asking<PoolState>);
type Private = { readonly type: 'wake' } | { readonly type: 'report' };

export const KEY_POOL = address<KeyPoolMessage>('/key-pool');

export interface KeyPoolInit {
  readonly config: KeyConfig;
  /** Made once by whoever starts the system, so that a restart of the actor does not spend budgets twice. */
  readonly memory: LimitMemory;
  /** Limits held together with other nodes; absent: this process decides alone. */
  readonly gate?: PermitGate | null;
}

const REPORT_MS = 1_000;
/** After a restart: by then every call under a forgotten lease has left; it takes a few ms when nothing is wrong. */
const ORPHANS_LEAVE_MS = 1_000;

/** Shares the API keys: a thin shell around the pure {@link KeyPool}. */
export const keyPoolActor = defineActor<KeyPoolMessage, Private>()<KeyPoolInit>({
  kind: 'key-pool',
  // Leases are bounded by the pool's own queue; settlements must not be lost.
  mailbox: { capacity: 20_000, overflow: 'refuse' },
  start: (ctx, { config, memory, gate = null }) => {
    const now = (): number => steadyNow(ctx.clock);
    const { keys, strategy } = memory.live ?? config;
    const settings = poolSettings(strategy, config.scheduler);
    memory.orphaned(now() + ORPHANS_LEAVE_MS, now() + settings.leaseMs);
    const pool = new KeyPool(keys, settings, memory, `lease-${ctx.incarnation}`, gate);
    gate?.orphaned();
    gate?.onChange(() => void ctx.self.tell({ type: 'wake' }));
    memory.live?.drained.forEach((keyName) => pool.drain(keyName, true, now()));
    memory.live?.disabled.forEach((keyName) => pool.disable(keyName, true, now()));
    const waiting = new Map<string, Deferred<LeaseReply>>();

    const apply = (step: PoolStep): void => {
      for (const { waiterId, reply } of step.replies) {
        waiting.get(waiterId)?.resolve(reply);
        waiting.delete(waiterId);
      }
      for (const { keyName, status, cause, until } of step.changes) {
        if (status === 'available') {
          ctx.log.info({ key: keyName, status, cause }, `API key "${keyName}" works again`);
          continue;
        }
        const restsUntil = until === null ? null : new Date(until).toISOString();
        const why =
          cause === 'misconfigured'
            ? 'its model or address cannot be used; check both'
            : 'the provider refuses it; check that it is valid and paid';
        const what = status === 'disabled' ? `is disabled: ${why}` : `rests until ${restsUntil}`;
        ctx.log.warn({ key: keyName, status, cause, restsUntil }, `API key "${keyName}" ${what}`);
      }
      for (const { group, state, failures, retryAt } of pool.circuitChanges(now())) {
        if (state === 'closed') ctx.log.info({ group, state }, `provider of ${group} works again: calls go on`);
        else
          ctx.log.warn(
            { group, state, failures, retryAt },
            `provider of ${group} fails: no calls but one trial at a time, the first at ${retryAt}; check its status page and the network`,
          );
      }
      gate?.want(pool.demand(now()), now());
      if (step.wakeAt === null) ctx.clearTimer('wake');
      else ctx.setTimer('wake', step.wakeAt - now(), { type: 'wake' });
    };
    const remember = (specs: readonly KeySpec[], by: KeyStrategy): void => {
      const view = pool.view(now());
      const having = (test: (key: KeyView) => boolean): ReadonlySet<string> =>
        new Set(view.filter(test).map((key) => key.key_id));
      memory.live = {
        keys: specs,
        strategy: by,
        drained: having((key) => key.drained),
        disabled: having((key) => key.switched_off),
      };
    };
    const operated = (
      keyName: string,
      what: string,
      { found, step }: { readonly found: boolean; readonly step: PoolStep },
    ): boolean => {
      if (found) ctx.log.info({ key: keyName }, `API key "${keyName}" is ${what} by an operator`);
      remember(memory.live?.keys ?? config.keys, memory.live?.strategy ?? config.strategy);
      apply(step);
      return found;
    };
    const report = (): void => {
      const {
        total_keys,
        available_keys,
        in_use_keys,
        cooling_keys,
        disabled_keys,
        in_flight,
        waiting: waiters,
        granted,
        permits_in_hand,
      } = pool.stats(now());
      ctx.report({
        total_keys,
        available_keys,
        in_use_keys,
        cooling_keys,
        disabled_keys,
        in_flight,
        waiting: waiters,
        granted,
        permits_in_hand,
      });
    };

    report();
    ctx.setInterval('report', REPORT_MS, { type: 'report' });
    return {
      handlers: {
        lease: (message) => {
          const request = { ...message, deadline: toSteady(ctx.clock, message.deadline) };
          const deferred = ctx.defer<LeaseReply>();
          // A second request of one id gets its refusal and leaves the first one waiting.
          if (waiting.has(request.waiterId)) {
            for (const { reply } of pool.request(request, now()).replies) deferred.resolve(reply);
            return deferred;
          }
          waiting.set(request.waiterId, deferred);
          apply(pool.request(request, now()));
          return deferred;
        },
        sent: ({ leaseId, at }) => apply(pool.sent(leaseId, at, now())),
        settle: ({ leaseId, outcome, blame, transit, tokens, adaptations }) =>
          apply(pool.settle(leaseId, outcome, now(), blame, transit, tokens, adaptations)),
        forgive: ({ keyName }) => pool.forgive(keyName, now()),
        cancel: ({ waiterId }) => apply(pool.cancel(waiterId, now())),
        stats: () => pool.stats(now()),
        configure: ({ keys: wanted, strategy: by, scheduler }) => {
          const { summary, step } = pool.configure(
            wanted,
            by,
            now(),
            scheduler === undefined ? undefined : poolSettings(by, scheduler),
          );
          remember(wanted, by);
          ctx.log.info(
            { ...summary },
            `API keys changed: ${summary.added.length} added, ${summary.removed.length} removed, ${summary.changed.length} changed`,
          );
          apply(step);
          return summary;
        },
        drain: ({ keyName, on }) =>
          operated(keyName, on ? 'drained' : 'no longer drained', pool.drain(keyName, on, now())),
        disable: ({ keyName, on }) => operated(keyName, on ? 'disabled' : 'enabled', pool.disable(keyName, on, now())),
        keys: () => pool.view(now()),
        state: () => pool.state,
        wake: () => apply(pool.advance(now())),
        report,
      },
    };
  },
});
