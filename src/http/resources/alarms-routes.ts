import { Alarm, AlarmLoad } from '../../messages/alarm.ts';
import type { Principal } from '../../messages/principal.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import type { AlarmPort, AlarmScope } from '../alarm-port.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { AlarmList, AlarmParams, AlarmsQuery } from '../schemas/alarms-schema.ts';
import type { App } from '../server.types.ts';

export interface AlarmDeps {
  readonly alarms: AlarmPort;
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly clock: Clock;
}

const HOUR_MS = 3_600_000;
/** Alarms in one answer. */
const MOST_LISTED = 200;

/** The cameras of a principal, as alarms are made for. */
export const alarmScopeOf = (principal: Principal, scope: Pick<CameraScope, 'sees'>): AlarmScope => ({
  groups: principal.groups,
  sees: (cameraId) => scope.sees(principal, cameraId),
});

/** `/api/alarms`: the calls to operators, their acknowledgement, and the load that they are. */
export function alarmRoutes(app: App, { alarms, scope, clock }: AlarmDeps): void {
  const tags = ['alarms'];

  app.get(
    '/api/alarms',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Alarms of the cameras in scope, those changed last first',
        querystring: AlarmsQuery,
        response: { 200: AlarmList, ...errorReplies(400, 503) },
      },
    },
    async ({ query, principal }) => ({
      alarms: alarms.list(alarmScopeOf(principal, scope), clock.now() - query.hours * HOUR_MS).slice(0, MOST_LISTED),
    }),
  );

  app.get(
    '/api/alarms/load',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags,
        summary: 'How many calls an operator gets, by the measures of ISA-18.2 and EEMUA 191',
        querystring: AlarmsQuery,
        response: { 200: AlarmLoad, ...errorReplies(400, 503) },
      },
    },
    async ({ query, principal }) => alarms.load(alarmScopeOf(principal, scope), query.hours),
  );

  app.post(
    '/api/alarms/:id/acknowledge',
    {
      config: { access: 'operator', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Acknowledge an alarm: every alert in it',
        params: AlarmParams,
        response: { 200: Alarm, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const { params, principal } = request;
      const alarm = await alarms.acknowledge(alarmScopeOf(principal, scope), params.id, principal.name);
      if (alarm === null)
        throw new HttpError('UNKNOWN_ALARM', `id: there is no alarm ${params.id}, or it is no longer kept`, {
          field: 'id',
          value: params.id,
        });
      request.audit({
        action: 'alarm.acknowledge',
        target: params.id,
        cameraId: null,
        before: null,
        after: { reason: alarm.reason, members: alarm.count },
      });
      return alarm;
    },
  );
}
