import type {
  ExtraBody,
  ResponseFormat,
  KeyStrategy,
  Pacing,
  PromptSection,
  SchedulerSection,
} from './key-config.schema.ts';
import { DEFAULT_OUTPUT_TOKENS, KeyFile, MOST_IMAGES, type ApiKeyEntry } from './key-config.schema.ts';
import { KeyError } from './key-config-error.ts';
import { Secret } from './secret.ts';
import { ASSUMED_CALL } from './tokens.ts';

/** One usable key. */
export interface KeySpec {
  readonly name: string;
  readonly secret: Secret;
  readonly qpsLimit: number;
  readonly rpmLimit: number;
  /** Tokens a minute; null: no limit. */
  readonly tpmLimit: number | null;
  /** Larger is preferred by the strategy `priority`. */
  readonly priority: number;
  readonly enabled: boolean;
  readonly quotaGroup: string | null;
  readonly maxInFlight: number | null;
  readonly pacing: Pacing;
  readonly rampMs: number;
  readonly baseUrl: string;
  readonly model: string;
  readonly responseFormat: ResponseFormat;
  readonly maxOutputTokens: number;
  /** Pictures of one call at most, from 1. */
  readonly maxImages: number;
  /** Null: none. */
  readonly extraBody: ExtraBody | null;
}

export interface KeyConfig {
  readonly strategy: KeyStrategy;
  readonly keys: readonly KeySpec[];
  readonly scheduler: SchedulerSection;
  readonly prompts: PromptSection;
  /** For the operator's log; never a secret. */
  readonly warnings: readonly string[];
}

/** Tokens reserved for a call while nothing is known of its model. */
const ONE_CALL = ASSUMED_CALL.prompt + ASSUMED_CALL.completion;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Stand for the braces of a `${VARIABLE}` while the text goes through the YAML parser, which would take them for its
 * own. Both are from Unicode's private use area.
 */
export const MARK = { open: '\uE000', close: '\uE001' } as const;
const MARKED = new RegExp(`${MARK.open}([A-Za-z_][A-Za-z0-9_]*)${MARK.close}|\\$\\{([A-Za-z_][A-Za-z0-9_]*)\\}`, 'g');

/**
 * Checks the parsed content of a key file (or the same shape made by a program) and resolves its variables.
 * A key whose variable is unset is left out with a warning. `source` names the file in messages.
 * Throws `KEY_CONFIG_INVALID` naming field and value.
 */
export function parseKeyConfig(raw: unknown, env: Environment, source = 'API keys'): KeyConfig {
  const parsed = KeyFile.safeParse(raw ?? {});
  if (!parsed.success) throw fromIssue(parsed.error.issues[0], raw, source);
  const file = parsed.data;
  const warnings: string[] = [];
  const keys: KeySpec[] = [];
  const positions = new Map<KeySpec, number>();
  for (const [index, entry] of file.api_keys.entries()) {
    const secret = resolve(entry, env, source, warnings);
    if (secret === null) continue;
    const spec = toSpec(entry, file, secret);
    if (spec.tpmLimit !== null && spec.tpmLimit < ONE_CALL)
      warnings.push(
        `${source}: key "${spec.name}": tpm_limit ${spec.tpmLimit} is less than one call may use (about ` +
          `${ONE_CALL} tokens until the model is known better): its calls go out one at a time`,
      );
    keys.push(spec);
    positions.set(spec, index);
  }
  checkNames(file.api_keys, source);
  checkSecrets(keys, positions, source);
  checkGroups(keys, positions, source);
  return { strategy: file.strategy, keys, scheduler: file.scheduler, prompts: file.prompts, warnings };
}

const toSpec = (entry: ApiKeyEntry, file: KeyFile, secret: string): KeySpec => ({
  name: entry.name,
  secret: new Secret(secret),
  qpsLimit: entry.qps_limit,
  rpmLimit: entry.rpm_limit,
  tpmLimit: entry.tpm_limit ?? null,
  priority: entry.priority,
  enabled: entry.enabled,
  quotaGroup: entry.quota_group ?? null,
  maxInFlight: entry.max_in_flight ?? null,
  pacing: entry.pacing,
  rampMs: entry.ramp_seconds * 1_000,
  baseUrl: entry.base_url ?? file.base_url,
  model: entry.model ?? file.model,
  responseFormat: entry.response_format ?? file.response_format,
  maxOutputTokens: entry.max_output_tokens ?? DEFAULT_OUTPUT_TOKENS,
  maxImages: entry.max_images ?? MOST_IMAGES,
  extraBody: entry.extra_body ?? null,
});

