import type { z } from 'zod';
import { KEY_POOL } from '../actors/key-pool.ts';
import { HttpError } from '../http/errors/http-error.ts';
import { safeValue } from '../http/errors/safe-value.ts';
import type { KeyPort } from '../http/ports.ts';
import type { KeyView } from '../http/schemas/keys-schema.ts';
import { redactUrl } from '../infra/redact.ts';
import type { ChangeOutcome } from '../key-admin/admin.ts';
import { AddedKey, KeyPatch } from '../key-admin/changes.ts';
import { KeyAdminError } from '../key-admin/key-admin-error.ts';
import { KeyError } from '../keys/key-config-error.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { UsedKeys } from './use-keys.ts';

const QUICK = { timeoutMs: 3_000 };

/** The API keys as the HTTP room sees them. */
export function keyPort(system: ActorSystem, { admin, brought }: Pick<UsedKeys, 'admin' | 'brought'>): KeyPort {
  const views = async (): Promise<KeyView[]> => {
    await brought();
    const { config, origins, prices } = admin.keys;
    const pool = new Map((await system.ref(KEY_POOL).ask({ type: 'keys' }, QUICK)).map((key) => [key.key_id, key]));
    return config.keys.map((key) => {
      const origin = origins.get(key.name);
      const now = pool.get(key.name);
      return {
        name: key.name,
        status: now?.status ?? 'disabled',
        notice:
          now === undefined
            ? 'not with the key pool yet'
            : (now.disabled_reason ??
              (now.drained ? 'drained: calls in flight finish, no new ones begin' : null) ??
              (now.status === 'cooling' ? `rests after ${now.last_error_code ?? 'a failure'}` : null)),
        enabled: key.enabled,
        drain: origin?.drain ?? false,
        from: origin?.from ?? 'file',
        changed: origin?.changed ?? false,
        variable: origin?.variable ?? null,
        qps_limit: key.qpsLimit,
        rpm_limit: key.rpmLimit,
        tpm_limit: key.tpmLimit,
        priority: key.priority,
        quota_group: key.quotaGroup,
        max_in_flight: key.maxInFlight,
        max_output_tokens: key.maxOutputTokens,
        extra_body: key.extraBody,
        adaptations: [...(now?.adaptations ?? [])],
        model: key.model,
        base_url: redactUrl(key.baseUrl),
        price_per_1k_input: prices.get(key.name)?.input ?? 0,
        price_per_1k_output: prices.get(key.name)?.output ?? 0,
        in_flight: now?.in_flight ?? 0,
        tokens_last_minute: now?.tokens_last_minute ?? 0,
        spread_ms: now?.spread_ms ?? null,
        total_calls: now?.total_calls ?? 0,
      };
    });
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

const written = ({ persisted, shared, notices }: ChangeOutcome) => ({ persisted, shared, notices: [...notices] });

/** Fields that are undefined are left out: they would overwrite what is there. */
const compact = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
const defined = (key: Parameters<KeyPort['add']>[0]): AddedKey => checked(AddedKey, compact(key));
const definedPatch = (patch: object): KeyPatch => checked(KeyPatch, compact(patch));

/** What the schema makes of the fields. Throws `INVALID_FIELD` for the first that it refuses. */
function checked<T>(schema: z.ZodType<T>, fields: object): T {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [field = 'body'] = (issue?.path ?? []).map(String);
  const sent: unknown = Object.entries(fields).find(([name]) => name === field)?.[1];
  const value = sent === undefined ? null : safeValue(field, sent);
  throw new HttpError('INVALID_FIELD', `${field}: ${issue?.message ?? 'is not valid'}`, { field, value });
}

/** What is wrong with the request, as an answer to it; no message holds a key. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof KeyAdminError) {
      const field = typeof thrown.fields['field'] === 'string' ? thrown.fields['field'] : null;
      if (thrown.code === 'DUPLICATE_KEY')
        throw new HttpError('DUPLICATE_KEY', thrown.message, { field, cause: thrown });
      if (thrown.code === 'KEY_REFUSED' || thrown.code === 'TOO_MANY_CHANGES')
        throw new HttpError('INVALID_FIELD', thrown.message, { field, cause: thrown });
    }
    if (thrown instanceof KeyError)
      throw new HttpError('INVALID_FIELD', thrown.message, {
        field: typeof thrown.fields['field'] === 'string' ? thrown.fields['field'] : null,
        cause: thrown,
      });
    throw thrown;
  }
}
