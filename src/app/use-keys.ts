import { join } from 'node:path';
import type { KeyPoolInit } from '../actors/key-pool.ts';
import {
  type FreshnessSettings,
  freshnessSettings,
  type SchedulerInit,
  schedulerSettings,
} from '../actors/scheduler/scheduler.types.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import { type EffectiveKeys, KeyAdmin } from '../key-admin/admin.ts';
import { sealerFromEnv } from '../key-admin/seal.ts';
import { RedisKeyShare } from '../key-admin/shared-record.ts';
import type { KeyConfig } from '../keys/key-config.ts';
import { LimitMemory } from '../keys/limits.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { ProviderSimulator } from '../simulator/simulator.types.ts';
import { keyBringer } from './bring-keys.ts';
import type { GantryConfig } from './config.ts';
import type { UsedService } from './embedded.ts';
import { nodeIdOf } from './node-id.ts';
import { openSharedLimits } from './shared-limits.ts';

export interface UsedKeys {
  /** Called at every start of the pool, so that it starts with the current keys. */
  readonly pool: () => KeyPoolInit;
  readonly scheduler: Pick<SchedulerInit, 'language' | 'settings'>;
  /** By the current key file. */
  readonly freshness: () => FreshnessSettings;
  readonly admin: KeyAdmin;
  readonly nodeId: string;
  readonly simulator: ProviderSimulator | null;
  /** Follows the key file and the other nodes, and applies every change to the pool. */
  follow(system: ActorSystem, metrics: Pick<Metrics, 'forgetKey'>, redisUrl: string | null): void;
  /** One sentence for each thing an operator should know about the keys, without secrets. */
  notices(): readonly string[];
  /** Resolves when every change made so far is applied to the pool. */
  brought(): Promise<void>;
  readonly close: () => Promise<void>;
}

const SIMULATED_LIMITS = { qps: 5, rpm: 100 };
const SIMULATED_LATENCY = { medianMs: 700, p95Ms: 1_600 };
/**
 * Opens the keys of the key file or, with `--simulate-provider`, two keys of a simulated provider. With a durable Redis
 * the limits are shared with every other node that uses it; else this process decides alone.
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
  // The simulator's own keys deserve no warning.
  for (const warning of simulator === null ? [...keys.warnings, ...admin.notices()] : [])
    log.warn({ keysFile: config.keysFile }, warning);
  const usable = keys.keys.filter((key) => key.enabled);
  log.info({ keys: usable.map((key) => key.name) }, describe(keys, usable.length, simulator !== null));
  const memory = new LimitMemory();
  let brought = Promise.resolve();
  const isShared = redis !== null && redis.durable && simulator === null;
  const limits = isShared ? await openSharedLimits(config, redis.url, nodeId, log, dataNotices) : null;
  return {
    pool: () => ({ config: admin.keys.config, memory, gate: limits?.gate ?? null }),
    scheduler: {
      language: config.language,
      // From the current key file, for a restarted scheduler.
      get settings() {
        return schedulerSettings(admin.keys.config.scheduler, admin.keys.config.prompts);
      },
    },
    freshness: () => freshnessSettings(admin.keys.config.scheduler),
    admin,
    nodeId,
    simulator,
    follow: (system, metrics, redisUrl) => {
      const bringing = keyBringer(system, config.roles, keys, metrics, log);
      const bring = (now: EffectiveKeys): void => {
        brought = bringing(now);
      };
      if ([...admin.keys.origins.values()].some(({ drain }) => drain)) bring(admin.keys);
      const share =
        redisUrl === null
          ? null
          : new RedisKeyShare(redisUrl, (error) =>
              log.debug({ err: error.message }, 'the shared record of key changes cannot be reached'),
            );
      admin.start(share, bring);
    },
    notices: () => [...admin.notices(), ...(limits?.notices() ?? [])],
    brought: () => brought,
    close: async () => {
      await admin.close();
      await limits?.close();
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

function describe(keys: KeyConfig, usable: number, simulated: boolean): string {
  if (usable === 0)
    return keys.keys.length === 0
      ? 'no API keys: rules assess the groups (see config/api_keys.example.yaml)'
      : 'no API key is enabled: rules assess the groups';
  return `${usable} ${simulated ? 'simulated ' : ''}API keys, strategy ${keys.strategy}`;
}
