import { z } from 'zod';
import type { Clock } from '../../runtime/clock.ts';
import type { ApiTokens } from '../../users/api-tokens.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { TokenAdded, TokenBody, TokenList, TokenParams } from '../schemas/accounts-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['users'];
const LONGEST_LIFE_MS = 366 * 24 * 3_600_000;
/** For admins for all cameras. */
const config = { access: 'admin', scope: 'everything' } as const;

/** `/api/tokens`: API tokens for programs. A token is shown once, and only its hash is kept. */
export function apiTokenRoutes(app: App, tokens: ApiTokens, clock: Clock): void {
  app.get(
    '/api/tokens',
    {
      config,
      schema: { tags, summary: 'All API tokens', response: { 200: TokenList, ...errorReplies(401, 403) } },
    },
    async () => ({ tokens: [...tokens.list()] }),
  );

  app.post(
    '/api/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'Makes an API token, for the header `Authorization: Bearer`',
        body: TokenBody,
        response: { 201: TokenAdded, ...errorReplies(400, 401, 403, 409, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { name, role, groups, expiresAt } = request.body;
      const life = Date.parse(expiresAt) - clock.now();
      if (!(life > 0 && life <= LONGEST_LIFE_MS))
        throw new HttpError('INVALID_FIELD', 'expiresAt: must be in the future, at most 366 days ahead', {
          field: 'expiresAt',
          value: expiresAt,
        });
      const { token, record } = await tokens.add({ name, role, groups, expiresAt }, request.principal.name);
      request.audit({ action: 'token.add', target: name, after: { id: record.id, role, groups, expiresAt } });
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...record, token });
    },
  );

  app.delete(
    '/api/tokens/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Ends an API token, at once on every node',
        params: TokenParams,
        response: { 204: z.undefined(), ...errorReplies(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { name, id, role, groups } = await tokens.remove(request.params.id);
      request.audit({ action: 'token.remove', target: name, before: { id, role, groups } });
      return reply.code(204).send();
    },
  );
}
