/** The simulated provider in a process of its own; its misbehaviour is switched by messages. */
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderAnswer, ProviderOrder } from './record.ts';

const simulator = await startProviderSimulator({
  keys: simulatedKeys(4, { qps: 5, rpm: 300 }),
  latency: { medianMs: 150, p95Ms: 400 },
});
const say = (answer: ProviderAnswer): void => void process.send?.(answer);

process.on('message', (order: ProviderOrder) => {
  if (order.type === 'behave') simulator.clearBehaviours();
  if (order.type === 'behave' && order.as !== null) simulator.setBehaviour(order.as);
  if (order.type !== 'record') return;
  const [calls, violations] = [simulator.calls(), simulator.violations()];
  // Logs the time of each call in such a window, to find the reason.
  for (const { budget, spanMs, from } of violations)
    console.error(
      budget,
      calls
        .filter((call) => call.budget === budget && call.at >= from - spanMs && call.at <= from + 2 * spanMs)
        .map(({ at, status, traceId }) => ({ ms: at - from, status, traceId })),
    );
  say({ type: 'record', calls: calls.length, violations });
});
process.on('disconnect', () => process.exit(0));
say({ type: 'up', url: simulator.url, model: simulator.model, keys: simulator.keyEntries() });
