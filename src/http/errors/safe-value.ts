import { REDACTED, redactShort } from '../../infra/redact.ts';
import { isSecretName, shownParts, shownText } from '../../infra/secret-fields.ts';

/** Most parts shown of an object or list, and how deep. */
const BOUNDS = { parts: 20, depth: 3 };

/**
 * A received value made safe to send back and to log: URLs without passwords, values of secret names hidden, long
 * values cut, with their length. Objects and lists become JSON text of their first parts.
 */
export function safeValue(field: string, value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (isSecretName(field)) return REDACTED;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return shownText(field, value);
  return redactShort(JSON.stringify(shownParts(value, BOUNDS)) ?? '');
}

/** A field's name made safe for an error: the client chooses the names of unknown fields. */
export const safeName = (name: string): string => redactShort(name, 100);
