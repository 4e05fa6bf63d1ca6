import type { Credential, Tickets } from '../access/tickets.ts';
import { errorReplies } from '../errors/replies.ts';
import { TicketReply } from '../schemas/tickets-schema.ts';
import type { App } from '../server.types.ts';

const DESCRIPTION =
  'Valid for one minute, as `?ticket=` of pictures and WebSockets, where a browser cannot send a header.';

const OPEN: Credential = { via: 'open' };

/** `/api/tickets`: tickets that replace a header in an address. */
export function ticketRoutes(app: App, tickets: Tickets): void {
  app.post(
    '/api/tickets',
    {
      config: { access: 'viewer', scope: 'none' },
      schema: {
        tags: ['access'],
        summary: 'A ticket in place of a header',
        description: DESCRIPTION,
        response: { 201: TicketReply, ...errorReplies(401) },
      },
    },
    async ({ signedIn }, reply) =>
      reply
        .code(201)
        .header('cache-control', 'no-store')
        .send(tickets.issue(signedIn?.credential ?? OPEN)),
  );
}
