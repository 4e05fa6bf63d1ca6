/** The simulated provider in a process of its own; its misbehaviour is switched by messages. */
import { simulatedKeys } from '../../src/simulator/keys.ts';
import { startProviderSimulator } from '../../src/simulator/server.ts';
import type { ProviderAnswer, ProviderOrder } from './record.ts';

const simulator = await startProviderSimulator({ keys: simulatedKeys(4, { qps: 5, rpm: 300 }), latency: { medianMs: 150, p95Ms: 400 } });
const say = (answer: ProviderAnswer): void => void process.send?.(answer);

process.on('message', (order: ProviderOrder) => {
  if (order.type === 'behave') simulator.clearBehaviours();
  if (order.type === 'behave' && order.as !== null) simulator.setBehaviour(order.as);
  if (order.type === 'record') say({ type: 'record', calls: simulator.calls().length, violations: simulator.violations() });
});
process.on('disconnect', () => process.exit(0));
say({ type: 'up', url: simulator.url, model: simulator.model, keys: simulator.keyEntries() });
