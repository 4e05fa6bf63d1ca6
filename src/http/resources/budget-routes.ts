import type { CameraScope } from '../access/camera-scope.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { BudgetReply } from '../schemas/budget-schema.ts';
import type { App } from '../server.types.ts';

export interface BudgetDeps extends Pick<HttpPorts, 'budget'> {
  readonly scope: Pick<CameraScope, 'sees'>;
}

/** `/api/budget`: how the calls to the model are spent. */
export function budgetRoutes(app: App, { budget, scope }: BudgetDeps): void {
  app.get(
    '/api/budget',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags: ['operations'],
        summary: 'Calls to the model: allowed, used and wasted; questions asked and answered without a call',
        response: { 200: BudgetReply, ...errorReplies(503) },
      },
    },
    async ({ principal }) => {
      const isWanted = principal.groups === null ? undefined : (id: string) => scope.sees(principal, id);
      return { code: 200 as const, data: await budget(isWanted) };
    },
  );
}
