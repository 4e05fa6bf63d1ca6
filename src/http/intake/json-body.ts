import { HttpError } from '../errors/http-error.ts';
import { safeName } from '../errors/safe-value.ts';

/** Depth to which objects and lists may be nested: what the API takes has two levels. */
export const MAX_JSON_DEPTH = 16;
/** Fields and list entries in all; a subscription to 1,000 cameras is the longest that the API takes. */
export const MAX_JSON_PARTS = 2_048;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * What JSON from a stranger holds, or what is wrong with it. One walk through the text comes before the parser, so that
 * neither it nor what reads its result meets more depth or more parts than the bounds above. Refused as well: a name
 * that stands twice in one object, since readers disagree on which counts, and `__proto__`. Pure, linear.
 *
 * @param field what the text is, in errors: `body` or `message`
 */
export function readJson(text: string, field: string): { readonly value: unknown } | HttpError {
  const refusal = shapeRefusal(text, field);
  if (refusal !== null) return refusal;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return malformed(field, error);
  }
}

/** The same of bytes, which must be UTF-8. */
export function readJsonBytes(bytes: Uint8Array, field: string): { readonly value: unknown } | HttpError {
  if (bytes.byteLength === 0)
    return new HttpError('MALFORMED_JSON', `${field}: is empty, a JSON object is needed`, { field });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    return new HttpError('MALFORMED_JSON', `${field}: is not UTF-8`, { field, cause: error });
  }
  return readJson(text, field);
}

const malformed = (field: string, cause?: unknown): HttpError =>
  new HttpError('MALFORMED_JSON', `${field}: is not valid JSON`, { field, cause });

/** Looks at depth, number of parts and names, without a parser: what is no JSON may pass, and fails in the parser. */
function shapeRefusal(text: string, field: string): HttpError | null {
  const refuse = (what: string): HttpError => new HttpError('INVALID_FIELD', `${field}: ${what}`, { field });
  /** The names of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = [];
  let parts = 0;
  let latest = '';
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(text, at + 1);
      if (end === -1) return malformed(field);
      latest = text.slice(at, end + 1);
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      if (open.length >= MAX_JSON_DEPTH) return refuse(`must be nested at most ${MAX_JSON_DEPTH} deep`);
      open.push(code === 0x7b ? new Set() : null);
      parts += 1;
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
    } else if (code === COMMA) {
      parts += 1;
    } else if (code === COLON) {
      const refusal = nameRefusal(latest, open.at(-1) ?? null, field);
      if (refusal !== null) return refusal;
    }
    if (parts > MAX_JSON_PARTS) return refuse(`must have at most ${MAX_JSON_PARTS} fields and list entries`);
  }
  return null;
}

/** Index of the quote that ends the string begun before `from`; -1 when none does. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return -1;
}

/** @param quoted the name with its quotes, as it was written */
function nameRefusal(quoted: string, names: Set<string> | null, field: string): HttpError | null {
  if (names === null) return malformed(field);
  let name: unknown;
  try {
    // `\u0061` and `a` are one name.
    name = quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
  } catch (error) {
    return malformed(field, error);
  }
  if (typeof name !== 'string') return malformed(field);
  if (name === '__proto__') return new HttpError('UNKNOWN_FIELD', `${name}: there is no such field`, { field: name });
  if (names.has(name)) {
    const shown = safeName(name);
    return new HttpError('INVALID_FIELD', `${shown}: is there twice`, { field: shown });
  }
  names.add(name);
  return null;
}
