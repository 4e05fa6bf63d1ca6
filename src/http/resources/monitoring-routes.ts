import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { MOST_SILENCE_DAYS, Silence, type SystemAlert } from '../../messages/monitoring.ts';
import type { Principal } from '../../messages/principal.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { MonitoringReport, ruleView, SilenceBody, SilenceParams } from '../schemas/monitoring-schema.ts';
import type { App } from '../server.types.ts';
import { checkCamera, checkEnd, checkReach, visiblePauses } from './camera-pauses.ts';

export interface MonitoringDeps extends Pick<HttpPorts, 'cameras' | 'monitoring'> {
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly clock: Clock;
}

const tags = ['operations'];
const operators = { access: 'operator', scope: 'filtered' } as const;

/** `/api/monitoring`: the rules by which Gantry itself is watched, their alerts, and silences. */
export function monitoringRoutes(app: App, deps: MonitoringDeps): void {
  reportRoute(app, deps);
  addSilenceRoute(app, deps);
  removeSilenceRoute(app, deps);
}

function reportRoute(app: App, { monitoring, scope }: MonitoringDeps): void {
  app.get(
    '/api/monitoring',
    {
      config: operators,
      schema: {
        tags,
        summary: 'Alert rules about Gantry itself, how they stand on all nodes, and silences',
        response: { 200: MonitoringReport, ...errorReplies() },
      },
    },
    async ({ principal }) => {
      const { rules, disabled, alerts, silences, valuesOf, problem } = monitoring.state();
      const seen = visibleAlerts(alerts, principal, scope);
      // Figures of the whole system, or of the worst of all cameras, are for those who see all of it.
      const values = (rule: string): readonly number[] => (principal.groups === null ? valuesOf(rule) : []);
      return {
        rules: [
          ...rules.map((rule) => ruleView(rule, seen, values(rule.name), true)),
          ...disabled.map((rule) => ruleView(rule, [], [], false)),
        ],
        alerts: seen,
        silences: visiblePauses(silences, principal, scope),
        problem: principal.groups === null ? problem : null,
      };
    },
  );
}

function addSilenceRoute(app: App, { cameras, monitoring, scope, clock }: MonitoringDeps): void {
  app.post(
    '/api/monitoring/silences',
    {
      config: operators,
      schema: {
        tags,
        summary: 'Silences the alerts of a rule, or of one camera of it, until a time',
        body: SilenceBody,
        response: { 201: Silence, ...errorReplies(400, 403, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      const { rule, cameraId, until, reason } = request.body;
      checkEnd(until, clock.now(), MOST_SILENCE_DAYS);
      await checkCamera(request.body, request.principal, { cameras, scope }, 'a silence');
      const silence: Silence = {
        silenceId: randomUUID(),
        rule,
        cameraId,
        until: new Date(until).toISOString(),
        reason,
        by: request.principal.name,
      };
      if ((await monitoring.addSilence(silence)) === 'full')
        throw new HttpError('TOO_MANY_SILENCES', 'there are as many silences as there may be: remove one first');
      request.audit({ action: 'silence.add', target: silence.silenceId, cameraId, after: silence });
      return reply.code(201).send(silence);
    },
  );
}

function removeSilenceRoute(app: App, { monitoring, scope }: MonitoringDeps): void {
  app.delete(
    '/api/monitoring/silences/:id',
    {
      config: operators,
      schema: {
        tags,
        summary: 'Ends a silence',
        params: SilenceParams,
        response: { 204: z.null(), ...errorReplies(400, 403, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { silences } = monitoring.state();
      const silence = visiblePauses(silences, request.principal, scope).find(({ silenceId }) => silenceId === id);
      if (silence === undefined) throw unknownSilence(id);
      checkReach(silence, request.principal, 'a silence');
      if (silence.silenceId.startsWith('file-'))
        throw new HttpError('SILENCE_IN_FILE', 'id: this silence is in the file of alert rules: remove it there', {
          field: 'id',
          value: id,
        });
      if (!(await monitoring.removeSilence(id))) throw unknownSilence(id);
      request.audit({ action: 'silence.remove', target: id, cameraId: silence.cameraId, before: silence });
      return reply.code(204).send(null);
    },
  );
}

/** The alerts about a principal's cameras, and about the whole system where it sees every camera. Pure. */
export const visibleAlerts = (
  alerts: readonly SystemAlert[],
  principal: Pick<Principal, 'groups'>,
  scope: Pick<CameraScope, 'sees'>,
): SystemAlert[] =>
  alerts.filter(({ cameraId }) => (cameraId === null ? principal.groups === null : scope.sees(principal, cameraId)));

const unknownSilence = (id: string): HttpError =>
  new HttpError('UNKNOWN_SILENCE', `id: there is no silence ${id}, or its time is over`, { field: 'id', value: id });
