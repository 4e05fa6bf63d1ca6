import type { FastifyRequest } from 'fastify';
import {
  acknowledge,
  giveVerdict,
  type HandlingChange,
  takeBackAcknowledgement,
} from '../../alert-desk/handling-changes.ts';
import { AlertHandling } from '../../messages/alert-handling.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import {
  AlertListParams,
  AlertPage,
  DeskAlertParams,
  PromptParams,
  PromptView,
  VerdictBody,
} from '../schemas/alert-desk-schema.ts';
import type { App } from '../server.types.ts';
import { AlertSearch, rowView } from './alert-search.ts';
import { findAlert } from './find-alert.ts';

export interface AlertDeskDeps extends Pick<HttpPorts, 'cameras' | 'desk'> {
  readonly scope: Pick<CameraScope, 'sees' | 'groupsOf'>;
  readonly clock: Clock;
}

const tags = ['alerts'];
const operators = { access: 'operator', scope: 'filtered' } as const;
const viewers = { access: 'viewer', scope: 'filtered' } as const;

/** `/api/alerts`: the list, acknowledgements and verdicts. `/api/prompts/{hash}`: what the model was told. */
export function alertDeskRoutes(app: App, deps: AlertDeskDeps): void {
  const { desk, clock } = deps;
  const search = new AlertSearch(deps);
  app.get(
    '/api/alerts',
    {
      config: viewers,
      schema: {
        tags,
        summary: 'Alerts that match a search, newest first',
        querystring: AlertListParams,
        response: { 200: AlertPage, ...errorReplies(400, 503) },
      },
    },
    async ({ query: { limit, ...filters }, principal }) => {
      const { rows, next } = await search.page(filters, limit, principal);
      return { alerts: rows.map(rowView), next, complete: desk.complete };
    },
  );

  const handled = { 200: AlertHandling, ...errorReplies(400, 403, 404, 503) };
  app.post(
    '/api/alerts/:id/acknowledge',
    {
      config: operators,
      schema: { tags, summary: 'Acknowledges an alert; again: as before', params: DeskAlertParams, response: handled },
    },
    (request) =>
      changeHandling(deps, request, request.params.id, 'alert.acknowledge', acknowledge(actorOf(request, clock))),
  );
  app.delete(
    '/api/alerts/:id/acknowledge',
    {
      config: operators,
      schema: { tags, summary: 'Takes an acknowledgement back', params: DeskAlertParams, response: handled },
    },
    (request) => changeHandling(deps, request, request.params.id, 'alert.unacknowledge', takeBackAcknowledgement),
  );
  app.put(
    '/api/alerts/:id/verdict',
    {
      config: operators,
      schema: {
        tags,
        summary: 'Says whether an alert was right, with a comment',
        params: DeskAlertParams,
        body: VerdictBody,
        response: { ...handled, ...errorReplies(409) },
      },
    },
    (request) => {
      const { revision = null, ...verdict } = request.body;
      const change = giveVerdict(verdict, actorOf(request, clock));
      return changeHandling(deps, request, request.params.id, 'alert.verdict', change, revision);
    },
  );

  app.get(
    '/api/prompts/:hash',
    {
      // The same instructions are used for all cameras.
      config: { access: 'viewer', scope: 'none' },
      schema: {
        tags,
        summary: 'The instructions behind the hash of a prompt',
        params: PromptParams,
        response: { 200: PromptView, ...errorReplies(400, 404, 503) },
      },
    },
    async ({ params: { hash } }) => {
      const text = await desk.prompt(hash);
      if (text === null)
        throw new HttpError('UNKNOWN_PROMPT', `hash: there is no prompt of the hash ${hash}`, {
          field: 'hash',
          value: hash,
        });
      return { promptHash: hash, text };
    },
  );
}

const actorOf = ({ principal }: FastifyRequest, clock: Clock) => ({ by: principal.name, now: clock.now() });

async function changeHandling(
  deps: AlertDeskDeps,
  request: FastifyRequest,
  id: string,
  action: string,
  change: HandlingChange,
  revision: number | null = null,
): Promise<AlertHandling> {
  const { requestId: alertId, cameraId } = await findAlert(deps, id, request.principal);
  const changed = await deps.desk.change({ alertId, cameraId }, change, revision);
  if (changed === 'conflict')
    throw new HttpError('ALERT_CHANGED', 'revision: somebody else has changed this alert in between; look again', {
      field: 'revision',
      value: revision,
    });
  const { before, after } = changed;
  request.audit({ action, target: alertId, cameraId, before: shown(before), after: shown(after) });
  return after;
}

/** The part of a handling that the audit needs. */
const shown = ({ acknowledged, verdict, comment }: AlertHandling) => ({
  acknowledged: acknowledged?.by ?? null,
  verdict: verdict?.value ?? null,
  comment: comment?.text ?? null,
});
