import type { WebhooksInit } from '../actors/webhooks.ts';
import type { Bus } from '../infra/bus.ts';
import { Egress } from '../infra/egress.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import type { GantryConfig } from './config.ts';

/** Any address, and these hosts by their names. */
const openTo = (urls: readonly string[]): Egress =>
  new Egress(['0.0.0.0/0', '::/0', ...urls.map((url) => new URL(url).hostname)]);

/** Restricts the targets of hooks named by clients; those named by the operator may be anywhere. */
export const webhooksInit = (
  { hookSecret, alertHooks }: Pick<GantryConfig, 'hookSecret' | 'alertHooks'>,
  bus: Bus,
  guarded: Egress,
  store: OnDemandStore,
  monitoringHooks: () => readonly string[],
): WebhooksInit => ({
  bus,
  guarded,
  open: openTo(alertHooks),
  monitoringHooks,
  openTo,
  secret: hookSecret,
  alertHooks,
  onHook: async (id, hook) => {
    await store.change(id, (status) => ({ ...status, hook }));
  },
});
