import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { type KeySpec, parseKeyConfig } from '../../src/keys/key-config.ts';
import { budgetOf } from '../../src/keys/account.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { KeyPool } from '../../src/keys/pool.ts';
import { poolSettings, type PoolStep } from '../../src/keys/pool.types.ts';
import { RedisGate } from '../../src/keys/shared/redis-gate.ts';
import { REDIS_NAMES } from '../../src/keys/shared/gate-scripts.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const available = (await ensureRedisServer()).binary !== null;
const options = available ? {} : { skip: 'there is no real redis-server on this machine' };
const GUARD_MS = 20;
const now = (): number => Math.floor(performance.timeOrigin + performance.now());

interface Call {
  readonly budget: string;
  readonly node: string;
  readonly at: number;
}

/** A pool with its gate, as the actor drives it: calls as often as it may. */
class Node {
  readonly id: string;
  readonly gate: RedisGate;
  readonly #pool: KeyPool;
  readonly #keys: readonly KeySpec[];
  readonly #calls: Call[];
  #timer: NodeJS.Timeout | undefined;
  #asked = 0;
  #stopped = false;

  constructor(url: string, id: string, keys: readonly object[], calls: Call[], members: readonly string[] = []) {
    this.id = id;
    this.#calls = calls;
    const config = parseKeyConfig(
      {
        scheduler: { transit_guard_ms: GUARD_MS },
        api_keys: keys.map((key, index) => ({ name: `k${index + 1}`, key: `secret-${index}`, ...key })),
      },
      {},
    );
    this.#keys = config.keys;
    this.gate = new RedisGate({
      url,
      nodeId: id,
      members,
      now,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    this.#pool = new KeyPool(
      config.keys,
      poolSettings(config.strategy, config.scheduler),
      new LimitMemory(),
      id,
      this.gate,
    );
    this.gate.onChange(() => this.#apply(this.#pool.advance(now())));
  }

  get budget() {
    const [first] = this.#keys;
    assert.ok(first !== undefined);
    return budgetOf(first);
  }

  /** The first key under other fields. */
  change(key: object): void {
    const [first] = parseKeyConfig({ api_keys: [{ name: 'k1', key: 'secret-0', ...key }] }, {}).keys;
    assert.ok(first !== undefined);
    this.#apply(this.#pool.configure([first], 'round_robin', now()).step);
  }

  get mode() {
    return this.#pool.stats(now()).mode;
  }

  start(): void {
    for (let i = 0; i < 8; i++) this.#ask();
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
          { waiterId: `${this.id}-${this.#asked++}`, priority: 3, exclude: [], deadline: now() + 600_000 },
          now(),
        ),
      );
  }

