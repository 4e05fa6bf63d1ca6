import { z } from 'zod';
import { MAX_CAMERAS } from '../../infra/camera-store.ts';
import { redactUrl } from '../../infra/redact.ts';
import type { SourceAllow } from '../../infra/source-policy.ts';
import type { CameraConfig } from '../../messages/camera.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort, CameraRecord } from '../ports.ts';
import { CameraParams, CameraView, cameraBodies, type NewCamera } from '../schemas/cameras-schema.ts';
import type { App } from '../server.types.ts';

export interface CameraRoutesDeps {
  readonly cameras: CameraPort;
  readonly sourceAllow: SourceAllow | null;
  /** Called after a camera was removed. */
  readonly onRemoved: (cameraId: string) => void;
}

const tags = ['cameras'];

/** `/api/cameras`: the list of cameras. */
export function cameraRoutes(app: App, { cameras, sourceAllow, onRemoved }: CameraRoutesDeps): void {
  const { create, patch } = cameraBodies(sourceAllow);

  app.get(
    '/api/cameras',
    { schema: { tags, summary: 'All cameras', response: { 200: z.array(CameraView), ...errorReplies(503) } } },
    async () => (await cameras.list()).map(cameraView),
  );

  app.post(
    '/api/cameras',
    {
      schema: {
        tags,
        summary: 'Adds a camera; it survives a restart',
        body: create,
        response: { 201: CameraView, ...errorReplies(400, 409, 413, 415, 503, 507) },
      },
    },
    async (request, reply) => {
      const { cameraId } = request.body;
      const outcome = await cameras.add(configOf(request.body));
      if (outcome !== 'added') throw notAdded(outcome, cameraId);
      return reply
        .code(201)
        .header('location', `/api/cameras/${cameraId}`)
        .send(cameraView(await knownCamera(cameras, cameraId)));
    },
  );

  app.get(
    '/api/cameras/:id',
    {
      schema: {
        tags,
        summary: 'One camera',
        params: CameraParams,
        response: { 200: CameraView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => cameraView(await knownCamera(cameras, request.params.id)),
  );

  app.patch(
    '/api/cameras/:id',
    {
      schema: {
        tags,
        summary: 'Changes the fields given',
        params: CameraParams,
        body: patch,
        response: { 200: CameraView, ...errorReplies(400, 404, 413, 415, 503, 507) },
      },
    },
    async (request) => {
      const changed = await cameras.change(request.params.id, request.body);
      if (changed === null) throw unknownCamera(request.params.id);
      return cameraView(changed);
    },
  );

  app.delete(
    '/api/cameras/:id',
    {
      schema: {
        tags,
        summary: 'Stops and removes a camera',
        params: CameraParams,
        response: { 204: z.null(), ...errorReplies(400, 404, 503, 507) },
      },
    },
    async (request, reply) => {
      if (!(await cameras.remove(request.params.id))) throw unknownCamera(request.params.id);
      onRemoved(request.params.id);
      return reply.code(204).send(null);
    },
  );
}

const configOf = ({
  name,
  freshnessSeconds,
  prompt,
  transport,
  certificateSha256,
  ...fields
}: NewCamera): CameraConfig => ({
  ...fields,
  name: name ?? fields.cameraId,
  ...(freshnessSeconds === undefined ? {} : { freshnessSeconds }),
  ...(prompt === undefined ? {} : { prompt }),
  ...(transport === undefined ? {} : { transport }),
  ...(certificateSha256 === undefined ? {} : { certificateSha256 }),
});

/** A camera as every reply shows it, with the password of its URL hidden. */
const cameraView = ({ config, status, figures }: CameraRecord): CameraView => ({
  ...config,
  url: redactUrl(config.url),
  status,
  figures,
});

const unknownCamera = (id: string): HttpError =>
  new HttpError('UNKNOWN_CAMERA', `id: there is no camera ${id}`, { field: 'id', value: id });

/** Throws `UNKNOWN_CAMERA`. */
export async function knownCamera(cameras: CameraPort, id: string): Promise<CameraRecord> {
  const record = await cameras.get(id);
  if (record === null) throw unknownCamera(id);
  return record;
}

const notAdded = (why: 'exists' | 'full', id: string): HttpError =>
  why === 'exists'
    ? new HttpError('DUPLICATE_CAMERA', `cameraId: a camera ${id} exists`, { field: 'cameraId', value: id })
    : new HttpError(
        'TOO_MANY_CAMERAS',
        `cameraId: one process keeps ${MAX_CAMERAS.toLocaleString('en')} cameras at most; ` +
          'remove one, or add it at another process',
        { field: 'cameraId', value: id },
      );
