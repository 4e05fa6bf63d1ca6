import type { z } from 'zod';
import { KEY_POOL } from '../actors/key-pool.ts';
import { HttpError } from '../http/errors/http-error.ts';
import { safeValue } from '../http/errors/safe-value.ts';
import type { KeyPort } from '../http/ports.ts';
import type { KeyView } from '../http/schemas/keys-schema.ts';
import { redactUrl } from '../infra/redact.ts';
import type { ChangeOutcome } from '../key-admin/admin.ts';
import type { Origin } from '../key-admin/apply.ts';
import { AddedKey, KeyPatch } from '../key-admin/changes.ts';
import { KeyAdminError } from '../key-admin/key-admin-error.ts';
import { KeyError } from '../keys/key-config-error.ts';
import type { KeySpec } from '../keys/key-config.ts';
import type { KeyView as PooledKeyView } from '../keys/pool.types.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { Price } from '../usage/usage-ledger.ts';
import type { UsedKeys } from './use-keys.ts';

const QUICK = { timeoutMs: 3_000 };

/** The API keys as the HTTP room sees them. */
export function keyPort(system: ActorSystem, { admin, brought }: Pick<UsedKeys, 'admin' | 'brought'>): KeyPort {
  const views = async (): Promise<KeyView[]> => {
    await brought();
    const { config, origins, prices } = admin.keys;
    const pool = new Map((await system.ref(KEY_POOL).ask({ type: 'keys' }, QUICK)).map((key) => [key.key_id, key]));
    return config.keys.map((key) => viewOf(key, origins.get(key.name), prices.get(key.name), pool.get(key.name)));
  };
  const changed = async (name: string, outcome: ChangeOutcome) => {
    const key = (await views()).find((each) => each.name === name);
    if (key === undefined)
      throw new HttpError('UNKNOWN_KEY', `name: there is no API key ${name} (any more)`, {
        field: 'name',
        value: name,
      });
    return { key, ...written(outcome) };
  };
  return {
    list: async () => ({ keys: await views(), notices: [...admin.notices()] }),
    add: async (key) => changed(key.name, await refusing(() => admin.add(defined(key)))),
    change: async (name, { reset, ...patch }) => {
      const outcome = await refusing(() =>
        reset === true ? admin.reset(name) : admin.patch(name, definedPatch(patch)),
      );
      return outcome === null ? null : changed(name, outcome);
    },
    remove: async (name) => {
      const outcome = await refusing(() => admin.remove(name));
      return outcome === null ? null : written(outcome);
    },
  };
}

/** The view of one key, from its entry, its changes and the pool. `pooled`: undefined until the pool has it. */
const viewOf = (
  key: KeySpec,
  origin: Origin | undefined,
  price: Price | undefined,
  pooled: PooledKeyView | undefined,
): KeyView => ({
  name: key.name,
  status: pooled?.status ?? 'disabled',
  notice: pooled === undefined ? 'not in the key pool yet' : noticeOf(pooled),
  enabled: key.enabled,
  ...(origin ?? { from: 'file', changed: false, drain: false, variable: null }),
  qps_limit: key.qpsLimit,
  rpm_limit: key.rpmLimit,
  tpm_limit: key.tpmLimit,
  priority: key.priority,
  quota_group: key.quotaGroup,
  max_in_flight: key.maxInFlight,
  max_output_tokens: key.maxOutputTokens,
  max_images: key.maxImages,
  extra_body: key.extraBody,
  model: key.model,
  base_url: redactUrl(key.baseUrl),
  price_per_1k_input: price?.input ?? 0,
  price_per_1k_output: price?.output ?? 0,
  ...figuresOf(pooled),
});

const figuresOf = (pooled: PooledKeyView | undefined) => ({
  adaptations: [...(pooled?.adaptations ?? [])],
  in_flight: pooled?.in_flight ?? 0,
  tokens_last_minute: pooled?.tokens_last_minute ?? 0,
  spread_ms: pooled?.spread_ms ?? null,
  total_calls: pooled?.total_calls ?? 0,
});

/** Why the key is not used now; null while it is. */
function noticeOf({ disabled_reason, drained, status, last_error_code }: PooledKeyView): string | null {
  if (disabled_reason !== null) return disabled_reason;
  if (drained) return 'drained: calls in flight finish, no new ones begin';
  return status === 'cooling' ? `rests after ${last_error_code ?? 'a failure'}` : null;
}

const written = ({ persisted, shared, notices }: ChangeOutcome) => ({ persisted, shared, notices: [...notices] });

/** Leaves out undefined fields, which would overwrite present values. */
const compact = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
const defined = (key: Parameters<KeyPort['add']>[0]): AddedKey => checked(AddedKey, compact(key));
const definedPatch = (patch: object): KeyPatch => checked(KeyPatch, compact(patch));

/** The fields as the schema parses them. Throws `INVALID_FIELD` for the first invalid one. */
function checked<T>(schema: z.ZodType<T>, fields: object): T {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [field = 'body'] = (issue?.path ?? []).map(String);
  const sent: unknown = Object.entries(fields).find(([name]) => name === field)?.[1];
  const value = sent === undefined ? null : safeValue(field, sent);
  throw new HttpError('INVALID_FIELD', `${field}: ${issue?.message ?? 'is not valid'}`, { field, value });
}

/** Turns errors in the request into HttpErrors; no message holds a key. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === null || !(thrown instanceof KeyAdminError || thrown instanceof KeyError)) throw thrown;
    const field = thrown.fields['field'];
    throw new HttpError(code, thrown.message, { field: typeof field === 'string' ? field : null, cause: thrown });
  }
}

function codeOf(thrown: unknown): 'DUPLICATE_KEY' | 'INVALID_FIELD' | null {
  if (thrown instanceof KeyError) return 'INVALID_FIELD';
  if (!(thrown instanceof KeyAdminError)) return null;
  if (thrown.code === 'DUPLICATE_KEY') return 'DUPLICATE_KEY';
  return thrown.code === 'KEY_REFUSED' || thrown.code === 'TOO_MANY_CHANGES' ? 'INVALID_FIELD' : null;
}
