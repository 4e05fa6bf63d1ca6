import { z } from 'zod';
import { Aggregate } from '../../messages/aggregate.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort } from '../ports.ts';
import { AlertsQuery, CameraParams } from '../schemas/cameras-schema.ts';
import { TicketQuery } from '../schemas/tickets-schema.ts';
import type { App } from '../server.types.ts';
import { knownCamera } from './cameras-routes.ts';
import type { PictureReader } from './picture-reader.ts';

const tags = ['cameras'];

/** `/api/cameras/{id}/latest`, `/alerts` and `/snapshot.jpg`: the analysed frames of a camera. */
export function cameraFrameRoutes(app: App, cameras: CameraPort, pictures: PictureReader): void {
  app.get(
    '/api/cameras/:id/latest',
    {
      config: { access: 'viewer', scope: 'camera' },
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
      config: { access: 'viewer', scope: 'camera' },
      schema: {
        tags,
        summary: 'Its high-risk aggregates, newest first',
        params: CameraParams,
        querystring: AlertsQuery,
        response: { 200: z.array(Aggregate), ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      await knownCamera(cameras, request.params.id);
      return [...(await cameras.alerts(request.params.id, request.query.limit))];
    },
  );

  app.get(
    '/api/cameras/:id/snapshot.jpg',
    {
      config: { access: 'viewer', scope: 'camera' },
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
      return pictures.send(imageId, request, reply);
    },
  );
}

async function newest(cameras: CameraPort, id: string): Promise<Aggregate> {
  await knownCamera(cameras, id);
  const aggregate = await cameras.latest(id);
  if (aggregate === null)
    throw new HttpError('NO_FRAME', `id: camera ${id} has no analysed frame of the last five minutes`, {
      field: 'id',
      value: id,
    });
  return aggregate;
}
