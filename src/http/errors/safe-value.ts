import { REDACTED, redactShort } from '../../infra/redact.ts';
import { urlOrigin } from '../../infra/url-origin.ts';

/** Addresses of webhooks and pictures: their paths are secrets. */
const SECRET_PATH = /(?:hook|image)_?url$/iu;
const SECRET_NAME = /pass|pwd|token|secret|auth|credential|(^|[._-])(api)?key$/iu;
/** Characters of a name that are tested, from its end: the last part of a path names the value. */
const NAME_LOOKED_AT = 200;
/** Most parts shown of an object or list, and how deep. */
const MAX_PARTS = 20;
const MAX_DEPTH = 3;

/**
 * A received value made safe to send back and to log: URLs without passwords, values of secret names hidden, long
 * values cut, with their length. Objects and lists become JSON text of their first parts.
 */
export function safeValue(field: string, value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (isSecret(field)) return REDACTED;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return shown(field, value);
  return redactShort(JSON.stringify(partsOf(value, MAX_DEPTH)) ?? '');
}

/** A field's name made safe for an error: the client chooses the names of unknown fields. */
export const safeName = (name: string): string => redactShort(name, 100);

const isSecret = (name: string): boolean => SECRET_NAME.test(name.slice(-NAME_LOOKED_AT));

const shown = (name: string, text: string): string =>
  redactShort(SECRET_PATH.test(name.slice(-NAME_LOOKED_AT)) ? urlOrigin(text) : text);

/** A copy of the first parts, with short strings and without secrets. */
function partsOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactShort(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_PARTS).map((each) => partsOf(each, depth - 1));
  const parts: [string, unknown][] = [];
  for (const name in value) {
    if (parts.length >= MAX_PARTS) break;
    const part: unknown = Reflect.get(value, name);
    parts.push([safeName(name), partOf(name, part, depth - 1)]);
  }
  return Object.fromEntries(parts);
}

function partOf(name: string, part: unknown, depth: number): unknown {
  if (part !== null && isSecret(name)) return REDACTED;
  return typeof part === 'string' ? shown(name, part) : partsOf(part, depth);
}
