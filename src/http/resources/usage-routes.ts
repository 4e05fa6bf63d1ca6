import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { UsageQuery, UsageReport } from '../schemas/usage-schema.ts';
import type { App } from '../server.types.ts';

/** `/api/usage`: tokens and cost. */
export function usageRoutes(app: App, usage: HttpPorts['usage']): void {
  app.get(
    '/api/usage',
    {
      schema: {
        tags: ['keys'],
        summary: 'Tokens and cost of one day, by key and by camera',
        querystring: UsageQuery,
        response: { 200: UsageReport, ...errorReplies(400, 503) },
      },
    },
    (request) => usage(request.query.day ?? null),
  );
}
