import type { AddressRanges } from '../../infra/address-ranges.ts';
import type { SystemEvent } from '../../runtime/inspect.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { ConnectionLimit } from '../feed/connection-limit.ts';
import { clientOf } from '../intake/client-address.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import type { HttpPorts } from '../ports.ts';
import { RestartBody, RestartReply, TreeReply } from '../schemas/tree-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['supervision'];
const MAX_FOLLOWERS = 32;
const MAX_FOLLOWERS_PER_ADDRESS = 16;
const HEARTBEAT_MS = 15_000;
/** Unread bytes at which a follower is dropped. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

export interface SupervisorDeps extends Pick<HttpPorts, 'supervision'> {
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** The tree of actors, its events, and the restart of an actor by an operator. */
export function supervisorRoutes(app: App, { supervision, trusted, refusals }: SupervisorDeps): void {
  app.get(
    '/api/supervisor/tree',
    {
      schema: {
        tags,
        summary: 'The whole tree of actors, and the newest dead letters',
        response: { 200: TreeReply, ...errorReplies(503) },
      },
    },
    async () => {
      const { total, recent } = supervision.deadLetters();
      return { tree: supervision.tree(), deadLetters: { total, recent: [...recent] } };
    },
  );

  app.post(
    '/api/supervisor/restart',
    {
      schema: {
        tags,
        summary: 'Stops and starts an actor, or a supervisor with all below it',
        body: RestartBody,
        response: { 200: RestartReply, ...errorReplies(400, 404, 413, 415, 503) },
      },
    },
    async (request) => {
      const { path } = request.body;
      if (!(await supervision.restart(path)))
        throw new HttpError('UNKNOWN_ACTOR', `path: there is no actor or supervisor at ${path}`, {
          field: 'path',
          value: path,
        });
      return { restarted: path };
    },
  );

  const followers = new ConnectionLimit(MAX_FOLLOWERS, MAX_FOLLOWERS_PER_ADDRESS, 'clients');
  app.get(
    '/api/supervisor/events',
    { schema: { tags, summary: 'Events of the tree, as server-sent events', produces: ['text/event-stream'] } },
    (request, reply) => {
      // A stream of events never ends, and HEAD wants no body.
      if (request.method === 'HEAD') {
        void reply.type('text/event-stream; charset=utf-8').send();
        return;
      }
      const client = clientOf(request, trusted);
      const reason = followers.refusal(client);
      if (reason !== null) {
        refusals.count('followers');
        throw new HttpError('TOO_MANY', reason);
      }
      const leave = followers.take(client);
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        ...headersOf(reply.getHeaders()),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
      });
      raw.write('retry: 1000\n\n');
      const send = (text: string): void => {
        if (raw.writableLength > MAX_BACKLOG_BYTES) raw.destroy();
        else raw.write(text);
      };
      const unsubscribe = supervision.subscribe((event: SystemEvent) =>
        send(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
      );
      const heartbeat = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS);
      request.raw.once('close', () => {
        leave();
        clearInterval(heartbeat);
        unsubscribe();
      });
    },
  );
}

/** Headers set by hooks, for a reply that Fastify does not send itself. */
const headersOf = (
  headers: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
