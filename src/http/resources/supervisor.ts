import type { SystemEvent } from '../../runtime/inspect.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { RestartBody, RestartReply, TreeReply } from '../schemas/tree.ts';
import type { App } from '../server.types.ts';

const tags = ['supervision'];
const MAX_FOLLOWERS = 32;
const HEARTBEAT_MS = 15_000;
/** A follower that does not read is let go at this backlog. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

/** The tree of actors: as it is, as it changes, and the restart of one at an operator's wish. */
export function supervisorRoutes(app: App, { supervision }: Pick<HttpPorts, 'supervision'>): void {
  app.get('/api/supervisor/tree', { schema: { tags, summary: 'The whole tree of actors, and the newest dead letters', response: { 200: TreeReply, ...errorReplies(503) } } }, async () => {
    const { total, recent } = supervision.deadLetters();
    return { tree: supervision.tree(), deadLetters: { total, recent: [...recent] } };
  });

  app.post(
    '/api/supervisor/restart',
    { schema: { tags, summary: 'Stops and starts an actor, or a supervisor with all below it', body: RestartBody, response: { 200: RestartReply, ...errorReplies(400, 404, 413, 415, 503) } } },
    async (request) => {
      const { path } = request.body;
      if (!(await supervision.restart(path))) throw new HttpError('UNKNOWN_ACTOR', `path: there is no actor or supervisor at ${path}`, { field: 'path', value: path });
      return { restarted: path };
    },
  );

  let followers = 0;
  app.get('/api/supervisor/events', { schema: { tags, summary: 'What happens in the tree, as server-sent events', produces: ['text/event-stream'] } }, (request, reply) => {
    // A stream of events has no end to wait for, and HEAD wants none of it.
    if (request.method === 'HEAD') {
      void reply.type('text/event-stream; charset=utf-8').send();
      return;
    }
    if (followers >= MAX_FOLLOWERS) throw new HttpError('TOO_MANY', `at most ${MAX_FOLLOWERS} clients may follow the events`, {});
    followers += 1;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { ...headersOf(reply.getHeaders()), 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
    raw.write('retry: 1000\n\n');
    const send = (text: string): void => {
      if (raw.writableLength > MAX_BACKLOG_BYTES) raw.destroy();
      else raw.write(text);
    };
    const unsubscribe = supervision.subscribe((event: SystemEvent) => send(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
    const heartbeat = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS);
    request.raw.once('close', () => {
      followers -= 1;
      clearInterval(heartbeat);
      unsubscribe();
    });
  });
}

/** Headers that hooks had set, for a reply Fastify does not send itself. */
const headersOf = (headers: Readonly<Record<string, string | number | readonly string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
