/** The strict provider in a process of its own. Started with a scenario as its argument; obeys messages. */
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import { STORM_CALLS, type Scenario } from './scenarios.ts';

const scenario: Scenario = JSON.parse(process.argv[2] ?? '');
/** A key of the benchmark's own. */
const WARM = { name: 'warm-up', key: 'warm-up', qps: 1_000, rpm: 10_000 };
const WARM_UP_CALLS = 20;
const simulator = await startProviderSimulator({
  keys: [...scenario.keys, WARM],
  latency: scenario.latency ?? { medianMs: 80, p95Ms: 250 },
  ...(scenario.jitterMs === undefined ? {} : { jitterMs: scenario.jitterMs }),
});
process.on('message', (message) => {
  if (message === 'revoke') simulator.revoke('k1');
  if (message === 'storm')
    simulator.setBehaviour({ kind: 'status', status: 429, retryAfter: '1' }, { times: STORM_CALLS });
  if (message === 'report')
    process.send?.({
      calls: simulator
        .calls()
        .filter(({ key }) => key !== WARM.name)
        .map(({ at, key, budget, status }) => ({ at, key, budget, status })),
      violations: simulator.violations().length,
    });
  if (message === 'end') void simulator.close().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
// The first calls of a process are slow, as a provider's never are.
if (scenario.coresFull === true) await Promise.all(Array.from({ length: WARM_UP_CALLS }, warmUp));
process.send?.({ url: simulator.url, model: simulator.model });

async function warmUp(): Promise<void> {
  const response = await fetch(`${simulator.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${WARM.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: simulator.model, messages: [{ role: 'user', content: 'ready?' }] }),
  });
  if (!response.ok) throw new Error(`the simulator answered ${response.status}: ${await response.text()}`);
}
