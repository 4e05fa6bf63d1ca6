/** How long a lease takes to decide at 500 a second when the limits are no obstacle; P99 in ms. */
import { KEY_POOL, keyPoolActor } from '../../src/actors/key-pool.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { RedisGate } from '../../src/keys/shared/redis-gate.ts';
import { steadyNow } from '../../src/keys/steady.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';

const [redisUrl = '', seconds = '3'] = process.argv.slice(2);
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const config = parseKeyConfig(
  {
    api_keys: Array.from({ length: 10 }, (_, index) => ({
      name: `k${index}`,
      key: `lease-${index}`,
      qps_limit: 1_000,
      rpm_limit: 60_000,
    })),
  },
  {},
);
const gate =
  redisUrl === ''
    ? null
    : new RedisGate({ url: redisUrl, nodeId: 'leases', now: () => steadyNow(systemClock), log: silent });
if (gate !== null && !(await gate.ready(5_000))) throw new Error('Redis does not answer');
const memory = new LimitMemory();
const system = await startSystem(
  supervisor('root', [child('key-pool', keyPoolActor, () => ({ config, memory, gate }))]),
  {
    log: silent,
    onEscalation: (error) => {
      throw error;
    },
  },
);
const pool = system.ref(KEY_POOL);
const took: number[] = [];
const begun = performance.now();
const count = Number(seconds) * 500;
let asked = 0;
let open = 0;
const one = async (): Promise<void> => {
  const from = performance.now();
  open++;
  const lease = await pool.ask(
    { type: 'lease', waiterId: `w${asked++}`, priority: 3, exclude: [], deadline: Date.now() + 10_000 },
    { timeoutMs: 10_000 },
  );
  took.push(performance.now() - from);
  open--;
  if (lease.kind !== 'granted') throw new Error(lease.message);
  pool.tell({ type: 'sent', leaseId: lease.leaseId, at: steadyNow(systemClock) });
  pool.tell({ type: 'settle', leaseId: lease.leaseId, outcome: { kind: 'ok' } });
};
for (let i = 0; i < count; i++) {
  const wait = begun + i * 2 - performance.now();
  if (wait > 0.5) await new Promise((resolve) => setTimeout(resolve, wait));
  void one();
}
while (open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
// The first hundred pay for the compilation of the code.
const sorted = took.slice(100).toSorted((a, b) => a - b);
process.send?.({ p50: sorted[Math.floor(sorted.length * 0.5)], p99: sorted[Math.floor(sorted.length * 0.99)] });
await gate?.close();
process.exit(0);
