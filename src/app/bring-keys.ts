import { AGGREGATOR } from '../actors/aggregator.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import {
  type FreshnessSettings,
  freshnessSettings,
  SCHEDULER,
  schedulerSettings,
} from '../actors/scheduler/scheduler.types.ts';
import { TASK_GENERATOR } from '../actors/task-generator.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { EffectiveKeys } from '../key-admin/admin.ts';
import type { KeyConfig } from '../keys/key-config.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { address } from '../runtime/ref.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { Role } from './config.ts';

const ASK = { timeoutMs: 3_000 };

type Configure = { readonly type: 'configure'; readonly freshness: FreshnessSettings };
/** The actors of other roles that go by the settings of the key file too. */
const FRESHNESS_USERS: readonly (readonly [Role, string])[] = [
  ['cameras', TASK_GENERATOR.path],
  ['aggregator', AGGREGATOR.path],
];

/**
 * Returns a function that gives the pool the keys as they are now, one change after the other, and the actors of this
 * process's roles their settings when they changed since `started`. It never rejects.
 */
export function keyBringer(
  system: Pick<ActorSystem, 'ref'>,
  roles: readonly Role[],
  started: Pick<KeyConfig, 'scheduler' | 'prompts'>,
  metrics: Pick<Metrics, 'forgetKey'>,
  log: ActorLog,
): (keys: EffectiveKeys) => Promise<void> {
  const pool = system.ref(KEY_POOL);
  let work = Promise.resolve();
  const textOf = ({ scheduler, prompts }: typeof started): string => JSON.stringify({ scheduler, prompts });
  let known = textOf(started);
  const bring = async ({ config, origins }: EffectiveKeys): Promise<void> => {
    const { removed } = await pool.ask(
      { type: 'configure', keys: config.keys, strategy: config.strategy, scheduler: config.scheduler },
      ASK,
    );
    const settings = textOf(config);
    if (settings !== known) {
      const told = system
        .ref(SCHEDULER)
        .tell({ type: 'configure', settings: schedulerSettings(config.scheduler, config.prompts) });
      if (told !== 'accepted') throw new Error('the scheduler did not take its new settings');
      const freshness = freshnessSettings(config.scheduler);
      for (const [role, path] of FRESHNESS_USERS) {
        if (!roles.includes(role)) continue;
        if (system.ref(address<Configure>(path)).tell({ type: 'configure', freshness }) !== 'accepted')
          throw new Error(`${path} did not take its new settings`);
      }
      known = settings;
      log.info({ ...config.scheduler }, 'the settings of the key file apply to new tasks from now on');
    }
    for (const key of await pool.ask({ type: 'keys' }, ASK)) {
      const on = origins.get(key.key_id)?.drain === true;
      if (on !== key.drained) await pool.ask({ type: 'drain', keyName: key.key_id, on }, ASK);
    }
    for (const name of removed) void metrics.forgetKey(name);
  };
  return (keys) => {
    work = work
      .then(() => bring(keys))
      .catch((thrown: unknown) => {
        // A pool that is being restarted reads the newest keys when it starts.
        log.warn(
          { err: asError(thrown).message },
          `the key pool did not take the changed keys at once: ${asError(thrown).message}`,
        );
      });
    return work;
  };
}
