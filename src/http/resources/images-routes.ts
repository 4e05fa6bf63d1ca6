import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ImageId } from '../../messages/ids.ts';
import { HttpError } from '../errors/http-error.ts';
import type { HttpPorts } from '../ports.ts';
import { TicketQuery } from '../schemas/tickets-schema.ts';
import type { App } from '../server.types.ts';

/** `/api/images/{imageId}`: the JPEG of a claim check. */
export function imageRoutes(app: App, images: HttpPorts['images']): void {
  const params = z.object({ imageId: ImageId });
  const querystring = TicketQuery;
  app.get(
    '/api/images/:imageId',
    {
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
      return sendImage(images, request.params.imageId, reply);
    },
  );
}

/** Sends the JPEG, or a 404 that no cache keeps. */
export async function sendImage(
  images: HttpPorts['images'],
  imageId: ImageId,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const jpeg = await images.get(imageId);
  if (jpeg === null) {
    reply.removeHeader('cache-control');
    throw new HttpError('IMAGE_EXPIRED', `imageId: there is no picture ${imageId} (any more)`, {
      field: 'imageId',
      value: imageId,
    });
  }
  return reply.type('image/jpeg').send(Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength));
}
