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
    {
      config: { access: 'admin', scope: 'everything' },
      schema: { tags, summary: 'All API keys, without the keys', response: { 200: KeyList, ...errorReplies(503) } },
    },
    () => keys.list(),
  );

  app.post(
    '/api/keys',
    {
      config: { access: 'admin', scope: 'everything' },
      schema: {
        tags,
        summary: 'Adds a key, on every node',
        body: KeyBody,
        response: { 201: KeyChanged, ...errorReplies(400, 409, 413, 415, 503, 507) },
      },
    },
    async (request, reply) => {
      const changed = await keys.add(request.body);
      request.audit({ action: 'key.add', target: request.body.name, after: request.body });
      return reply.code(201).header('location', `/api/keys/${request.body.name}`).send(changed);
    },
  );

  app.patch(
    '/api/keys/:name',
    {
      config: { access: 'admin', scope: 'everything' },
      schema: {
        tags,
        summary: 'Changes limits, priority, enabled, drain; calls in flight finish',
        params: KeyParams,
        body: KeyPatchBody,
        response: { 200: KeyChanged, ...errorReplies(400, 404, 413, 415, 503, 507) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const before = (await keys.list()).keys.find((key) => key.name === name);
      const changed = found(await keys.change(name, request.body), name);
      const fields = Object.keys(request.body);
      const was = Object.fromEntries(fields.map((field) => [field, Reflect.get(before ?? {}, field)]));
      request.audit({ action: 'key.change', target: name, before: was, after: request.body });
      return changed;
    },
  );

  app.delete(
    '/api/keys/:name',
    {
      config: { access: 'admin', scope: 'everything' },
      schema: {
        tags,
        summary: 'Removes a key; calls in flight finish',
        params: KeyParams,
        response: { 200: KeyRemoved, ...errorReplies(400, 404, 503, 507) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const removed = found(await keys.remove(name), name);
      request.audit({ action: 'key.remove', target: name });
      return removed;
    },
  );
}

function found<T>(value: T | null, name: string): T {
  if (value === null)
    throw new HttpError('UNKNOWN_KEY', `name: there is no API key ${name}`, { field: 'name', value: name });
  return value;
}
