import { createHash } from 'node:crypto';
import type { KeySpec } from './key-config.ts';

/**
 * Name of the budget a key draws on, the same on every node: its group's, or its account's, so that a key under a new name
 * goes on with what it spent. Gives nothing of the secret away.
 */
export function budgetOf(spec: KeySpec): string {
  if (spec.quotaGroup !== null) return `group:${spec.quotaGroup}`;
  const known = accounts.get(spec);
  if (known !== undefined) return known;
  const made = `account:${createHash('sha256').update(`${spec.secret.reveal()}\n${spec.baseUrl}\n${spec.model}`).digest('hex').slice(0, 16)}`;
  accounts.set(spec, made);
  return made;
}
const accounts = new WeakMap<KeySpec, string>();

/** Whether both entries lead to the same account at the same provider. */
export const sameAccess = (a: KeySpec, b: KeySpec): boolean =>
  a.secret.reveal() === b.secret.reveal() && a.baseUrl === b.baseUrl && a.model === b.model;
