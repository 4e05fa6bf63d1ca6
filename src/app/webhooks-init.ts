import type { WebhooksInit } from '../actors/webhooks.ts';
import type { Bus } from '../infra/bus.ts';
import { Egress } from '../infra/egress.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import type { GantryConfig } from './config.ts';

/** Restricts the targets of hooks named by clients; those named by the operator may be anywhere. */
export const webhooksInit = (
  { hookSecret, alertHooks }: Pick<GantryConfig, 'hookSecret' | 'alertHooks'>,
  bus: Bus,
  guarded: Egress,
  store: OnDemandStore,
): WebhooksInit => ({
  bus,
  guarded,
  open: new Egress(['0.0.0.0/0', '::/0', ...alertHooks.map((url) => new URL(url).hostname)]),
  secret: hookSecret,
  alertHooks,
  onHook: async (id, hook) => {
    await store.change(id, (status) => ({ ...status, hook }));
  },
});
