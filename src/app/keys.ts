import { createVlmClient } from '../llm/client.ts';
import type { KeyPoolInit } from '../actors/key-pool.ts';
import { type SchedulerInit, schedulerSettings } from '../actors/scheduler/types.ts';
import type { Log } from '../infra/log.ts';
import { type KeyConfig, parseKeyConfig } from '../keys/config.ts';
import { LimitMemory } from '../keys/limits.ts';
import { loadKeyConfig } from '../keys/load.ts';
import { simulatedKeys } from '../simulator/keys.ts';
import { startProviderSimulator } from '../simulator/server.ts';
import type { ProviderSimulator } from '../simulator/types.ts';
import type { GantryConfig } from './config.ts';

export interface UsedKeys {
  readonly pool: KeyPoolInit;
  readonly scheduler: Pick<SchedulerInit, 'vlm' | 'language' | 'settings'>;
  readonly simulator: ProviderSimulator | null;
  readonly close: () => Promise<void>;
}

const SIMULATED_LIMITS = { qps: 5, rpm: 100 };
const SIMULATED_LATENCY = { medianMs: 700, p95Ms: 1_600 };

/** The keys of the key file; with `--simulate-provider` two keys of a simulated provider, and the file is left alone. */
export async function useKeys(config: GantryConfig, log: Log): Promise<UsedKeys> {
  const simulator = config.simulateProvider ? await startProviderSimulator({ keys: simulatedKeys(2, SIMULATED_LIMITS), latency: SIMULATED_LATENCY }) : null;
  const keys = simulator === null ? await loadKeyConfig(config.keysFile, process.env) : parseKeyConfig({ api_keys: simulator.keyEntries() }, {}, 'provider simulator');
  for (const warning of keys.warnings) log.warn({ keysFile: config.keysFile }, warning);
  const usable = keys.keys.filter((key) => key.enabled);
  log.info({ keys: usable.map((key) => key.name) }, describe(keys, usable.length, simulator !== null));
  return {
    pool: { config: keys, memory: new LimitMemory() },
    scheduler: { vlm: createVlmClient(), language: config.language, settings: schedulerSettings(keys.scheduler) },
    simulator,
    close: async () => simulator?.close(),
  };
}

function describe(keys: KeyConfig, usable: number, simulated: boolean): string {
  if (usable === 0) return keys.keys.length === 0 ? 'no API keys: rules judge the groups (see config/api_keys.example.yaml)' : 'no API key is enabled: rules judge the groups';
  return `${usable} ${simulated ? 'simulated ' : ''}API keys, strategy ${keys.strategy}`;
}
