import multipart from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { RequestId } from '../../messages/ids.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { safeName } from '../errors/safe-value.ts';
import { invalidInput } from '../errors/validation.ts';
import { clientOf } from '../intake/client-address.ts';
import { InSlices } from '../intake/in-slices.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import type { Uploads } from '../intake/uploads.ts';
import type { AssessmentPort } from '../ports.ts';
import { type AssessmentOrder, AssessmentView, UploadFields, UrlBody } from '../schemas/assessments-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['assessments'];
const PICTURE_BYTES = 10 * 1024 * 1024;
/** Kept ready for a picture whose size is not known yet. */
const FIRST_BYTES = 64 * 1024;
const FIELD_BYTES = 4_096;
const FIELD_NAME_BYTES = 50;
const DESCRIPTION =
  'Multipart with the file `image` (JPEG, PNG or WebP, at most 10 MB), or JSON with `image_url`; besides, both take `priority` (1 to 5, default 3) and `hook_url`. The answer is a status with an `id`; ask for it again, or have the hook called.';

/** What a multipart body may have beside the picture itself: borders, headers, fields. */
const BESIDE_PICTURE_BYTES = 64 * 1024;

export interface AssessmentDeps {
  readonly assessments: AssessmentPort;
  readonly uploads: Uploads;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** `/api/assessments`: pictures that people hand in. */
export async function assessmentRoutes(
  app: App,
  { assessments, uploads, trusted, refusals }: AssessmentDeps,
): Promise<void> {
  const params = z.object({ id: RequestId });
  app.get(
    '/api/assessments/:id',
    {
      schema: {
        tags,
        summary: 'Status and result, for one hour',
        params,
        response: { 200: AssessmentView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const found = await assessments.get(request.params.id);
      if (found === null)
        throw new HttpError('UNKNOWN_ASSESSMENT', `id: there is no assessment ${request.params.id} (any more)`, {
          field: 'id',
          value: request.params.id,
        });
      return found;
    },
  );

  const places = new WeakMap<FastifyRequest, () => void>();
  const working = new WeakSet<FastifyRequest>();
  // In a scope of its own: everywhere else multipart stays a wrong content type.
  await app.register(async (scope) => {
    await scope.register(multipart, {
      limits: {
        fileSize: PICTURE_BYTES,
        files: 1,
        fields: 4,
        fieldSize: FIELD_BYTES,
        fieldNameSize: FIELD_NAME_BYTES,
        parts: 5,
        headerPairs: 20,
      },
      throwFileSizeLimit: true,
    });
    scope.post(
      '/api/assessments',
      {
        schema: {
          tags,
          summary: 'Has one picture judged',
          description: DESCRIPTION,
          consumes: ['multipart/form-data', 'application/json'],
          response: { 202: AssessmentView, ...errorReplies(400, 403, 408, 413, 415, 422, 429, 503) },
        },
        // Before the first byte of the body is read.
        onRequest: async (request, reply) => {
          const length = Number(request.headers['content-length'] ?? 0);
          if (length > PICTURE_BYTES + BESIDE_PICTURE_BYTES) {
            throw new HttpError(
              'BODY_TOO_LARGE',
              `body: must have at most ${PICTURE_BYTES + BESIDE_PICTURE_BYTES} bytes`,
              { field: 'body', value: length },
            );
          }
          const leave = uploads.take(clientOf(request, trusted), bytesOf(request));
          if (leave === null) {
            refusals.count('uploads');
            throw new HttpError('TOO_MANY', 'body: as many pictures as may are being read and judged now', {
              field: 'body',
              headers: { 'retry-after': '2' },
            });
          }
          places.set(request, leave);
          reply.raw.once('close', () => working.has(request) || leave());
        },
      },
      async (request, reply) => {
        // Whoever goes away meanwhile leaves the picture, and its download, behind.
        working.add(request);
        try {
          const order = request.isMultipart() ? await fromParts(request) : fromJson(request.body);
          const status = await assessments.submit(order);
          return await reply.code(202).header('location', `/api/assessments/${status.id}`).send(status);
        } finally {
          places.get(request)?.();
        }
      },
    );
  });
}

/** Bytes that a picture may take: as many as come; the most when it is fetched or its length is not known. */
const bytesOf = ({ headers }: FastifyRequest): number =>
  headers['content-length'] !== undefined && headers['content-type']?.startsWith('multipart/') === true
    ? Number(headers['content-length'])
    : PICTURE_BYTES;

function fromJson(body: unknown): AssessmentOrder {
  const parsed = UrlBody.safeParse(body);
  if (!parsed.success) throw invalidInput(parsed.error.issues, body, 'body');
  const { image_url, priority, hook_url } = parsed.data;
  return { picture: { url: image_url }, priority, hookUrl: hook_url ?? null };
}

async function fromParts(request: FastifyRequest): Promise<AssessmentOrder> {
  const fields: Record<string, unknown> = {};
  let bytes: Buffer | null = null;
  const body = new InSlices(request.raw);
  // The parser reads from what it takes for the request itself.
  const sliced: FastifyRequest = Object.create(request, { raw: { value: body } });
  try {
    for await (const part of sliced.parts()) {
      const field = safeName(part.fieldname);
      if (part.type === 'field') {
        if (part.valueTruncated || part.fieldnameTruncated)
          throw new HttpError(
            'INVALID_FIELD',
            `${field}: must have at most ${FIELD_BYTES} bytes, and its name at most ${FIELD_NAME_BYTES}`,
            { field },
          );
        if (Object.hasOwn(fields, part.fieldname))
          throw new HttpError('INVALID_FIELD', `${field}: is there twice`, { field });
        fields[part.fieldname] = part.value;
      } else {
        if (part.fieldname !== 'image')
          throw new HttpError('UNKNOWN_FIELD', `${field}: there is no such file, only image`, { field });
        bytes = await wholeFile(part.file);
      }
    }
  } catch (thrown) {
    throw asHttpError(thrown);
  } finally {
    body.destroy();
  }
  const parsed = UploadFields.safeParse(fields);
  if (!parsed.success) throw invalidInput(parsed.error.issues, fields, 'body');
  if (bytes === null) throw new HttpError('MISSING_FIELD', 'image: is required, as a file', { field: 'image' });
  const { priority, hook_url } = parsed.data;
  return { picture: { bytes }, priority, hookUrl: hook_url ?? null };
}

/** The parser may give it in pieces of two bytes, which must not be kept one by one. */
async function wholeFile(file: AsyncIterable<Uint8Array> & { readonly truncated: boolean }): Promise<Buffer> {
  let held = Buffer.allocUnsafe(FIRST_BYTES);
  let length = 0;
  for await (const piece of file) {
    if (length + piece.length > held.length) {
      const larger = Buffer.allocUnsafe(Math.min(held.length * 2, PICTURE_BYTES) + piece.length);
      held.copy(larger, 0, 0, length);
      held = larger;
    }
    held.set(piece, length);
    length += piece.length;
  }
  if (file.truncated) throw pictureTooLarge();
  return held.subarray(0, length);
}

const pictureTooLarge = (cause?: unknown): HttpError =>
  new HttpError('BODY_TOO_LARGE', `image: must have at most ${PICTURE_BYTES} bytes`, { field: 'image', cause });

/** The parser's own complaints. */
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
