import { jsonSize } from '../../messages/json-size.ts';
import { HttpError } from '../errors/http-error.ts';
import { safeName } from '../errors/safe-value.ts';

/** How deep objects and lists may be nested; the API itself needs two levels. */
export const MAX_JSON_DEPTH = 16;
/**
 * Most fields and list entries where a route says nothing else; the longest valid request, a subscription to 1,000
 * cameras, has about half as many.
 */
export const MAX_JSON_PARTS = 2_048;

/**
 * Parses JSON from an untrusted client, or returns the error in it. Size and names are checked before the parser runs:
 * it refuses texts over the bounds above, a name given twice in one object, because readers disagree on which one
 * counts, and `__proto__`. Pure; linear in the text.
 *
 * @param field what errors call the text: `body` or `message`
 * @param parts most fields and list entries
 */
export function readJson(
  text: string,
  field: string,
  parts: number = MAX_JSON_PARTS,
): { readonly value: unknown } | HttpError {
  const refusal = sizeRefusal(text, field, parts) ?? nameRefusal(text, field);
  if (refusal !== null) return refusal;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return malformed(field, error);
  }
}

/** As {@link readJson}, of bytes, which must be UTF-8. */
export function readJsonBytes(
  bytes: Uint8Array,
  field: string,
  parts: number = MAX_JSON_PARTS,
): { readonly value: unknown } | HttpError {
  if (bytes.byteLength === 0)
    return new HttpError('MALFORMED_JSON', `${field}: is empty, a JSON object is needed`, { field });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    return new HttpError('MALFORMED_JSON', `${field}: is not UTF-8`, { field, cause: error });
  }
  return readJson(text, field, parts);
}

const malformed = (field: string, cause?: unknown): HttpError =>
  new HttpError('MALFORMED_JSON', `${field}: is not valid JSON`, { field, cause });

function sizeRefusal(text: string, field: string, parts: number): HttpError | null {
  const { values, depth } = jsonSize(Buffer.from(text));
  const refuse = (rule: string): HttpError => new HttpError('INVALID_FIELD', `${field}: ${rule}`, { field });
  if (depth > MAX_JSON_DEPTH) return refuse(`must be nested at most ${MAX_JSON_DEPTH} deep`);
  if (values > parts) return refuse(`must have at most ${parts} fields and list entries`);
  return null;
}

/** The first error in the names, found without a parser. Text that is not JSON may pass: the parser refuses it. */
function nameRefusal(text: string, field: string): HttpError | null {
  /** The names of each open object; null for an open list. */
  const open: (Set<string> | null)[] = [];
  let lastString = '';
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charAt(at)) {
      case '"': {
        const end = stringEnd(text, at + 1);
        if (end === -1) return malformed(field);
        lastString = text.slice(at, end + 1);
        at = end;
        break;
      }
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(null);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ':': {
        const refusal = addName(lastString, open.at(-1) ?? null, field);
        if (refusal !== null) return refusal;
        break;
      }
      default:
    }
  }
  return null;
}

/** Index of the quote that ends the string begun before `from`; -1 when none does. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** Adds a name to its object's, or returns the error in it. `quoted` is the name as written, quotes included. */
function addName(quoted: string, names: Set<string> | null, field: string): HttpError | null {
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
    return new HttpError('INVALID_FIELD', `${shown}: must be given once`, { field: shown });
  }
  names.add(name);
  return null;
}
