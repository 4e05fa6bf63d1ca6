import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { KeyPort } from '../ports.ts';
import { KeyBody, KeyChanged, KeyList, KeyParams, KeyPatchBody, KeyRemoved } from '../schemas/keys-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['keys'];

/** `/api/keys`: the API keys, without the keys. */
export function keyRoutes(app: App, keys: KeyPort): void {
  app.get(
    '/api/keys',
    { schema: { tags, summary: 'All API keys, without the keys', response: { 200: KeyList, ...errorReplies(503) } } },
    () => keys.list(),
  );

  app.post(
    '/api/keys',
    {
      schema: {
        tags,
        summary: 'Adds a key, on every node',
        body: KeyBody,
        response: { 201: KeyChanged, ...errorReplies(400, 409, 413, 415, 503, 507) },
      },
    },
    async (request, reply) => {
      const changed = await keys.add(request.body);
      return reply.code(201).header('location', `/api/keys/${request.body.name}`).send(changed);
    },
  );

  app.patch(
    '/api/keys/:name',
    {
      schema: {
        tags,
        summary: 'Changes limits, priority, enabled, drain; calls in flight finish',
        params: KeyParams,
        body: KeyPatchBody,
        response: { 200: KeyChanged, ...errorReplies(400, 404, 413, 415, 503, 507) },
      },
    },
    async (request) => found(await keys.change(request.params.name, request.body), request.params.name),
  );

  app.delete(
    '/api/keys/:name',
    {
      schema: {
        tags,
        summary: 'Removes a key; calls in flight finish',
        params: KeyParams,
        response: { 200: KeyRemoved, ...errorReplies(400, 404, 503, 507) },
      },
    },
    async (request) => found(await keys.remove(request.params.name), request.params.name),
  );
}

function found<T>(value: T | null, name: string): T {
  if (value === null)
    throw new HttpError('UNKNOWN_KEY', `name: there is no API key ${name}`, { field: 'name', value: name });
  return value;
}
