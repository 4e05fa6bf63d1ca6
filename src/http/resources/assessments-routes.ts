import multipart from '@fastify/multipart';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { RequestId } from '../../messages/ids.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { invalidInput } from '../errors/validation.ts';
import { clientOf } from '../intake/client-address.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import { MULTIPART_LIMITS, PICTURE_BYTES, readUploadedForm } from '../intake/uploaded-form.ts';
import type { Uploads } from '../intake/uploads.ts';
import type { AssessmentPort } from '../ports.ts';
import { type AssessmentOrder, AssessmentView, UploadFields, UrlBody } from '../schemas/assessments-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['assessments'];
/** Most bytes of a body: the picture, and 64 KiB for boundaries, headers and fields. */
const UPLOAD_BODY_BYTES = PICTURE_BYTES + 64 * 1024;
const DESCRIPTION =
  'Multipart with the file `image` (JPEG, PNG or WebP, at most 10 MB), or JSON with `image_url`; besides, both take ' +
  '`priority` (1 to 5, default 3) and `hook_url`. The answer is a status with an `id`; ask for it again, or have the ' +
  'hook called.';

export interface AssessmentDeps {
  readonly assessments: AssessmentPort;
  readonly uploads: Uploads;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** `/api/assessments`: pictures handed in by clients. */
export async function assessmentRoutes(app: App, deps: AssessmentDeps): Promise<void> {
  const { assessments } = deps;
  app.get(
    '/api/assessments/:id',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Status and result, for one hour',
        params: z.object({ id: RequestId }),
        response: { 200: AssessmentView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const found = await assessments.get(id);
      // Pictures handed in belong to no camera: a principal with groups sees its own.
      const { name, groups } = request.principal;
      if (found !== null && (groups === null || found.by === name)) return found;
      const about = { field: 'id', value: id };
      throw new HttpError('UNKNOWN_ASSESSMENT', `id: there is no assessment ${id} (any more)`, about);
    },
  );

  const places = new UploadPlaces(deps);
  // In a scope of its own: everywhere else multipart stays a wrong content type.
  await app.register(async (scope) => {
    await scope.register(multipart, { limits: MULTIPART_LIMITS, throwFileSizeLimit: true });
    scope.post(
      '/api/assessments',
      {
        config: { access: 'operator', scope: 'none' },
        schema: {
          tags,
          summary: 'Has one picture assessed',
          description: DESCRIPTION,
          consumes: ['multipart/form-data', 'application/json'],
          response: { 202: AssessmentView, ...errorReplies(400, 403, 408, 413, 415, 422, 429, 503) },
        },
        // Before the first byte of the body is read.
        onRequest: async (request, reply) => places.take(request, reply),
      },
      (request, reply) =>
        places.use(request, async () => {
          const order = request.isMultipart() ? await fromForm(request) : fromJson(request);
          const status = await assessments.submit(order);
          return reply.code(202).header('location', `/api/assessments/${status.id}`).send(status);
        }),
    );
  });
}

/** Gives each upload a place before its body is read, and takes it back when the upload is over. */
class UploadPlaces {
  readonly #deps: AssessmentDeps;
  readonly #places = new WeakMap<FastifyRequest, { readonly leave: () => void; inUse: boolean }>();

  constructor(deps: AssessmentDeps) {
    this.#deps = deps;
  }

  /** Throws `BODY_TOO_LARGE`, or `TOO_MANY` when no place is free. */
  take(request: FastifyRequest, reply: FastifyReply): void {
    const { uploads, trusted, refusals } = this.#deps;
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > UPLOAD_BODY_BYTES) {
      const about = { field: 'body', value: length };
      throw new HttpError('BODY_TOO_LARGE', `body: must have at most ${UPLOAD_BODY_BYTES} bytes`, about);
    }
    const leave = uploads.take(clientOf(request, trusted), bytesOf(request));
    if (leave === null) {
      refusals.count('uploads');
      throw new HttpError('TOO_MANY', 'body: too many pictures are being read and assessed now', {
        field: 'body',
        headers: { 'retry-after': '2' },
      });
    }
    const place = { leave, inUse: false };
    this.#places.set(request, place);
    reply.raw.once('close', () => place.inUse || leave());
  }

  /** Keeps the place until `handle` is done: a client that disconnects leaves its picture or download behind. */
  async use<T>(request: FastifyRequest, handle: () => Promise<T>): Promise<T> {
    const place = this.#places.get(request);
    if (place !== undefined) place.inUse = true;
    try {
      return await handle();
    } finally {
      place?.leave();
    }
  }
}

/**
 * Bytes reserved for a picture: the body's length, or the most when the picture is downloaded or its length unknown.
 */
const bytesOf = ({ headers }: FastifyRequest): number =>
  headers['content-length'] !== undefined && headers['content-type']?.startsWith('multipart/') === true
    ? Number(headers['content-length'])
    : PICTURE_BYTES;

function fromJson({ body, principal }: FastifyRequest): AssessmentOrder {
  const parsed = UrlBody.safeParse(body);
  if (!parsed.success) throw invalidInput(parsed.error.issues, body, 'body');
  const { image_url, priority, hook_url } = parsed.data;
  return { picture: { url: image_url }, priority, hookUrl: hook_url ?? null, by: principal.name };
}

async function fromForm(request: FastifyRequest): Promise<AssessmentOrder> {
  const { fields, image } = await readUploadedForm(request);
  const parsed = UploadFields.safeParse(fields);
  if (!parsed.success) throw invalidInput(parsed.error.issues, fields, 'body');
  if (image === null) throw new HttpError('MISSING_FIELD', 'image: is required, as a file', { field: 'image' });
  const { priority, hook_url } = parsed.data;
  return { picture: { bytes: image }, priority, hookUrl: hook_url ?? null, by: request.principal.name };
}
