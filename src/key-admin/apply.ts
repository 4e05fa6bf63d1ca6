import { MARK } from '../keys/key-config.ts';
import { ApiKeyEntry } from '../keys/key-config.schema.ts';
import type { Change, Changes, KeyPatch } from './changes.ts';
import { isFields, type Fields } from './fields.ts';

/** A key of the effective configuration and where it is from. */
export interface Origin {
  readonly from: 'file' | 'api';
  /** Changed through the API. */
  readonly changed: boolean;
  readonly drain: boolean;
  /** The variable that holds it; null when it is written out. */
  readonly variable: string | null;
}

export interface Applied {
  readonly raw: unknown;
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Whether a change was made here or is authenticated. One that is neither may only lower limits or disable keys. */
export type IsTrusted = (change: Change) => boolean;

/** Entries of a key file's content, valid or not. */
function listed(raw: unknown): readonly unknown[] {
  const list: unknown = isFields(raw) ? raw['api_keys'] : null;
  return Array.isArray(list) ? list : [];
}

/** Every environment variable that the keys of a key file name. */
export function variablesIn(raw: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  for (const entry of listed(raw)) {
    const key = isFields(entry) ? entry['key'] : null;
    if (typeof key !== 'string') continue;
    for (const [, marked, plain] of key.matchAll(VARIABLES)) names.add(marked ?? plain ?? '');
  }
  return names;
}
const VARIABLES = new RegExp(
  `${MARK.open}([A-Za-z_][A-Za-z0-9_]*)${MARK.close}|\\$\\{([A-Za-z_][A-Za-z0-9_]*)\\}`,
  'gu',
);

/**
 * The content of a key file with the changes made to it, and where each key is from. Invalid entries stay as they are.
 */
export function applyChanges(raw: unknown, changes: Changes, isTrusted: IsTrusted): Applied {
  const origins = new Map<string, Origin>();
  if (!mayHoldKeys(raw)) return { raw, origins };
  const entries: unknown[] = [];
  const inFile = new Set<string>();
  const add = (name: string, { entry, origin }: Placed): void => {
    entries.push(entry);
    origins.set(name, origin);
  };
  for (const entry of listed(raw)) {
    if (!isFields(entry) || typeof entry['name'] !== 'string') {
      entries.push(entry);
      continue;
    }
    const name = entry['name'];
    inFile.add(name);
    const placed = changed(entry, changes.get(name), isTrusted);
    if (placed !== null) add(name, placed);
  }
  for (const [name, change] of changes) if (change.kind === 'put' && !inFile.has(name)) add(name, added(change));
  return { raw: { ...(isFields(raw) ? raw : {}), api_keys: entries }, origins };
}

/** One entry of the result, and where it is from. */
interface Placed {
  readonly entry: unknown;
  readonly origin: Origin;
}

/** An entry of the file with its change; null when it is removed. */
function changed(entry: Fields, change: Change | undefined, isTrusted: IsTrusted): Placed | null {
  const origin: Origin = { from: 'file', changed: false, drain: false, variable: variableOf(entry) };
  switch (change?.kind) {
    case 'remove':
      return null;
    case 'put':
      return added(change);
    case 'patch': {
      const { drain = false, ...patch } = isTrusted(change) ? change.patch : onlyLess(change.patch, entry);
      return { entry: { ...entry, ...patch }, origin: { ...origin, changed: true, drain } };
    }
    case 'reset':
    case undefined:
      return { entry, origin };
  }
}

/** A key added through the API. */
const added = ({ entry, drain }: Change & { readonly kind: 'put' }): Placed => ({
  entry,
  origin: { from: 'api', changed: true, drain, variable: variableOf(entry) },
});

/** Empty, or an object whose list of keys, if any, is a list. */
function mayHoldKeys(raw: unknown): boolean {
  if (raw === null || raw === undefined) return true;
  if (!isFields(raw)) return false;
  const list = raw['api_keys'];
  return list === undefined || list === null || Array.isArray(list);
}

const LIMITS = ['qps_limit', 'rpm_limit', 'tpm_limit', 'max_in_flight'] as const;

/**
 * The part of a patch that makes the key do less than its entry in the file says; the rest may be anybody's. Limits of
 * a key in a quota group stay, since they must be the same for the whole group.
 */
export function onlyLess(patch: KeyPatch, entry: Readonly<Record<string, unknown>>): KeyPatch {
  const less: { -readonly [F in keyof KeyPatch]: KeyPatch[F] } = {};
  if (patch.enabled === false) less.enabled = false;
  if (patch.drain === true) less.drain = true;
  if (patch.priority !== undefined) less.priority = patch.priority;
  if (entry['quota_group'] !== undefined) return less;
  for (const field of LIMITS) {
    const asked = patch[field];
    const said = entry[field] ?? DEFAULTS[field];
    if (asked !== undefined && (said === undefined || (typeof said === 'number' && asked < said))) less[field] = asked;
  }
  return less;
}
const DEFAULTS: { readonly [F in (typeof LIMITS)[number]]?: number } = {
  qps_limit: ApiKeyEntry.shape.qps_limit.parse(undefined),
  rpm_limit: ApiKeyEntry.shape.rpm_limit.parse(undefined),
};

function variableOf(entry: unknown): string | null {
  const key = isFields(entry) ? entry['key'] : null;
  if (typeof key !== 'string') return null;
  const found = /^(?:\uE000([A-Za-z_]\w*)\uE001|\$\{([A-Za-z_]\w*)\})$/u.exec(key);
  return found?.slice(1).find((name) => name !== undefined) ?? null;
}
