import type { z } from 'zod';
import type { HistoryQuery } from '../../infra/alert-history.ts';
import type { Clock } from '../../runtime/clock.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort } from '../ports.ts';
import { AlertHistoryPage, DEFAULT_HISTORY_HOURS, HistoryParams } from '../schemas/alerts-schema.ts';
import { CameraParams } from '../schemas/cameras-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['alerts'];
const HOUR_MS = 3_600_000;

/** `/api/alerts/history` and `/api/cameras/{id}/alerts/history`: alerts of the last thirty days, page by page. */
export function alertRoutes(app: App, cameras: CameraPort, clock: Clock): void {
  const page = async (cameraId: string | null, params: HistoryParams): Promise<z.infer<typeof AlertHistoryPage>> => {
    const { alerts, next } = await cameras.alertHistory(queryOf(cameraId, params, clock.now()));
    return { alerts: [...alerts], next };
  };

  app.get(
    '/api/alerts/history',
    {
      schema: {
        tags,
        summary: 'Alerts of all cameras, oldest first',
        querystring: HistoryParams,
        response: { 200: AlertHistoryPage, ...errorReplies(400, 503) },
      },
    },
    (request) => page(null, request.query),
  );

  app.get(
    '/api/cameras/:id/alerts/history',
    {
      schema: {
        tags,
        summary: 'Alerts of one camera, oldest first; of a removed one too',
        params: CameraParams,
        querystring: HistoryParams,
        response: { 200: AlertHistoryPage, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const found = await page(id, request.query);
      // Alerts outlive their camera: an id without camera and alerts is misspelt.
      if (found.alerts.length === 0 && (await cameras.get(id)) === null)
        throw new HttpError('UNKNOWN_CAMERA', `id: there is no camera ${id}, and none of its alerts`, {
          field: 'id',
          value: id,
        });
      return found;
    },
  );
}

function queryOf(cameraId: string | null, { from, to, limit, after }: HistoryParams, now: number): HistoryQuery {
  const end = to ?? Math.max(now, from ?? 0);
  return { cameraId, from: from ?? end - DEFAULT_HISTORY_HOURS * HOUR_MS, to: end, limit, after: after ?? 0 };
}
