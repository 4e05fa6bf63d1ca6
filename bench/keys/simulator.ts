/** The strict provider in a process of its own. Started with a scenario as its argument; obeys messages. */
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import { STORM_CALLS, type Scenario } from './scenarios.ts';

const scenario: Scenario = JSON.parse(process.argv[2] ?? '');
const simulator = await startProviderSimulator({
  keys: scenario.keys,
  latency: { medianMs: 80, p95Ms: 250 },
  ...(scenario.jitterMs === undefined ? {} : { jitterMs: scenario.jitterMs }),
});
process.on('message', (message) => {
  if (message === 'revoke') simulator.revoke('k1');
  if (message === 'storm')
    simulator.setBehaviour({ kind: 'status', status: 429, retryAfter: '1' }, { times: STORM_CALLS });
  if (message === 'report')
    process.send?.({
      calls: simulator.calls().map(({ at, key, budget, status }) => ({ at, key, budget, status })),
      violations: simulator.violations().length,
    });
  if (message === 'end') void simulator.close().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: simulator.url, model: simulator.model });
