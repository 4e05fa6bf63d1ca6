/** Sentences for an operator about changes of API keys. None holds a secret. Pure. */
import { onlyLess } from './apply.ts';
import type { Change, Changes } from './changes.ts';
import { isFields, type Fields } from './fields.ts';

const MOST_NAMED = 5;

export const NOT_KEPT =
  'this key is kept in memory only and is gone after a restart: set GANTRY_KEYS_SECRET so that it can be stored ' +
  'encrypted, or name an environment variable of the key file as ${VARIABLE}';
export const SIMULATED = 'the keys are those of the simulator: changes are gone after a restart';
const NOT_SHARED =
  'the other nodes do not get this key, because it cannot be sent to them encrypted: set the same ' +
  'GANTRY_KEYS_SECRET on every node';
const ONLY_LESS =
  'the other nodes take only what lowers a limit or takes the key out of use, because the change cannot be sent ' +
  'to them encrypted: set the same GANTRY_KEYS_SECRET on every node';

/** Changes that are kept and not in force here; none: no sentence. */
export function idleNotices(idle: ReadonlyMap<string, Error>): readonly string[] {
  if (idle.size === 0) return [];
  const named = [...idle].slice(0, MOST_NAMED).map(([name, why]) => `${name} (${why.message.slice(0, 200)})`);
  const more = idle.size > named.length ? ` and ${idle.size - named.length} more` : '';
  return [`changes of API keys that are not in force on this node: ${named.join('; ')}${more}`];
}

/**
 * Changes in force that anybody who can write to Redis may have made: those of other nodes, without a secret to prove
 * it.
 */
export function unprovenNotices(changes: Changes, nodeId: string): readonly string[] {
  const theirs = [...changes].filter(([, { kind, stamp }]) => stamp[1] !== nodeId && kind !== 'reset');
  if (theirs.length === 0) return [];
  const named = theirs
    .slice(0, MOST_NAMED)
    .map(([name, { kind }]) => `${name} (${kind})`)
    .join(', ');
  return [
    'API keys changed by records in Redis that nothing proves to be from another node: ' +
      `${named}${theirs.length > MOST_NAMED ? ', ...' : ''}; set the same GANTRY_KEYS_SECRET on every node, or undo ` +
      'them with PATCH {"reset": true}',
  ];
}

/**
 * Why the other nodes do not take an unencrypted change as it is; null when they do. `raw`: content of the key file.
 */
export function notSharedNotice(name: string, change: Change, raw: unknown): string | null {
  if (change.kind === 'put') return NOT_SHARED;
  if (change.kind !== 'patch') return null;
  const entry = entriesOf(raw).find((each) => each['name'] === name) ?? {};
  return JSON.stringify(onlyLess(change.patch, entry)) === JSON.stringify(change.patch) ? null : ONLY_LESS;
}

function entriesOf(raw: unknown): readonly Fields[] {
  const list: unknown = isFields(raw) ? raw['api_keys'] : null;
  return Array.isArray(list) ? list.filter(isFields) : [];
}
