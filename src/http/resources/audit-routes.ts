import type { Clock } from '../../runtime/clock.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { AuditParams, AuditReply } from '../schemas/audit-schema.ts';
import type { App } from '../server.types.ts';

/** Clocks of two nodes may differ: a change made a moment ago elsewhere is on the first page. */
const AHEAD_MS = 60_000;

/** `/api/audit`: who changed what, from where. */
export function auditRoutes(app: App, audit: Pick<HttpPorts['audit'], 'page'>, clock: Clock): void {
  app.get(
    '/api/audit',
    {
      config: { access: 'admin', scope: 'everything' },
      schema: {
        tags: ['access'],
        summary: 'Changes of the last year, newest first',
        querystring: AuditParams,
        response: { 200: AuditReply, ...errorReplies(400, 503) },
      },
    },
    async (request) => {
      const { from = 0, to = clock.now() + AHEAD_MS, who, action, cameraId, limit, before } = request.query;
      const { entries, next } = await audit.page({
        from,
        to,
        who: who ?? null,
        action: action ?? null,
        cameraId: cameraId ?? null,
        limit,
        before: before ?? null,
      });
      return { entries: [...entries], next };
    },
  );
}
