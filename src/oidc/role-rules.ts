import { z } from 'zod';
import { MOST } from '../messages/bounds.ts';
import { CameraGroup, UserRole } from '../messages/principal.ts';

const MOST_RULES = 200;
const MOST_GROUPS = 64;
/** Entries read of a claim that is a list, e.g. the groups of a person. */
const MOST_VALUES = 1_000;

/** Gives a role to everybody whose claim has a value. */
export const RoleRule = z.strictObject({
  /** Name of a claim, or a path into one, e.g. `realm_access.roles`. Without one the rule fits everybody. */
  claim: z.string().min(1).max(MOST.name).optional(),
  /** The claim itself, or one of its list. */
  value: z.string().min(1).max(MOST.name).optional(),
  role: UserRole,
  /** Groups of cameras; absent: every camera. */
  groups: z.array(CameraGroup).min(1).max(MOST_GROUPS).optional(),
});
export type RoleRule = z.infer<typeof RoleRule>;

export const RoleRules = z
  .array(RoleRule)
  .min(1)
  .max(MOST_RULES)
  .refine((rules) => rules.every(({ claim, value }) => (claim === undefined) === (value === undefined)), {
    message: 'claim and value belong together in each rule',
  });

/** Facts about a person, as the provider tells them. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Rights {
  readonly role: UserRole;
  /** Null: every camera. */
  readonly groups: string[] | null;
}

/**
 * The highest role of the rules that fit, with the groups of all rules that fit and give that role: no lower role adds
 * cameras to a higher one. Null when none fits. Pure.
 */
export function rightsOf(claims: Claims, rules: readonly RoleRule[]): Rights | null {
  const fitting = rules.filter((rule) => fits(claims, rule));
  const role = UserRole.options.findLast((each) => fitting.some((rule) => rule.role === each));
  if (role === undefined) return null;
  const scopes = fitting.filter((rule) => rule.role === role).map(({ groups }) => groups);
  if (scopes.includes(undefined)) return { role, groups: null };
  return { role, groups: [...new Set(scopes.flatMap((groups) => groups ?? []))].slice(0, MOST_GROUPS) };
}

function fits(claims: Claims, { claim, value }: RoleRule): boolean {
  if (claim === undefined) return true;
  const found = claimAt(claims, claim);
  const values: unknown[] = Array.isArray(found) ? found.slice(0, MOST_VALUES) : [found];
  return values.some((each) => isPlain(each) && String(each) === value);
}

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** A claim whose own name has dots, as those that are URLs, comes before a path. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}
