import { z } from 'zod';
import { ApiKeyEntry } from '../keys/key-config.schema.ts';
import { StorageError } from '../storage/storage-error.ts';
import { parseJson } from '../storage/json.ts';
import { KeyAdminError } from './key-admin-error.ts';
import { isFields } from './fields.ts';

/** Fields of an existing key that may be changed: neither the key itself nor its address. */
export const KeyPatch = ApiKeyEntry.pick({
  qps_limit: true,
  rpm_limit: true,
  tpm_limit: true,
  priority: true,
  enabled: true,
  max_in_flight: true,
  quota_group: true,
  price_per_1k_input: true,
  price_per_1k_output: true,
  max_output_tokens: true,
  max_images: true,
  extra_body: true,
})
  .extend({
    // Without the defaults of the file: fields that are not named stay.
    qps_limit: ApiKeyEntry.shape.qps_limit.unwrap(),
    rpm_limit: ApiKeyEntry.shape.rpm_limit.unwrap(),
    priority: ApiKeyEntry.shape.priority.unwrap(),
    enabled: ApiKeyEntry.shape.enabled.unwrap(),
    /** True: calls in flight finish, no new ones begin. */
    drain: z.boolean(),
  })
  .partial();
export type KeyPatch = z.infer<typeof KeyPatch>;

/** A key added through the API. Its address is no part of it: only the key file names addresses. */
export const AddedKey = ApiKeyEntry.omit({ base_url: true });
export type AddedKey = z.infer<typeof AddedKey>;

/** Beyond any real number of changes, and below where counting loses its exactness. */
const LAST_STAMP = 2 ** 52;
/** Lamport time of a change and the node that made it: orders changes of all nodes alike (Lamport 1978). */
const Stamp = z.tuple([z.int().min(0).max(LAST_STAMP), z.string().min(1).max(100)]);
type Stamp = z.infer<typeof Stamp>;

const Change = z.discriminatedUnion('kind', [
  /** A key added through the API. An entry that names an address is refused: see {@link AddedKey}. */
  z.object({ kind: z.literal('put'), stamp: Stamp, entry: AddedKey, drain: z.boolean() }),
  /** A key of the file with other values. */
  z.object({ kind: z.literal('patch'), stamp: Stamp, patch: KeyPatch }),
  z.object({ kind: z.literal('remove'), stamp: Stamp }),
  /** Back to the file's entry. */
  z.object({ kind: z.literal('reset'), stamp: Stamp }),
]);
export type Change = z.infer<typeof Change>;
type WithoutStamp<T> = T extends unknown ? Omit<T, 'stamp'> : never;
export type NewChange = WithoutStamp<Change>;

/** Most keys whose changes a record may hold. */
export const MOST_CHANGES = 2_000;
/** Bounds of a record in Redis or on the disk, once opened. */
const RECORD_BOUNDS = { maxLength: 1_500_000, maxParts: 80_000 };
const NAME = ApiKeyEntry.shape.name;

/**
 * The changes made through the API, by key name: the newest of each. Records merge to the same result in any order, so
 * nodes that missed each other's broadcasts end with the same keys.
 */
export type Changes = ReadonlyMap<string, Change>;

export interface ParsedChanges {
  readonly changes: Changes;
  /** Names of the invalid entries, cut; the others are kept. */
  readonly refused: readonly string[];
}

/** Parses the JSON of a record of any version. Throws `CHANGES_BROKEN` when it is not an object. */
export function parseRecord(json: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const body = parseJson(json, what, RECORD_BOUNDS);
    if (isFields(body)) return body;
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    throw new KeyAdminError('CHANGES_BROKEN', thrown.message, { what }, thrown);
  }
  throw new KeyAdminError('CHANGES_BROKEN', `${what} is no record of changes`, { what });
}

/** Changes by name. Each entry is checked by itself, so an invalid one takes no other with it. */
export function parseChanges(body: Readonly<Record<string, unknown>>): ParsedChanges {
  const changes = new Map<string, Change>();
  const refused: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    const parsed = changes.size < MOST_CHANGES ? Change.safeParse(value) : null;
    const isOne =
      parsed?.success === true &&
      NAME.safeParse(name).success &&
      (parsed.data.kind !== 'put' || parsed.data.entry.name === name);
    if (isOne) changes.set(name, parsed.data);
    else if (refused.length < 10) refused.push(name.slice(0, 64));
  }
  return { changes, refused };
}

/** As an object that holds any name as its own, `__proto__` included. */
export const changesToObject = (changes: Changes): Readonly<Record<string, Change>> => Object.fromEntries(changes);

const later = (a: Stamp, b: Stamp): boolean => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);

/** The later change of each key. Names beyond the bound are left out, but never those of `mine`. */
export function mergeChanges(mine: Changes, theirs: Changes): Changes {
  const merged = new Map(mine);
  for (const [name, change] of theirs) {
    const known = merged.get(name);
    if (known === undefined ? merged.size < MOST_CHANGES : later(change.stamp, known.stamp)) merged.set(name, change);
  }
  return merged;
}

/** True when `mine` has a change that `theirs` lacks, or has an older one of. */
export const hasMore = (mine: Changes, theirs: Changes): boolean =>
  [...mine].some(([name, change]) => {
    const other = theirs.get(name);
    return other === undefined || later(change.stamp, other.stamp);
  });

export const highestStamp = (changes: Changes): number =>
  [...changes.values()].reduce((highest, { stamp }) => Math.max(highest, stamp[0]), 0);

/** `changes` and one more, made by `node` now. Throws `TOO_MANY_CHANGES`. */
export function withChange(changes: Changes, name: string, change: NewChange, node: string): Changes {
  const next = new Map(changes).set(name, { ...change, stamp: [highestStamp(changes) + 1, node] });
  const isFull = next.size > MOST_CHANGES || JSON.stringify(changesToObject(next)).length > RECORD_BOUNDS.maxLength / 2;
  if (isFull)
    throw new KeyAdminError(
      'TOO_MANY_CHANGES',
      `the record of changes holds ${changes.size} keys already: put keys into the key file instead`,
    );
  return next;
}

/** True when both say the same; neither order nor spelling matters. */
export const sameChanges = (a: Changes, b: Changes): boolean => a.size === b.size && !hasMore(a, b) && !hasMore(b, a);

/** True when the key is named by an environment variable and nothing else. */
export const isReference = (key: string): boolean => /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/u.test(key);
