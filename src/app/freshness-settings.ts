import { type FreshnessSettings, freshnessSettings } from '../actors/scheduler/scheduler.types.ts';
import { readKeySource } from '../key-admin/key-text.ts';
import { sealerFromEnv } from '../key-admin/seal.ts';
import { parseKeyConfig } from '../keys/key-config.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { KeysAndUsage } from './role-scheduler.ts';

/** The settings of an empty key file. */
const DEFAULT: FreshnessSettings = freshnessSettings(parseKeyConfig({}, {}).scheduler);

/**
 * The settings for a process without keys: the section `scheduler` of the key file at its start. None of its keys is
 * needed. Defaults, with a warning, for a section that cannot be read: the schedulers refuse such a file by themselves.
 */
export async function readFreshness(
  keysFile: string,
  log: ActorLog,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<FreshnessSettings> {
  try {
    const { raw, source } = await readKeySource(keysFile, sealerFromEnv(env));
    return freshnessSettings(parseKeyConfig({ scheduler: sectionOf(raw) }, {}, source).scheduler);
  } catch (thrown) {
    const err = asError(thrown).message;
    log.warn(
      { keysFile, err },
      `the freshness of answers is the default here, since the key file cannot be read: ${err}`,
    );
    return DEFAULT;
  }
}

const sectionOf = (raw: unknown): unknown =>
  typeof raw === 'object' && raw !== null && 'scheduler' in raw ? raw.scheduler : {};

/** The settings as they are now: of the keys where this process has them, else as they were read at its start. */
export const freshnessOf =
  (keysAndUsage: KeysAndUsage | null, read: FreshnessSettings | null): (() => FreshnessSettings) =>
  () =>
    keysAndUsage?.keys.freshness() ?? read ?? DEFAULT;
