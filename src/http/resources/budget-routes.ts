import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { BudgetReply } from '../schemas/budget-schema.ts';
import type { App } from '../server.types.ts';

/** `/api/budget`: how the calls to the model are spent. */
export function budgetRoutes(app: App, budget: HttpPorts['budget']): void {
  app.get(
    '/api/budget',
    {
      schema: {
        tags: ['operations'],
        summary: 'Calls to the model: allowed, used and wasted; questions asked and answered without a call',
        response: { 200: BudgetReply, ...errorReplies(503) },
      },
    },
    async () => ({ code: 200 as const, data: await budget() }),
  );
}
