import type { CameraScope } from '../access/camera-scope.ts';
import { usageOf } from '../access/scoped-reports.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { UsageQuery, UsageReport } from '../schemas/usage-schema.ts';
import type { App } from '../server.types.ts';

export interface UsageDeps extends Pick<HttpPorts, 'usage'> {
  readonly scope: Pick<CameraScope, 'sees'>;
}

/** `/api/usage`: tokens and cost. */
export function usageRoutes(app: App, { usage, scope }: UsageDeps): void {
  app.get(
    '/api/usage',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags: ['keys'],
        summary: 'Tokens and cost of one day, by key and by camera; for a scope, of its cameras',
        querystring: UsageQuery,
        response: { 200: UsageReport, ...errorReplies(400, 503) },
      },
    },
    async ({ query, principal }) => {
      const report = await usage(query.day ?? null);
      return principal.groups === null ? report : usageOf(report, (camera) => scope.sees(principal, camera));
    },
  );
}
