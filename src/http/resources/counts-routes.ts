import type { Clock } from '../../runtime/clock.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort } from '../ports.ts';
import { CameraParams } from '../schemas/cameras-schema.ts';
import { CountsPage, CountsParams, DEFAULT_COUNT_HOURS } from '../schemas/counts-schema.ts';
import type { App } from '../server.types.ts';

const HOUR_MS = 3_600_000;

/** `/api/cameras/{id}/counts`: road users counted in the last two days. */
export function countRoutes(app: App, cameras: CameraPort, clock: Clock): void {
  app.get(
    '/api/cameras/:id/counts',
    {
      config: { access: 'viewer', scope: 'camera' },
      schema: {
        tags: ['cameras'],
        summary: 'Road users counted over lines, between lanes and in lanes; of a removed camera too',
        params: CameraParams,
        querystring: CountsParams,
        response: { 200: CountsPage, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { bin, from, to } = request.query;
      const end = to ?? Math.max(clock.now(), from ?? 0);
      const { bins, next } = await cameras.counts({
        cameraId: id,
        seconds: bin * 60,
        from: from ?? end - DEFAULT_COUNT_HOURS[bin] * HOUR_MS,
        to: end,
      });
      // Counts outlive their camera.
      if (bins.length === 0 && next === null && (await cameras.get(id)) === null)
        throw new HttpError('UNKNOWN_CAMERA', `id: there is no camera ${id}, and none of its counts`, {
          field: 'id',
          value: id,
        });
      return { cameraId: id, bins: [...bins], next: next === null ? null : new Date(next).toISOString() };
    },
  );
}
