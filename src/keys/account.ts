import { createHash } from 'node:crypto';
import type { KeySpec } from './key-config.ts';

/**
 * Name of the budget a key draws on, the same on every node: its group's, or its account's, so that a renamed key keeps
 * its spending. Gives nothing of the secret away.
 */
export function budgetOf(spec: KeySpec): string {
  if (spec.quotaGroup !== null) return `group:${spec.quotaGroup}`;
  const known = accounts.get(spec);
  if (known !== undefined) return known;
  const access = `${spec.secret.reveal()}\n${spec.baseUrl}\n${spec.model}`;
  const made = `account:${createHash('sha256').update(access).digest('hex').slice(0, 16)}`;
  accounts.set(spec, made);
  return made;
}
const accounts = new WeakMap<KeySpec, string>();

/** Whether both entries use the same account and model of the same provider. */
export const sameAccess = (a: KeySpec, b: KeySpec): boolean =>
  a.secret.reveal() === b.secret.reveal() && a.baseUrl === b.baseUrl && a.model === b.model;
