/**
 * The strict provider in a process of its own. It answers the truth of the newest picture of a call, after a time
 * evenly spread between two bounds. Its argument is the order; any message asks it for its record.
 */
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import { preciseNow } from '../../src/simulator/reply.ts';
import type { SimulatedAnswer } from '../../src/simulator/simulated-answer.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import type { ProviderOrder, ProviderRecord, SeenCall } from './orders.ts';
import { type Shown, shownIn } from './pictures.ts';
import { FASTEST_ANSWER_MS, SLOWEST_ANSWER_MS } from './simulate.ts';

const order: ProviderOrder = JSON.parse(process.argv[2] ?? '');
const seen: SeenCall[] = [];
const simulator = await startProviderSimulator({
  keys: simulatedKeys(order.keys, { qps: order.qps, rpm: order.rpm }),
  latency: { leastMs: FASTEST_ANSWER_MS, mostMs: SLOWEST_ANSWER_MS },
  answerTo: (request) => {
    const shown = shownIn(request);
    if (shown === null) return null;
    seen.push({ ...shown, calledAt: preciseNow() });
    return truthOf(shown);
  },
});
process.on('message', () => {
  const calls = simulator.calls();
  const good = calls.filter(({ status }) => status === 200 || status === 0);
  const record: ProviderRecord = {
    calls: seen,
    accepted: calls.filter(({ status }) => status !== 429).map(({ at }) => at),
    refused: calls.filter(({ status }) => status === 429).length,
    violations: simulator.violations().length,
    promptTokens: good.reduce((sum, { promptTokens }) => sum + promptTokens, 0) / good.length,
  };
  process.send?.(record);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: simulator.url, model: simulator.model, keys: simulator.keyEntries() });

function truthOf({ truth }: Shown): SimulatedAnswer {
  return {
    riskLevel: truth,
    confidence: 0.9,
    riskTypes: truth === 'none' ? [] : ['simulated'],
    description: truth === 'none' ? 'Normal traffic.' : 'The true danger of this frame.',
    dangerObjectCount: 0,
    triggerObjectIds: [],
  };
}
