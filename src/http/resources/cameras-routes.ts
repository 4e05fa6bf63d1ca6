import { z } from 'zod';
import { MAX_CAMERAS } from '../../infra/camera-store.ts';
import { redactUrl } from '../../infra/redact.ts';
import type { SourceAllow } from '../../infra/source-policy.ts';
import { Aggregate } from '../../messages/aggregate.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort, CameraRecord, HttpPorts } from '../ports.ts';
import { AlertsQuery, CameraParams, CameraView, cameraBodies } from '../schemas/cameras-schema.ts';
import { TicketQuery } from '../schemas/tickets-schema.ts';
import type { App } from '../server.types.ts';
import { sendImage } from './images-routes.ts';

export interface CameraRoutesDeps {
  readonly ports: Pick<HttpPorts, 'cameras' | 'images'>;
  readonly sourceAllow: SourceAllow | null;
  /** Called after a camera was removed. */
  readonly onRemoved: (cameraId: string) => void;
}

const tags = ['cameras'];

/** `/api/cameras`: what is watched, and what was seen. */
export function cameraRoutes(app: App, { ports, sourceAllow, onRemoved }: CameraRoutesDeps): void {
  const { cameras } = ports;
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
      const { cameraId, name, url, enabled, intervalSeconds } = request.body;
      const outcome = await cameras.add({ cameraId, name: name ?? cameraId, url, enabled, intervalSeconds });
      if (outcome === 'exists')
        throw new HttpError('DUPLICATE_CAMERA', `cameraId: a camera ${cameraId} exists`, {
          field: 'cameraId',
          value: cameraId,
        });
      if (outcome === 'full')
        throw new HttpError(
          'TOO_MANY_CAMERAS',
          `cameraId: one process keeps ${MAX_CAMERAS.toLocaleString('en')} cameras at most; remove one, or add it at another process`,
          { field: 'cameraId', value: cameraId },
        );
      return reply
        .code(201)
        .header('location', `/api/cameras/${cameraId}`)
        .send(cameraView(await known(cameras, cameraId)));
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
    async (request) => cameraView(await known(cameras, request.params.id)),
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
      if (changed === null) throw unknown(request.params.id);
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
      if (!(await cameras.remove(request.params.id))) throw unknown(request.params.id);
      onRemoved(request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/api/cameras/:id/latest',
    {
      schema: {
        tags,
        summary: 'Its newest aggregate',
        params: CameraParams,
        response: { 200: Aggregate, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => newest(cameras, request.params.id),
  );

  app.get(
    '/api/cameras/:id/alerts',
    {
      schema: {
        tags,
        summary: 'Its high-risk aggregates, newest first',
        params: CameraParams,
        querystring: AlertsQuery,
        response: { 200: z.array(Aggregate), ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      await known(cameras, request.params.id);
      return [...(await cameras.alerts(request.params.id, request.query.limit))];
    },
  );

  app.get(
    '/api/cameras/:id/snapshot.jpg',
    {
      schema: {
        tags,
        summary: 'JPEG of its newest analysed frame',
        params: CameraParams,
        querystring: TicketQuery,
        produces: ['image/jpeg'],
      },
    },
    async (request, reply) => {
      const { imageId } = await newest(cameras, request.params.id);
      if (imageId === null)
        throw new HttpError('NO_FRAME', `the picture of ${request.params.id}'s newest frame could not be stored`, {
          field: 'id',
          value: request.params.id,
        });
      reply.header('cache-control', 'no-store');
      return sendImage(ports.images, imageId, reply);
    },
  );
}

/** As the API shows it: the password is hidden here, for every reply. */
const cameraView = ({ config, status, figures }: CameraRecord): CameraView => ({
  ...config,
  url: redactUrl(config.url),
  status,
  figures,
});

const unknown = (id: string): HttpError =>
  new HttpError('UNKNOWN_CAMERA', `id: there is no camera ${id}`, { field: 'id', value: id });

async function known(cameras: CameraPort, id: string): Promise<CameraRecord> {
  const record = await cameras.get(id);
  if (record === null) throw unknown(id);
  return record;
}

async function newest(cameras: CameraPort, id: string): Promise<Aggregate> {
  await known(cameras, id);
  const aggregate = await cameras.latest(id);
  if (aggregate === null)
    throw new HttpError('NO_FRAME', `id: camera ${id} has no analysed frame of the last five minutes`, {
      field: 'id',
      value: id,
    });
  return aggregate;
}
