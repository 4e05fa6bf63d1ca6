import { z } from 'zod';
import { ImageId } from '../../messages/ids.ts';
import { TicketQuery } from '../schemas/tickets-schema.ts';
import type { App } from '../server.types.ts';
import type { PictureReader } from './picture-reader.ts';

/** `/api/images/{imageId}`: the JPEG of a claim check. */
export function imageRoutes(app: App, pictures: PictureReader): void {
  const params = z.object({ imageId: ImageId });
  const querystring = TicketQuery;
  app.get(
    '/api/images/:imageId',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags: ['images'],
        summary: 'JPEG of a frame or a group, while it is kept',
        params,
        querystring,
        produces: ['image/jpeg'],
      },
    },
    async (request, reply) => {
      // An id always names the same picture.
      reply.header('cache-control', 'private, max-age=300, immutable');
      return pictures.send(request.params.imageId, request, reply);
    },
  );
}
