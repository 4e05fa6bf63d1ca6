import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { type BodyBounds, clipped, MESSAGE } from './bounds.ts';

/** Every code a {@link BodyError} can carry. */
export const BODY_ERRORS = {
  BODY_TOO_LARGE: 'it has more bytes, values or levels than any message of ours',
  BODY_NOT_JSON: 'it is no JSON text in UTF-8',
  BODY_INVALID: 'it does not fit the schema',
} as const;
export type BodyErrorCode = keyof typeof BODY_ERRORS;

/** Characters of a reason, whatever the body holds. */
const REASON_CHARS = 300;
const PATH_PARTS = 8;
/** Bodies up to this many bytes, as real ones are, can't hold enough to cost 10 ms; larger ones are counted through. */
const SMALL_BYTES = 64 * 1024;

/** A body that cannot be used. The message is one sentence of at most 300 characters, about the first thing wrong. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: BodyErrorCode;

  constructor(code: BodyErrorCode, message: string) {
    super(clipped(message, REASON_CHARS));
    this.code = code;
  }
}

/**
 * Reads a body that anybody may have written: size first, then how much it holds, then JSON, then the schema, which
 * ends at the first thing that is wrong. Linear in the bounds, whatever comes. Throws {@link BodyError}, nothing else.
 */
export function readBody<T>(body: Uint8Array | string, schema: z.ZodType<T>, bounds: BodyBounds = MESSAGE): T {
  return checked(parseJson(bytesOf(body, bounds), bounds), schema);
}

function bytesOf(body: Uint8Array | string, bounds: BodyBounds): Buffer {
  // A text has at least as many bytes as characters: one that is far too long is not copied to count them.
  if (body.length > bounds.bytes) throw tooLarge(body.length, bounds);
  const bytes =
    typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length > bounds.bytes) throw tooLarge(bytes.length, bounds);
  return bytes;
}

const tooLarge = (length: number, { bytes }: BodyBounds): BodyError =>
  new BodyError('BODY_TOO_LARGE', `it has ${length} bytes or more, over the ${bytes} that a message may have`);

function parseJson(bytes: Buffer, bounds: BodyBounds): unknown {
  if (bytes.length > SMALL_BYTES) countThrough(bytes, bounds);
  if (!isUtf8(bytes)) throw new BodyError('BODY_NOT_JSON', 'it is not UTF-8');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw new BodyError('BODY_NOT_JSON', thrown instanceof Error ? thrown.message : 'it is no JSON');
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_LIST = 0x5d;
const CLOSE_OBJECT = 0x7d;

/** Objects by the thousand, each with keys of its own, cost many times their bytes: they are counted, not made. */
function countThrough(bytes: Buffer, { parts: mostParts, depth: mostDepth }: BodyBounds): void {
  let parts = 0;
  let depth = 0;
  let inText = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inText) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === COMMA || byte === COLON) parts += 1;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      parts += 1;
      depth += 1;
      if (depth > mostDepth) throw new BodyError('BODY_TOO_LARGE', `it is nested more than ${mostDepth} levels deep`);
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
  }
  if (parts <= mostParts) return;
  throw new BodyError('BODY_TOO_LARGE', `it holds ${parts} values, over the ${mostParts} that a message may hold`);
}

/** Not `schema.parse`: that makes an issue, and a line of the error's text, for every wrong entry. */
function checked<T>(value: unknown, schema: z.ZodType<T>): T {
  const context = { async: false, abortEarly: true } as const;
  // The way of the library for those who build upon it: nothing public ends at the first issue and gives the value.
  // eslint-disable-next-line no-underscore-dangle
  const result = schema._zod.run({ value, issues: [] }, context);
  if (result instanceof Promise) throw new BodyError('BODY_INVALID', 'its schema waits for something');
  const [first] = result.issues;
  // A schema's run gives `unknown` back, which is `T` when there is no issue: that is what `parse` returns as well.
  if (first === undefined) return result.value as T;
  const { message, path } = z.core.util.finalizeIssue(first, context, z.config());
  const at = path
    .slice(0, PATH_PARTS)
    .map((part) => clipped(String(part), 40))
    .join('.');
  throw new BodyError('BODY_INVALID', `${at === '' ? 'it' : at}: ${message}`);
}
