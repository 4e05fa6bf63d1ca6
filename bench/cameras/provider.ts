/** The provider in a process of its own. Its argument is the order; any message asks it for its figures. */
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import type { ProviderFigures, ProviderOrder } from './orders.ts';

const order: ProviderOrder = JSON.parse(process.argv[2] ?? '');
const simulator = await startProviderSimulator({
  keys: simulatedKeys(order.keys, { qps: order.qps, rpm: order.qps * 60 }),
  latency: { leastMs: order.leastMs, mostMs: order.mostMs },
});
process.on('message', () => {
  const calls = simulator.calls();
  const figures: ProviderFigures = {
    calls: calls.length,
    limited: calls.filter(({ status }) => status === 429).length,
    failed: calls.filter(({ status }) => status !== 200 && status !== 429 && status !== 0).length,
  };
  process.send?.(figures);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: simulator.url, model: simulator.model, keys: simulator.keyEntries() });