/** The key with its variables filled in; null, and a warning, when one is unset or empty. */
function resolve(entry: ApiKeyEntry, env: Environment, source: string, warnings: string[]): string | null {
  const missing: string[] = [];
  let named = false;
  const value = entry.key.replace(MARKED, (_match, marked: string | undefined, plain: string | undefined) => {
    const variable = marked ?? plain ?? '';
    named = true;
    const found = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (found === undefined || found === '') missing.push(variable);
    return found ?? '';
  });
  if (missing.length > 0) {
    warnings.push(
      `${source}: key "${entry.name}" is left out: the environment variable ${missing.join(', ')} is not set`,
    );
    return null;
  }
  if (!named)
    warnings.push(
      `${source}: key "${entry.name}" stands in the file itself; name an environment variable instead: key: ` +
        `\${VARIABLE}`,
    );
  return value.trim();
}

function checkNames(entries: readonly ApiKeyEntry[], source: string): void {
  const seen = new Set<string>();
  for (const [index, { name }] of entries.entries()) {
    if (seen.has(name)) throw invalid(source, `api_keys[${index}].name`, 'must be unique', name);
    seen.add(name);
  }
}

/** One key under two names would be given its budget twice. */
function checkSecrets(keys: readonly KeySpec[], positions: ReadonlyMap<KeySpec, number>, source: string): void {
  const seen = new Map<string, KeySpec>();
  for (const key of keys) {
    const id = `${key.secret.reveal()}\n${key.model}\n${key.baseUrl}`;
    const other = seen.get(id);
    if (other !== undefined && (key.quotaGroup === null || key.quotaGroup !== other.quotaGroup)) {
      const field = `api_keys[${positions.get(key)}].key`;
      throw new KeyError(
        'KEY_CONFIG_INVALID',
        `${source}: ${field} ("${key.name}") is the same key as "${other.name}": name it once, or give both one ` +
          'quota_group',
        { source, field },
      );
    }
    seen.set(id, key);
  }
}

function checkGroups(keys: readonly KeySpec[], positions: ReadonlyMap<KeySpec, number>, source: string): void {
  const first = new Map<string, KeySpec>();
  for (const key of keys) {
    if (key.quotaGroup === null) continue;
    const other = first.get(key.quotaGroup) ?? key;
    first.set(key.quotaGroup, other);
    for (const [field, mine, theirs] of [
      ['qps_limit', key.qpsLimit, other.qpsLimit],
      ['rpm_limit', key.rpmLimit, other.rpmLimit],
      ['tpm_limit', key.tpmLimit ?? 'left out', other.tpmLimit ?? 'left out'],
      ['pacing', key.pacing, other.pacing],
      ['ramp_seconds', key.rampMs / 1_000, other.rampMs / 1_000],
    ] as const) {
      if (mine !== theirs)
        throw invalid(
          source,
          `api_keys[${positions.get(key)}].${field}`,
          `must be ${theirs} as for "${other.name}", which shares quota_group "${key.quotaGroup}"`,
          mine,
        );
    }
  }
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code?: string | undefined;
  readonly keys?: readonly string[];
}

/** The schema's first issue with its field; the value only when it is a plain one and no key. */
function fromIssue(issue: Issue | undefined, raw: unknown, source: string): KeyError {
  const path = issue?.path ?? [];
  const field = path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
  if (issue?.code === 'unrecognized_keys') {
    const unknown = cut(
      (issue.keys ?? [])
        .slice(0, 10)
        .map((key) => (field === '' ? key : `${field}.${key}`))
        .join(', '),
    );
    return new KeyError('KEY_CONFIG_INVALID', `${source}: ${unknown}: there is no such field`, {
      source,
      field: unknown,
    });
  }
  const value = path.at(-1) === 'key' ? undefined : valueAt(raw, path);
  return invalid(source, field === '' ? 'the file' : field, issue?.message ?? 'is not valid', value);
}

function invalid(source: string, field: string, problem: string, value: unknown): KeyError {
  const plain =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
  const shown = plain === undefined ? '' : ` (it is ${cut(JSON.stringify(plain))})`;
  return new KeyError('KEY_CONFIG_INVALID', `${source}: ${field}: ${problem}${shown}`, {
    source,
    field,
    ...(plain === undefined ? {} : { value: typeof plain === 'string' ? cut(plain) : plain }),
  });
}

const cut = (text: string): string => (text.length <= 200 ? text : `${text.slice(0, 200)}…`);

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, part)
        ? (node as Record<PropertyKey, unknown>)[part]
        : undefined,
    raw,
  );