  #apply(step: PoolStep): void {
    for (const { reply } of step.replies) {
      if (reply.kind !== 'granted') continue;
      const at = now();
      this.#calls.push({ budget: reply.keyName, node: this.id, at: performance.timeOrigin + performance.now() });
      this.#pool.sent(reply.leaseId, at, at);
      this.#pool.settle(reply.leaseId, { kind: 'ok' }, at);
      queueMicrotask(() => this.#ask());
    }
    this.gate.want(this.#pool.demand(now()), now());
    clearTimeout(this.#timer);
    if (step.wakeAt !== null && !this.#stopped)
      this.#timer = setTimeout(() => this.#apply(this.#pool.advance(now())), Math.max(0, step.wakeAt - now()));
  }
}

function violations(calls: readonly Call[], budgets: readonly string[], limit: number, spanMs: number): number {
  let found = 0;
  for (const budget of budgets) {
    const at = calls
      .filter((call) => call.budget === budget)
      .map((call) => call.at)
      .toSorted((a, b) => a - b);
    for (let i = 0; i + limit < at.length; i++) if ((at[i + limit] ?? Infinity) - (at[i] ?? 0) <= spanMs) found++;
  }
  return found;
}

/** The most calls in any `spanMs`. */
const mostWithin = (calls: readonly Call[], spanMs: number): number =>
  Math.max(0, ...calls.map(({ at: from }) => calls.filter(({ at }) => at >= from && at < from + spanMs).length));

/** A Redis, and nodes over it; all ended with the test: they would go on for ever. */
async function started(t: TestContext) {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const redis = await startRedisServer({ dataDir: temporaryFolder(), log });
  const nodes: Node[] = [];
  t.after(async () => {
    const pid = redis.pid();
    if (pid !== null) process.kill(pid, 'SIGCONT');
    await Promise.all(nodes.map((node) => node.stop()));
    await redis.stop();
  });
  const calls: Call[] = [];
  return {
    redis,
    calls,
    node: async (id: string, ...keys: readonly object[]): Promise<Node> => {
      const node = new Node(redis.url, id, keys, calls);
      nodes.push(node);
      assert.ok(await node.gate.ready(30_000));
      return node;
    },
    command: async (run: (client: Redis) => Promise<unknown>): Promise<void> => {
      const client = new Redis(redis.url);
      await run(client);
      client.disconnect();
    },
  };
}

// Side by side: they mostly wait for windows of a second.
describe('limits shared over Redis', { ...options, concurrency: true }, () => {
  it('three nodes together use a budget whole and never exceed it', async (t) => {
    const { calls, node } = await started(t);
    const keys = [
      { qps_limit: 10, rpm_limit: 3000 },
      { qps_limit: 5, rpm_limit: 3000 },
    ];
    const nodes = await Promise.all(['a', 'b', 'c'].map((id) => node(id, ...keys)));
    nodes.forEach((each) => each.start());
    // A busy machine delays the calls, but not for ever.
    await until(
      '45 calls of the 60 that four seconds allow',
      () => calls.length > 60 && mostWithin(calls, 4_000) >= 45,
    );
    await Promise.all(nodes.map((each) => each.stop()));
    assert.equal(violations(calls, ['k1'], 10, 1_000) + violations(calls, ['k2'], 5, 1_000), 0);
    for (const { id } of nodes)
      assert.ok(
        calls.some((call) => call.node === id),
        `${id} got nothing`,
      );
  });

  it('permits of a node that died come free by themselves, and its share is kept for it meanwhile', async (t) => {
    const { calls, node, command } = await started(t);
    const heir = await node('heir', { qps_limit: 4, rpm_limit: 3000 });
    // What a node leaves that held four permits and died: nobody prolongs or reports them.
    const diedAt = performance.timeOrigin + performance.now();
    await command(async (client) => {
      await client.zadd(REDIS_NAMES.members, Date.now() - 3_500, 'dead');
      for (let i = 0; i < 4; i++) await client.zadd(REDIS_NAMES.budget(heir.budget), Date.now() + 1_500, `dead:${i}`);
    });
    heir.start();
    await until('the heir calls', () => calls.length >= 6);
    await heir.stop();
    assert.ok((calls[0]?.at ?? 0) >= diedAt + 2_500, 'the permits count as sent when they ran out');
    assert.equal(
      violations(calls, ['k1'], 2, 1_000),
      0,
      'half of the budget is kept for a node that may be calling on its own',
    );
  });

  it('what was spent follows a key under another name, and into a group, on every node', async (t) => {
    const { calls, node } = await started(t);
    const limits = { qps_limit: 10, rpm_limit: 12 };
    const nodes = await Promise.all(['a', 'b'].map((id) => node(id, limits)));
    nodes.forEach((each) => each.start());
    await until('the minute is spent', () => calls.length >= 12);
    for (const change of [{ name: 'renamed' }, { name: 'renamed', quota_group: 'g' }]) {
      for (const each of nodes) each.change({ ...limits, ...change });
      await delay(1_200);
    }
    // One that knows only the group.
    const late = await node('c', { ...limits, quota_group: 'g', name: 'late', key: 'another of the account' });
    late.start();
    await delay(1_200);
    assert.equal(calls.length, 12);
  });

  it('a node that never reached Redis keeps to its part of the nodes last known', async (t) => {
    const calls: Call[] = [];
    const alone = new Node('redis://127.0.0.1:1', 'b', [{ qps_limit: 6, rpm_limit: 600 }], calls, ['a', 'b', 'c']);
    t.after(() => alone.stop());
    alone.start();
    await until('it calls', () => calls.length >= 4);
    assert.equal(violations(calls, ['k1'], 2, 1_000), 0);
  });

  it('Redis loses its data: nobody starts from nothing', async (t) => {
    const { calls, node, command } = await started(t);
    const nodes = await Promise.all(['a', 'b'].map((id) => node(id, { qps_limit: 10, rpm_limit: 30 })));
    nodes.forEach((each) => each.start());
    await until('the minute is spent', () => calls.length >= 30);
    await command((client) => client.flushall());
    await delay(4_000);
    assert.equal(calls.length, 30);
  });

  it('Redis is away: each goes on with its share, says so, and comes back without a burst', async (t) => {
    const { redis, calls, node } = await started(t);
    const nodes = await Promise.all(['a', 'b'].map((id) => node(id, { qps_limit: 10, rpm_limit: 3000 })));
    nodes.forEach((each) => each.start());
    await until('they call', () => calls.length >= 25);
    const pid = redis.pid();
    assert.ok(pid !== null);
    process.kill(pid, 'SIGSTOP');
    const awayFrom = performance.timeOrigin + performance.now();
    await until('both say so', () => nodes.every(({ mode }) => mode === 'degraded'));
    await until('both go on alone', () =>
      nodes.every(({ id }) => calls.filter((call) => call.node === id && call.at > awayFrom + 3_000).length >= 5),
    );
    process.kill(pid, 'SIGCONT');
    await until('both share again', () => nodes.every(({ mode }) => mode === 'shared'));
    await delay(3_000);
    await Promise.all(nodes.map((each) => each.stop()));
    assert.equal(violations(calls, ['k1'], 10, 1_000), 0);
    for (const { id } of nodes) assert.ok(calls.some((call) => call.node === id));
  });
});
