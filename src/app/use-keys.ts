import { join } from 'node:path';
import { KEY_POOL, type KeyPoolInit } from '../actors/key-pool.ts';
import { SCHEDULER, type SchedulerInit, schedulerSettings } from '../actors/scheduler/scheduler.types.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import { type EffectiveKeys, KeyAdmin } from '../key-admin/admin.ts';
import { sealerFromEnv } from '../key-admin/seal.ts';
import { RedisKeyShare } from '../key-admin/shared-record.ts';
import type { SchedulerSection } from '../keys/key-config.schema.ts';
import type { KeyConfig } from '../keys/key-config.ts';
import { LimitMemory } from '../keys/limits.ts';
import { RedisGate } from '../keys/shared/redis-gate.ts';
import { TokenGate } from '../keys/shared/token-gate.ts';
import { steadyNow } from '../keys/steady.ts';
import { systemClock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { ProviderSimulator } from '../simulator/simulator.types.ts';
import type { GantryConfig } from './config.ts';
import type { UsedService } from './embedded.ts';
import { LimitMembers } from './limit-members.ts';
import { nodeIdOf } from './node-id.ts';

export interface UsedKeys {
  /** Asked for at every start of the pool, so that it gets the keys as they are then. */
  readonly pool: () => KeyPoolInit;
  readonly scheduler: Pick<SchedulerInit, 'language' | 'settings'>;
  readonly admin: KeyAdmin;
  readonly nodeId: string;
  readonly simulator: ProviderSimulator | null;
  /** Brings every change to the pool from now on, and follows the key file and the other nodes. */
  follow(system: ActorSystem, metrics: Pick<Metrics, 'forgetKey'>, redisUrl: string | null): void;
  /** One sentence for each thing an operator should know about the keys, without secrets. */
  notices(): readonly string[];
  /** Resolves when the pool has every change made so far. */
  brought(): Promise<void>;
  readonly close: () => Promise<void>;
}

const SIMULATED_LIMITS = { qps: 5, rpm: 100 };
const SIMULATED_LATENCY = { medianMs: 700, p95Ms: 1_600 };
/** A start does not wait longer for Redis. */
const JOIN_WAIT_MS = 2_000;
const NO_KEYS_HERE =
  'this scheduler has no API keys: rules judge the groups it takes, although other schedulers may have keys';
const ASK = { timeoutMs: 3_000 };
const TOKENS_NOT_SHARED = 'limits of tokens: Redis is away, so this node keeps to its share of them until it is back';
const limitsNotShared = (nodes: number): string =>
  `API key limits: Redis is away, so this node keeps to its share (1 of ${nodes}) of every budget until it is back`;

/**
 * The keys of the key file; with `--simulate-provider` two keys of a simulated provider, and the file is left alone.
 * With a real Redis the limits are held together with every other node that uses it; else by this process alone.
 */
export async function useKeys(
  config: GantryConfig,
  log: Log,
  dataNotices: DataNotices,
  redis: Pick<UsedService, 'url' | 'durable'> | null = null,
): Promise<UsedKeys> {
  const nodeId = await nodeIdOf(config.dataDir, dataNotices);
  const simulator = config.simulateProvider ? await simulate() : null;
  const admin = await KeyAdmin.open({
    keysFile: config.keysFile,
    changesFile: join(config.dataDir, 'api_keys.changes'),
    sealer: sealerFromEnv(process.env),
    env: process.env,
    nodeId,
    log,
    notices: dataNotices,
    ...(simulator === null
      ? {}
      : { fixed: { raw: { api_keys: simulator.keyEntries() }, source: 'provider simulator' } }),
  });
  const { config: keys } = admin.keys;
  // Of a simulator's own keys there is nothing to warn about.
  for (const warning of simulator === null ? [...keys.warnings, ...admin.notices()] : [])
    log.warn({ keysFile: config.keysFile }, warning);
  const usable = keys.keys.filter((key) => key.enabled);
  log.info({ keys: usable.map((key) => key.name) }, describe(keys, usable.length, simulator !== null));
  const memory = new LimitMemory();
  let brought = Promise.resolve();
  const shared =
    redis === null || !redis.durable || simulator !== null
      ? null
      : { url: redis.url, nodeId, now: () => steadyNow(systemClock), log };
  const members = await LimitMembers.open(config.dataDir, log, dataNotices);
  const callGate =
    shared === null
      ? null
      : new RedisGate({
          ...shared,
          members: members.known,
          nodes: config.expectedNodes,
          onMembers: (now) => void members.keep(now),
        });
  const gate = shared === null || callGate === null ? null : new TokenGate(callGate, shared);
  if (callGate !== null && !(await callGate.ready(JOIN_WAIT_MS))) {
    log.warn(
      { nodes: callGate.nodes, lastKnown: members.known.length },
      `API key limits are not shared yet: Redis does not answer; this node keeps to its share of them (1 of ${callGate.nodes}, as last known or expected)`,
    );
  }
  return {
    pool: () => ({ config: admin.keys.config, memory, gate }),
    scheduler: {
      language: config.language,
      // As the key file says now, for a scheduler that is started again.
      get settings() {
        return schedulerSettings(admin.keys.config.scheduler);
      },
    },
    admin,
    nodeId,
    simulator,
    follow: (system, metrics, redisUrl) => {
      const bringing = bringer(system, keys.scheduler, metrics, log);
      const bring = (now: EffectiveKeys): void => {
        brought = bringing(now);
      };
      if ([...admin.keys.origins.values()].some(({ drain }) => drain)) bring(admin.keys);
      const share =
        redisUrl === null
          ? null
          : new RedisKeyShare(redisUrl, (error) =>
              log.debug({ err: error.message }, 'the shared record of key changes is away'),
            );
      admin.start(share, bring);
    },
    notices: () => [
      ...admin.notices(),
      ...(config.roles.includes('cameras') || admin.keys.config.keys.some((key) => key.enabled) ? [] : [NO_KEYS_HERE]),
      ...(callGate?.mode === 'degraded'
        ? [limitsNotShared(callGate.nodes)]
        : gate?.mode === 'degraded'
          ? [TOKENS_NOT_SHARED]
          : []),
    ],
    brought: () => brought,
    close: async () => {
      await admin.close();
      await gate?.close();
      await members.done();
      await simulator?.close();
    },
  };
}

async function simulate(): Promise<ProviderSimulator> {
  const [{ startProviderSimulator }, { simulatedKeys }] = await Promise.all([
    import('../simulator/provider-server.ts'),
    import('../simulator/simulated-keys.ts'),
  ]);
  return startProviderSimulator({ keys: simulatedKeys(2, SIMULATED_LIMITS), latency: SIMULATED_LATENCY });
}

/** Gives the pool the newest keys, one change after the other; again when the pool did not take them. */
function bringer(
  system: ActorSystem,
  started: SchedulerSection,
  metrics: Pick<Metrics, 'forgetKey'>,
  log: Log,
): (keys: EffectiveKeys) => Promise<void> {
  const pool = system.ref(KEY_POOL);
  let work = Promise.resolve();
  let known = JSON.stringify(started);
  const bring = async ({ config, origins }: EffectiveKeys): Promise<void> => {
    const { removed } = await pool.ask(
      { type: 'configure', keys: config.keys, strategy: config.strategy, scheduler: config.scheduler },
      ASK,
    );
    const settings = JSON.stringify(config.scheduler);
    if (settings !== known) {
      const told = system.ref(SCHEDULER).tell({ type: 'configure', settings: schedulerSettings(config.scheduler) });
      if (told !== 'accepted') throw new Error('the scheduler did not take its new settings');
      known = settings;
      log.info({ ...config.scheduler }, 'the settings of the key file hold for what begins from now on');
    }
    for (const key of await pool.ask({ type: 'keys' }, ASK)) {
      const on = origins.get(key.key_id)?.drain === true;
      if (on !== key.drained) await pool.ask({ type: 'drain', keyName: key.key_id, on }, ASK);
    }
    for (const name of removed) metrics.forgetKey(name);
  };
  return (keys) => {
    work = work
      .then(() => bring(keys))
      .catch((thrown: unknown) => {
        // A pool that is being restarted gets the newest keys with its start.
        log.warn(
          { err: asError(thrown).message },
          `the key pool did not take the changed keys at once: ${asError(thrown).message}`,
        );
      });
    return work;
  };
}

function describe(keys: KeyConfig, usable: number, simulated: boolean): string {
  if (usable === 0)
    return keys.keys.length === 0
      ? 'no API keys: rules judge the groups (see config/api_keys.example.yaml)'
      : 'no API key is enabled: rules judge the groups';
  return `${usable} ${simulated ? 'simulated ' : ''}API keys, strategy ${keys.strategy}`;
}
