import { type Environment, type KeyConfig, type KeySpec, parseKeyConfig } from '../keys/key-config.ts';
import { KeyError } from '../keys/key-config-error.ts';
import { applyChanges, type IsTrusted, type Origin, variablesIn } from './apply.ts';
import type { Change, Changes } from './changes.ts';
import { isFields } from './fields.ts';

/** The keys now in force. `config.keys` hold secrets; the rest does not. */
export interface EffectiveKeys {
  readonly config: KeyConfig;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly prices: ReadonlyMap<string, { readonly input: number; readonly output: number }>;
  /** Null: no bound. */
  readonly dailyBudget: number | null;
  /** Changes that are kept and not in force here, and why. */
  readonly idle: ReadonlyMap<string, Error>;
}

export interface EffectiveInput {
  readonly raw: unknown;
  readonly source: string;
  readonly changes: Changes;
  readonly env: Environment;
  readonly isTrusted: IsTrusted;
  /** The keys before. An unchanged key keeps its secret object, so that connections that belong to it can be kept. */
  readonly before: readonly KeySpec[];
}

/** Invalid changes that are searched for one by one. With more of them, all changes not yet checked are idle. */
const MOST_LOOKED_FOR = 8;

/**
 * The key file with the changes applied to it. Only variables that the file names are filled in. A change that
 * contradicts the file is idle until one of them is corrected; the other changes are in force. Throws
 * `KEY_CONFIG_INVALID` when the file by itself is not valid.
 */
export function effectiveKeys(input: EffectiveInput): EffectiveKeys {
  const { raw, source, changes, env, isTrusted } = input;
  const named: Environment = Object.fromEntries(
    [...variablesIn(raw)].map((name) => [name, Object.hasOwn(env, name) ? env[name] : undefined]),
  );
  const attempt = (tried: Changes) => {
    const applied = applyChanges(raw, tried, isTrusted);
    return { ...applied, config: parseKeyConfig(applied.raw, named, source) };
  };
  const idle = new Map<string, Error>();
  const inForce = validTogether(changes, attempt, idle);
  const { config, origins, raw: applied } = attempt(inForce);
  const secrets = new Map(input.before.map((key) => [key.name, key]));
  const keys = config.keys.map((key) => keepSecret(key, secrets.get(key.name)));
  return { config: { ...config, keys }, origins, idle, ...costs(applied) };
}

/** The valid changes. Invalid ones go to `idle`: halves are tried until they are found. */
function validTogether(changes: Changes, attempt: (tried: Changes) => unknown, idle: Map<string, Error>): Changes {
  const accepted = new Map<string, Change>();
  const take = (list: readonly (readonly [string, Change])[]): void => {
    if (list.length === 0) return;
    try {
      attempt(new Map([...accepted, ...list]));
      for (const [name, change] of list) accepted.set(name, change);
    } catch (thrown) {
      if (!(thrown instanceof KeyError)) throw thrown;
      if (list.length === 1 || idle.size >= MOST_LOOKED_FOR) {
        for (const [name] of list) idle.set(name, thrown);
        return;
      }
      const middle = Math.ceil(list.length / 2);
      take(list.slice(0, middle));
      take(list.slice(middle));
    }
  };
  try {
    attempt(changes);
    return changes;
  } catch (thrown) {
    if (!(thrown instanceof KeyError)) throw thrown;
    // When the file itself is the reason, no change is.
    attempt(accepted);
    take([...changes]);
    return accepted;
  }
}

const keepSecret = (key: KeySpec, known: KeySpec | undefined): KeySpec => ({
  ...key,
  secret: known !== undefined && known.secret.reveal() === key.secret.reveal() ? known.secret : key.secret,
});

/** Prices and budget of a content that was validated just before. */
function costs(raw: unknown): Pick<EffectiveKeys, 'prices' | 'dailyBudget'> {
  const file = isFields(raw) ? raw : {};
  const list: unknown[] = Array.isArray(file['api_keys']) ? file['api_keys'] : [];
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const prices = list.flatMap((entry) =>
    isFields(entry) && typeof entry['name'] === 'string'
      ? [
          [
            entry['name'],
            { input: number(entry['price_per_1k_input']), output: number(entry['price_per_1k_output']) },
          ] as const,
        ]
      : [],
  );
  return {
    prices: new Map(prices),
    dailyBudget: typeof file['daily_budget'] === 'number' ? file['daily_budget'] : null,
  };
}
