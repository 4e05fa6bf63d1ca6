import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { type BodyBounds, clipped, MESSAGE } from './bounds.ts';
import { jsonSize } from './json-size.ts';

/** Every code a {@link BodyError} can carry. */
export const BODY_ERRORS = {
  BODY_TOO_LARGE: 'it has more bytes, values or levels than any message of Gantry',
  BODY_NOT_JSON: 'it is not JSON text in UTF-8',
  BODY_INVALID: 'it does not fit the schema',
} as const;
export type BodyErrorCode = keyof typeof BODY_ERRORS;

/** Most characters of a reason. */
const REASON_CHARS = 300;
const PATH_PARTS = 8;
/** Bodies up to this size, as real ones are, cannot cost more than 10 ms to parse; larger ones are measured first. */
const SMALL_BYTES = 64 * 1024;

/** Thrown for an unusable body. The message is one sentence of at most 300 characters about the first error. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: BodyErrorCode;

  constructor(code: BodyErrorCode, message: string) {
    super(clipped(message, REASON_CHARS));
    this.code = code;
  }
}

/**
 * Reads a body from an untrusted sender: checks its bytes, then its number of values and depth, then parses it, then
 * applies the schema up to the first error. Takes time linear in the bounds. Throws only {@link BodyError}.
 */
export function readBody<T>(body: Uint8Array | string, schema: z.ZodType<T>, bounds: BodyBounds = MESSAGE): T {
  return checked(parseJson(bytesOf(body, bounds), bounds), schema);
}

function bytesOf(body: Uint8Array | string, bounds: BodyBounds): Buffer {
  // A text has at least as many bytes as characters: a far too long one is refused without copying it.
  if (body.length > bounds.bytes) throw tooLarge(body.length, bounds);
  const bytes =
    typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length > bounds.bytes) throw tooLarge(bytes.length, bounds);
  return bytes;
}

const tooLarge = (length: number, { bytes }: BodyBounds): BodyError =>
  new BodyError('BODY_TOO_LARGE', `it has ${length} bytes or more, over the ${bytes} that a message may have`);

function parseJson(bytes: Buffer, bounds: BodyBounds): unknown {
  if (bytes.length > SMALL_BYTES) checkSize(bytes, bounds);
  if (!isUtf8(bytes)) throw new BodyError('BODY_NOT_JSON', 'it is not UTF-8');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw new BodyError('BODY_NOT_JSON', thrown instanceof Error ? thrown.message : 'it is not JSON');
  }
}

function checkSize(bytes: Buffer, bounds: BodyBounds): void {
  const { values, names, depth } = jsonSize(bytes);
  if (depth > bounds.depth) throw new BodyError('BODY_TOO_LARGE', `it is nested more than ${bounds.depth} levels deep`);
  const parts = values + names;
  if (parts > bounds.parts)
    throw new BodyError('BODY_TOO_LARGE', `it holds ${parts} values, over the ${bounds.parts} that a message may hold`);
}

/** Not `schema.parse`, which collects an issue, and a line of the error's text, for every wrong entry. */
function checked<T>(value: unknown, schema: z.ZodType<T>): T {
  const context = { async: false, abortEarly: true } as const;
  // zod's interface for libraries: no public method stops at the first issue.
  // eslint-disable-next-line no-underscore-dangle
  const result = schema._zod.run({ value, issues: [] }, context);
  if (result instanceof Promise) throw new BodyError('BODY_INVALID', 'its schema waits for something');
  const [first] = result.issues;
  // `run` returns `unknown`; without an issue it is a `T`, as `parse` returns it.
  if (first === undefined) return result.value as T;
  const { message, path } = z.core.util.finalizeIssue(first, context, z.config());
  const at = path
    .slice(0, PATH_PARTS)
    .map((part) => clipped(String(part), 40))
    .join('.');
  throw new BodyError('BODY_INVALID', `${at === '' ? 'it' : at}: ${message}`);
}
