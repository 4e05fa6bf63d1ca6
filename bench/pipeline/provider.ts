/** The provider in a process of its own. Its argument is the order; any message asks it for its calls. */
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderCall, ProviderOrder } from './orders.ts';

const order: ProviderOrder = JSON.parse(process.argv[2] ?? '');
const simulator = await startProviderSimulator({
  keys: simulatedKeys(order.keys, { qps: order.qps, rpm: order.qps * 60 }),
  latency: order.latency,
});
process.on('message', () => {
  const calls: readonly ProviderCall[] = simulator
    .calls()
    .flatMap(({ traceId, at, ms, status }) => (traceId === null ? [] : [{ traceId, at, ms, status }]));
  process.send?.({ calls, violations: simulator.violations().length });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: simulator.url, model: simulator.model, keys: simulator.keyEntries() });
