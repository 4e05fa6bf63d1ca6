import { z } from 'zod';
import { ApiKeyEntry } from '../keys/config.schema.ts';
import { KeyAdminError } from './errors.ts';

/** What may be changed of a key that exists. Neither the key itself nor where it is sent to. */
export const KeyPatch = ApiKeyEntry.pick({ qps_limit: true, rpm_limit: true, tpm_limit: true, priority: true, enabled: true, max_in_flight: true, quota_group: true, price_per_1k_input: true, price_per_1k_output: true, max_output_tokens: true, extra_body: true })
  .extend({
    // Without the defaults of the file: what is not named stays.
    qps_limit: ApiKeyEntry.shape.qps_limit.unwrap(),
    rpm_limit: ApiKeyEntry.shape.rpm_limit.unwrap(),
    priority: ApiKeyEntry.shape.priority.unwrap(),
    enabled: ApiKeyEntry.shape.enabled.unwrap(),
    /** True: calls in flight finish, no new ones begin. */
    drain: z.boolean(),
  })
  .partial();
export type KeyPatch = z.infer<typeof KeyPatch>;

/** Lamport time of a change and the node that made it: orders changes of all nodes alike (Lamport 1978). */
const Stamp = z.tuple([z.int().min(0), z.string().max(100)]);
type Stamp = z.infer<typeof Stamp>;

const Change = z.discriminatedUnion('kind', [
  /** A key added through the API, whole. */
  z.object({ kind: z.literal('put'), stamp: Stamp, entry: ApiKeyEntry, drain: z.boolean() }),
  /** A key of the file with other values. */
  z.object({ kind: z.literal('patch'), stamp: Stamp, patch: KeyPatch }),
  z.object({ kind: z.literal('remove'), stamp: Stamp }),
  /** As the file says again. */
  z.object({ kind: z.literal('reset'), stamp: Stamp }),
]);
export type Change = z.infer<typeof Change>;
type WithoutStamp<T> = T extends unknown ? Omit<T, 'stamp'> : never;
export type NewChange = WithoutStamp<Change>;

const MOST_CHANGES = 2_000;
const ChangesRecord = z.record(z.string(), Change).refine((all) => Object.keys(all).length <= MOST_CHANGES, 'too many changes');

/**
 * What was changed through the API, by key name: the newest change of each. Two records merge to the same whatever
 * the order, so nodes that missed each other's broadcasts end with the same keys.
 */
export type Changes = Readonly<Record<string, Change>>;

/** Throws `CHANGES_BROKEN`. */
export function parseChanges(json: string, what: string): Changes {
  let body: unknown;
  try {
    body = JSON.parse(json);
  } catch (thrown) {
    throw new KeyAdminError('CHANGES_BROKEN', `${what} is not JSON`, { what }, thrown);
  }
  const parsed = ChangesRecord.safeParse(body);
  if (!parsed.success) throw new KeyAdminError('CHANGES_BROKEN', `${what}: ${parsed.error.issues[0]?.path.join('.') ?? ''} is not valid`, { what });
  return parsed.data;
}

const later = (a: Stamp, b: Stamp): boolean => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);

/** Of each key the later change. */
export function mergeChanges(mine: Changes, theirs: Changes): Changes {
  const merged: Record<string, Change> = { ...mine };
  for (const [name, change] of Object.entries(theirs)) {
    const known = merged[name];
    if (known === undefined || later(change.stamp, known.stamp)) merged[name] = change;
  }
  return merged;
}

/** `changes` and one more, made by `node` now. Throws `TOO_MANY_CHANGES`. */
export function withChange(changes: Changes, name: string, change: NewChange, node: string): Changes {
  const counter = Math.max(0, ...Object.values(changes).map(({ stamp }) => stamp[0])) + 1;
  const next = { ...changes, [name]: { ...change, stamp: [counter, node] } satisfies Change };
  if (Object.keys(next).length > MOST_CHANGES) throw new KeyAdminError('TOO_MANY_CHANGES', `the record of changes holds ${MOST_CHANGES} keys already: put keys into the key file instead`);
  return next;
}

/** True when both say the same; neither order nor spelling matters. */
export const sameChanges = (a: Changes, b: Changes): boolean => digestOf(a) === digestOf(b);
const digestOf = (changes: Changes): string => Object.entries(changes).map(([name, { stamp }]) => `${name} ${stamp[0]} ${stamp[1]}`).toSorted().join('\n');

/** True when the key is named by an environment variable and nothing else. */
export const isReference = (key: string): boolean => /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/u.test(key);

/** Without the keys that are written out: what may lie on a disk unencrypted. */
export const withoutSecrets = (changes: Changes): Changes =>
  Object.fromEntries(Object.entries(changes).filter(([, change]) => change.kind !== 'put' || isReference(change.entry.key)));

/** A key of the effective configuration and where it is from. */
export interface Origin {
  readonly from: 'file' | 'api';
  /** Changed through the API. */
  readonly changed: boolean;
  readonly drain: boolean;
  /** The variable that holds it; null when it is written out. */
  readonly variable: string | null;
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The content of a key file with the changes made to it, and where each key is from. What is not valid stays as it is. */
export function applyChanges(raw: unknown, changes: Changes): { readonly raw: unknown; readonly origins: ReadonlyMap<string, Origin> } {
  const origins = new Map<string, Origin>();
  const file = isFields(raw) ? raw : {};
  const listed = file['api_keys'];
  if (raw !== null && raw !== undefined && (!isFields(raw) || (listed !== undefined && listed !== null && !Array.isArray(listed)))) return { raw, origins };
  const entries: unknown[] = [];
  const inFile = new Set<string>();
  const list: unknown[] = Array.isArray(listed) ? listed : [];
  for (const entry of list) {
    const name = isFields(entry) && typeof entry['name'] === 'string' ? entry['name'] : null;
    const change = name === null || !Object.hasOwn(changes, name) ? undefined : changes[name];
    if (name !== null) inFile.add(name);
    if (change?.kind === 'remove') continue;
    if (name === null || !isFields(entry) || change === undefined || change.kind === 'reset') {
      entries.push(entry);
      if (name !== null) origins.set(name, { from: 'file', changed: false, drain: false, variable: variableOf(entry) });
      continue;
    }
    if (change.kind === 'put') {
      entries.push(change.entry);
      origins.set(name, { from: 'api', changed: true, drain: change.drain, variable: variableOf(change.entry) });
      continue;
    }
    const { drain = false, ...patch } = change.patch;
    entries.push({ ...entry, ...patch });
    origins.set(name, { from: 'file', changed: true, drain, variable: variableOf(entry) });
  }
  for (const [name, change] of Object.entries(changes)) {
    if (change.kind !== 'put' || inFile.has(name)) continue;
    entries.push(change.entry);
    origins.set(name, { from: 'api', changed: true, drain: change.drain, variable: variableOf(change.entry) });
  }
  return { raw: { ...file, api_keys: entries }, origins };
}

function variableOf(entry: unknown): string | null {
  const key = isFields(entry) ? entry['key'] : null;
  return typeof key === 'string' ? (/^(?:\uE000([A-Za-z_]\w*)\uE001|\$\{([A-Za-z_]\w*)\})$/u.exec(key)?.slice(1).find((name) => name !== undefined) ?? null) : null;
}
