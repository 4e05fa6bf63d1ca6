import type { FastifyRequest } from 'fastify';
import { HttpError } from '../errors/http-error.ts';
import { safeName } from '../errors/safe-value.ts';
import { InSlices } from './in-slices.ts';

/** Most bytes of a picture. */
export const PICTURE_BYTES = 10 * 1024 * 1024;
const FIELD_BYTES = 4_096;
const FIELD_NAME_BYTES = 50;
/** First buffer of a picture whose size is not known yet. */
const FIRST_BYTES = 64 * 1024;

/** Limits of the multipart parser. */
export const MULTIPART_LIMITS = {
  fileSize: PICTURE_BYTES,
  files: 1,
  fields: 4,
  fieldSize: FIELD_BYTES,
  fieldNameSize: FIELD_NAME_BYTES,
  parts: 5,
  headerPairs: 20,
} as const;

export interface UploadedForm {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Null when there was no file. */
  readonly image: Buffer | null;
}

/** Reads a multipart body: the file `image`, and text fields that are not checked yet. Throws {@link HttpError}. */
export async function readUploadedForm(request: FastifyRequest): Promise<UploadedForm> {
  const fields: Record<string, unknown> = {};
  let image: Buffer | null = null;
  const body = new InSlices(request.raw);
  // The parser reads from `raw` of the request it is given.
  const sliced: FastifyRequest = Object.create(request, { raw: { value: body } });
  try {
    for await (const part of sliced.parts()) {
      const field = safeName(part.fieldname);
      if (part.type === 'file') {
        if (part.fieldname !== 'image')
          throw new HttpError('UNKNOWN_FIELD', `${field}: there is no such file, only image`, { field });
        image = await wholeFile(part.file);
        continue;
      }
      if (part.valueTruncated || part.fieldnameTruncated)
        throw new HttpError(
          'INVALID_FIELD',
          `${field}: must have at most ${FIELD_BYTES} bytes, and its name at most ${FIELD_NAME_BYTES}`,
          { field },
        );
      if (Object.hasOwn(fields, part.fieldname))
        throw new HttpError('INVALID_FIELD', `${field}: must be given once`, { field });
      fields[part.fieldname] = part.value;
    }
  } catch (thrown) {
    throw asHttpError(thrown);
  } finally {
    body.destroy();
  }
  return { fields, image };
}

/** Copies the pieces into one buffer: the parser may deliver them two bytes at a time. */
async function wholeFile(file: AsyncIterable<Uint8Array> & { readonly truncated: boolean }): Promise<Buffer> {
  let buffer = Buffer.allocUnsafe(FIRST_BYTES);
  let length = 0;
  for await (const piece of file) {
    if (length + piece.length > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(buffer.length * 2, PICTURE_BYTES) + piece.length);
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    buffer.set(piece, length);
    length += piece.length;
  }
  if (file.truncated) throw pictureTooLarge();
  return buffer.subarray(0, length);
}

const pictureTooLarge = (cause?: unknown): HttpError =>
  new HttpError('BODY_TOO_LARGE', `image: must have at most ${PICTURE_BYTES} bytes`, { field: 'image', cause });

/** Translates the parser's own errors. */
function asHttpError(thrown: unknown): unknown {
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  if (code === 'FST_REQ_FILE_TOO_LARGE') return pictureTooLarge(thrown);
  if (/^FST_(?:PARTS|FIELDS|FILES)_LIMIT$/u.test(code))
    return new HttpError('BAD_REQUEST', 'body: has more parts than image, priority and hook_url', {
      field: 'body',
      cause: thrown,
    });
  if (thrown instanceof HttpError || (thrown instanceof Error && 'statusCode' in thrown)) return thrown;
  return new HttpError('BAD_REQUEST', 'body: is no complete multipart message', { field: 'body', cause: thrown });
}
