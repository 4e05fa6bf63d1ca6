import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { ACQUIRE, CLOCK, JOIN, REDIS_NAMES, REPORT, SYNC } from '../../src/keys/shared/gate-scripts.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { LimitsModel } from '../support/limits-model.ts';
import { memoryLog } from '../support/log.ts';
import { Random } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const available = (await ensureRedisServer()).binary !== null;
/** More: `GANTRY_LIMITS_RUNS=1000`; one again: `GANTRY_LIMITS_SEED=n`. */
const ONLY = process.env['GANTRY_LIMITS_SEED'];
const SEEDS =
  ONLY === undefined
    ? Array.from({ length: Number(process.env['GANTRY_LIMITS_RUNS'] ?? '40') }, (_, index) => index + 1)
    : [Number(ONLY)];
const STEPS = 80;
const { members, born, expected, budget } = REDIS_NAMES;
const BUDGETS = [budget('key:a'), budget('group:b')] as const;

/** Numbers come as text; a script's error comes as an error. */
const plain = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(plain)
    : typeof value === 'string' && value !== '' && Number.isFinite(Number(value))
      ? Number(value)
      : value;

/** One random call as the gate makes them, and now and then one of a node that nobody knows. */
function anyCall(
  random: Random,
  now: number,
  ids: string[],
): { readonly script: string; readonly keys: string[]; readonly args: (string | number)[] } {
  const node = random.pick(['n0', 'n1', 'n2']);
  const chosen = BUDGETS.filter(() => random.chance(0.7));
  const stamp = now - random.pick([0, 5, 700, 4_000]) + random.pick([0, 0, 50]);
  const id = (): string =>
    random.chance(0.8)
      ? (ids[ids.length - 1 - random.below(Math.min(30, ids.length))] ?? 'none')
      : `other:${random.below(1_000)}`;
  const kind = random.pick(['acquire', 'acquire', 'acquire', 'report', 'report', 'sync', 'join']);
  if (kind === 'report') {
    const reports = Array.from({ length: 1 + random.below(5) }, () => [
      id(),
      random.pick(['held', 'refund', String(random.below(1_500) - 40), String(random.below(1_500) - 40)]),
    ]);
    return { script: REPORT, keys: reports.map(() => random.pick(BUDGETS)), args: reports.flat() };
  }
  if (kind === 'sync')
    return {
      script: SYNC,
      keys: [members, born, expected, ...chosen],
      args: [node, stamp, ...chosen.map(() => now - random.below(4_000))],
    };
  if (kind === 'join') {
    const entries = chosen.map(() =>
      Array.from({ length: random.below(5) }, () => [
        id(),
        random.below(5_000) - 2_000,
        random.pick(['own', 'other', 'assumed']),
      ]),
    );
    return {
      script: JOIN,
      keys: [members, born, expected, ...chosen],
      args: [
        node,
        random.below(4),
        `birth-${now}`,
        random.pick(['', 'birth-old', 'birth-1']),
        ...entries.flatMap((list) => [list.length, ...list.flat()]),
      ],
    };
  }
  const args = chosen.flatMap(() => {
    const first = ids.length;
    const count = 1 + random.below(6);
    for (let i = 0; i < count; i++) ids.push(`${node}:${first + i}`);
    const windows = [
      [1 + random.below(6), 1_005],
      [1 + random.below(40), 60_005],
    ].slice(0, 1 + random.below(2));
    return [`${node}:`, first, count, random.pick([1, 2]), windows.length, ...windows.flat()];
  });
  return { script: ACQUIRE, keys: [members, born, expected, ...chosen], args: [node, stamp, ...args] };
}

describe(
  'the scripts on a real Redis',
  available ? {} : { skip: 'there is no real redis-server on this machine' },
  () => {
    let redis: EmbeddedService;
    let client: Redis;
    before(async () => {
      const folder = temporaryFolder();
      redis = await startRedisServer({ dataDir: folder, log: memoryLog() });
      client = new Redis(redis.url);
    });
    after(async () => {
      client?.disconnect();
      await redis?.stop();
    });

    it('answer every sequence of calls as the model does that is checked over random lives', async () => {
      let granted = 0;
      for (const seed of SEEDS) {
        const random = new Random(seed);
        const model = new LimitsModel(false);
        const ids: string[] = [];
        let now = 1_700_000_000_000;
        await client.flushall();
        for (let step = 0; step < STEPS; step++) {
          now += random.pick([0, 1, 20, 300, 1_100, 3_100]) + (random.chance(0.01) ? 70_000 : 0);
          if (random.chance(0.01)) {
            model.flush();
            await client.flushall();
          }
          const { script, keys, args } = anyCall(random, now, ids);
          assert.ok(script.includes(CLOCK));
          const real = plain(
            await client.eval(
              script.replace(CLOCK, 'local now = tonumber(ARGV[#ARGV])'),
              keys.length,
              ...keys,
              ...args,
              now,
            ),
          );
          const modelled = plain(model.eval(now, script, keys, args));
          assert.deepEqual(real, modelled, `GANTRY_LIMITS_SEED=${seed}, step ${step}: ${args.join(' ')}`);
          if (script === ACQUIRE && Array.isArray(real) && typeof real[4] === 'number') granted += real[4];
        }
      }
      assert.ok(ONLY !== undefined || granted > 100, `${granted} permits were granted`);
    });
  },
);
