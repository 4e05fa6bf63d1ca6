import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { KeyPool } from '../../src/keys/pool.ts';
import { poolSettings, type PoolStep } from '../../src/keys/pool.types.ts';
import { RedisGate } from '../../src/keys/shared/redis-gate.ts';
import { TokenGate } from '../../src/keys/shared/token-gate.ts';
import { TOKEN_NAMES } from '../../src/keys/shared/token-scripts.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { keyConfig } from '../support/key-pool.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const options =
  (await ensureRedisServer()).binary !== null ? {} : { skip: 'there is no real redis-server on this machine' };
const TPM = 20_000;
const KEYS = [
  { quota_group: 'g', qps_limit: 200, rpm_limit: 6_000, tpm_limit: TPM },
  { quota_group: 'g', qps_limit: 200, rpm_limit: 6_000, tpm_limit: TPM },
];
const BOUND = { prompt: 800, completion: 200 };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const now = (): number => Math.floor(performance.timeOrigin + performance.now());

/**
 * A pool with its gates, as the actor drives it: calls as often as it may, each taking some ms and less than reserved.
 */
class Node {
  readonly gate: TokenGate;
  readonly id: string;
  readonly used: number[] = [];
  readonly #calls: RedisGate;
  readonly #pool: KeyPool;
  readonly #callMs: number;
  #timer: NodeJS.Timeout | undefined;
  #asked = 0;
  #stopped = false;

  constructor(url: string, id: string, callMs = 20) {
    this.id = id;
    this.#callMs = callMs;
    const config = keyConfig(KEYS, 'round_robin', { transit_guard_ms: 10, timeout_seconds: 5 });
    this.#calls = new RedisGate({ url, nodeId: id, now, log: silent });
    this.gate = new TokenGate(this.#calls, { url, nodeId: id, now, log: silent });
    this.#pool = new KeyPool(
      config.keys,
      poolSettings(config.strategy, config.scheduler),
      new LimitMemory(),
      id,
      this.gate,
    );
    this.gate.onChange(() => this.#apply(this.#pool.advance(now())));
  }

  get tokens(): number {
    return this.used.reduce((sum, tokens) => sum + tokens, 0);
  }

  async start(): Promise<void> {
    await until('limits are shared', () => this.gate.mode === 'shared');
    for (let i = 0; i < 4; i++) this.#ask();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.gate.close();
  }

  #ask(): void {
    if (!this.#stopped)
      this.#apply(
        this.#pool.request(
          {
            waiterId: `${this.id}-${this.#asked++}`,
            priority: 3,
            exclude: [],
            deadline: now() + 600_000,
            tokens: BOUND,
          },
          now(),
        ),
      );
  }

  #apply(step: PoolStep): void {
    for (const { reply } of step.replies) {
      if (reply.kind !== 'granted') continue;
      const tokens = 300 + ((this.used.length * 137) % 500);
      this.used.push(tokens);
      this.#pool.sent(reply.leaseId, now(), now());
      setTimeout(() => {
        this.#apply(
          this.#pool.settle(reply.leaseId, { kind: 'ok' }, now(), 'key', null, {
            prompt: tokens - 100,
            completion: 100,
          }),
        );
        this.#ask();
      }, this.#callMs);
    }
    this.gate.want(this.#pool.demand(now()), now());
    clearTimeout(this.#timer);
    if (step.wakeAt !== null && !this.#stopped)
      this.#timer = setTimeout(() => this.#apply(this.#pool.advance(now())), Math.max(0, step.wakeAt - now()));
  }
}

/** A Redis, and nodes over it, all ended with the test. */
async function started(t: TestContext) {
  const redis = await startRedisServer({ dataDir: temporaryFolder(), log: silent });
  const client = new Redis(redis.url);
  const nodes: Node[] = [];
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    client.disconnect();
    await redis.stop();
  });
  return {
    redis,
    client,
    node: async (id: string, callMs?: number): Promise<Node> => {
      const node = new Node(redis.url, id, callMs);
      nodes.push(node);
      await node.start();
      return node;
    },
    used: () => nodes.reduce((sum, node) => sum + node.tokens, 0),
    /** What Redis counts, and what it would count if it added up. */
    counted: async (): Promise<readonly [sum: number, all: number]> => {
      const { sum, ...calls } = await client.hgetall(TOKEN_NAMES.weights('group:g'));
      return [Number(sum ?? 0), Object.values(calls).reduce((total, tokens) => total + Number(tokens), 0)];
    },
  };
}

// Side by side: they mostly wait.
describe('a limit of tokens shared over Redis', { ...options, concurrency: true }, () => {
  it('three nodes together use a minute up and not more; the sum that Redis keeps is that of the calls', async (t) => {
    const { node, used, counted } = await started(t);
    const nodes = await Promise.all(['a', 'b', 'c'].map((id) => node(id)));
    // A call may need 1,000 (800 at most for its prompt, until more is known), so the last of them stay free.
    await until('the minute is nearly used up', () => used() > TPM - 1_000);
    await until('all is reported', async () => (await counted())[0] === used());
    assert.deepEqual(await counted(), [used(), used()]);
    assert.ok(used() <= TPM, `${used()} tokens`);
    for (const { id, used: calls } of nodes) assert.ok(calls.length > 0, `${id} got nothing`);
    // A node that comes now finds it spent.
    const late = await node('late');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.ok(used() <= TPM, `${used()} tokens, ${late.tokens} of them of the late node`);
  });

  it('Redis loses its data: two nodes report their use, and neither goes on before the others must have', async (t) => {
    const { client, node, used } = await started(t);
    const nodes = await Promise.all(['a', 'b'].map((id) => node(id)));
    await until('half is used', () => used() > TPM / 2);
    await client.flushall();
    const at = used();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.ok(used() <= TPM, `${at} tokens, then ${used()}`);
    await until('they share again', () => nodes.every(({ gate }) => gate.mode === 'shared'));
  });

  it('Redis is away: a node that was alone goes on under its limit and counts what it used before', async (t) => {
    const { redis, counted, ...world } = await started(t);
    const node = await world.node('alone', 100);
    await until('some is used', () => node.tokens > 3_000);
    const pid = redis.pid();
    assert.ok(pid !== null);
    process.kill(pid, 'SIGSTOP');
    try {
      await until('it says so', () => node.gate.mode === 'degraded');
      const calls = node.used.length;
      await until('it goes on', () => node.used.length > calls + 4 || node.tokens > TPM - 1_000);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until('it shares again', () => node.gate.mode === 'shared');
    await until('all is known to Redis', async () => node.tokens > TPM - 1_000 && (await counted())[1] >= node.tokens);
    assert.ok(node.tokens <= TPM, `${node.tokens} tokens`);
  });
});
