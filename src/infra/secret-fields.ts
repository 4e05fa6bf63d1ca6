import { REDACTED, redactShort } from './redact.ts';
import { urlOrigin } from './url-origin.ts';

/** Addresses of webhooks and pictures: their paths are secrets. */
const SECRET_PATH = /(?:hook|image)_?url$/iu;
const SECRET_NAME = /pass|pwd|token|secret|auth|credential|(^|[._-])(api)?key$|^(?:current|link|csrf)$/iu;
/** Characters of a name that are tested, from its end: the last part of a path names the value. */
const NAME_LOOKED_AT = 200;

/** How much of a value is shown. */
export interface ShownBounds {
  /** Most parts of each object and list. */
  readonly parts: number;
  readonly depth: number;
  /** Most characters of a text. Default 200. */
  readonly text?: number;
}

/** Whether a field of this name holds a secret. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name.slice(-NAME_LOOKED_AT));

/** The text of the field `name`, redacted and cut. */
export const shownText = (name: string, text: string, most?: number): string =>
  redactShort(SECRET_PATH.test(name.slice(-NAME_LOOKED_AT)) ? urlOrigin(text) : text, most);

/** A copy of the first parts of a JSON value, with short texts and without secrets. Linear in the value. */
export function shownParts(value: unknown, bounds: ShownBounds): unknown {
  if (typeof value === 'string') return redactShort(value, bounds.text);
  if (typeof value !== 'object' || value === null) return value;
  if (bounds.depth === 0) return '…';
  const inner = { ...bounds, depth: bounds.depth - 1 };
  if (Array.isArray(value)) return value.slice(0, bounds.parts).map((each) => shownParts(each, inner));
  const parts: [string, unknown][] = [];
  for (const name in value) {
    if (parts.length >= bounds.parts) break;
    const part: unknown = Reflect.get(value, name);
    parts.push([redactShort(name, 100), shownPart(name, part, inner)]);
  }
  return Object.fromEntries(parts);
}

function shownPart(name: string, part: unknown, bounds: ShownBounds): unknown {
  if (part !== null && isSecretName(name)) return REDACTED;
  return typeof part === 'string' ? shownText(name, part, bounds.text) : shownParts(part, bounds);
}
