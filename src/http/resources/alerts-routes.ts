import type { z } from 'zod';
import { alertKinds } from '../../alert-desk/shelved.ts';
import type { HistoryQuery } from '../../infra/alert-history.ts';
import type { Aggregate } from '../../messages/aggregate.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { AlertParams, AlertRecord } from '../schemas/alert-record-schema.ts';
import { AlertHistoryPage, DEFAULT_HISTORY_HOURS, HistoryParams } from '../schemas/alerts-schema.ts';
import { CameraParams } from '../schemas/cameras-schema.ts';
import type { App } from '../server.types.ts';

import { alertRecord, type RecordContext } from './alert-record.ts';
import { findAlert } from './find-alert.ts';

export interface AlertRoutesDeps extends Pick<HttpPorts, 'cameras' | 'desk'> {
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly clips: Pick<HttpPorts['clips'], 'find'>;
  readonly clock: Clock;
  readonly basePath: string;
}

const tags = ['alerts'];
const HOUR_MS = 3_600_000;

/** `/api/alerts/{id}` and the histories of one camera and of all: alerts of the last thirty days. */
export function alertRoutes(app: App, deps: AlertRoutesDeps): void {
  const { cameras, desk, scope, clips, clock, basePath } = deps;
  const page = async (query: HistoryQuery): Promise<z.infer<typeof AlertHistoryPage>> => {
    const { alerts, next } = await cameras.alertHistory(query);
    return { alerts: [...alerts], next };
  };

  app.get(
    '/api/alerts/history',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Alerts of all cameras in scope, oldest first',
        querystring: HistoryParams,
        response: { 200: AlertHistoryPage, ...errorReplies(400, 503) },
      },
    },
    ({ query, principal }) => {
      const all = queryOf(null, query, clock.now());
      if (principal.groups === null) return page(all);
      return page({ ...all, isWanted: (cameraId) => scope.sees(principal, cameraId) });
    },
  );

  app.get(
    '/api/alerts/:id',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags,
        summary: 'One alert with its evidence, by its id or that of an incident',
        params: AlertParams,
        response: { 200: AlertRecord, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const alert = await findAlert(deps, request.params.id, request.principal);
      return alertRecord(alert, await clips.find(alert.requestId), recordContext(alert, { desk, clock, basePath }));
    },
  );

  app.get(
    '/api/cameras/:id/alerts/history',
    {
      config: { access: 'viewer', scope: 'camera' },
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
      const found = await page(queryOf(id, request.query, clock.now()));
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

/** Parts of an alert's record other than the alert and its clip. */
export function recordContext(
  alert: Aggregate,
  { desk, clock, basePath }: Pick<AlertRoutesDeps, 'desk' | 'clock' | 'basePath'>,
): RecordContext {
  const { requestId: alertId, cameraId } = alert;
  const now = clock.now();
  return {
    basePath,
    now,
    handling: desk.handling({ alertId, cameraId }),
    shelved: desk.isShelved({ cameraId, kinds: alertKinds(alert) }, now),
  };
}

function queryOf(cameraId: string | null, { from, to, limit, after }: HistoryParams, now: number): HistoryQuery {
  const end = to ?? Math.max(now, from ?? 0);
  return { cameraId, from: from ?? end - DEFAULT_HISTORY_HOURS * HOUR_MS, to: end, limit, after: after ?? 0 };
}
