import { z } from 'zod';
import type { App } from '../server.types.ts';

const Alive = z.object({ status: z.literal('ok') });
const Unready = z.object({ status: z.literal('down') });
/** Open to everybody, so the reply is one word. */
const open = { tags: ['operations'], security: [] };

/**
 * `/livez` and `/readyz`: for container engines and load balancers, without a token.
 *
 * @param isReady whether this process can serve: it has started, reaches NATS, and is not stopping
 */
export function probeRoutes(app: App, isReady: () => boolean): void {
  app.get(
    '/livez',
    {
      config: { access: 'public', scope: 'none' },
      schema: { ...open, summary: 'Whether the process answers', response: { 200: Alive } },
    },
    () => ({
      status: 'ok' as const,
    }),
  );
  app.get(
    '/readyz',
    {
      config: { access: 'public', scope: 'none' },
      schema: { ...open, summary: 'Whether requests may be sent here', response: { 200: Alive, 503: Unready } },
    },
    async (_request, reply) => {
      if (isReady()) return { status: 'ok' as const };
      return reply.code(503).send({ status: 'down' });
    },
  );
}
