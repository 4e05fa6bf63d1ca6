import type { AddressRanges } from '../../infra/address-ranges.ts';
import type { SystemEvent } from '../../runtime/inspect.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { Principal } from '../../messages/principal.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { signedInOf } from '../access/authenticator.ts';
import type { OpenConnections } from '../access/open-connections.ts';
import { refusalOf } from '../access/route-rights.ts';
import { cameraAt, eventOf, isVisible, treeOf } from '../access/scoped-tree.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { ConnectionLimit } from '../feed/connection-limit.ts';
import { clientOf } from '../intake/client-address.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import type { HttpPorts } from '../ports.ts';
import { RestartBody, RestartReply, TreeReply } from '../schemas/tree-schema.ts';
import type { App } from '../server.types.ts';
import { explainedTree } from './tree-why.ts';

const tags = ['supervision'];
const MAX_FOLLOWERS = 32;
const MAX_FOLLOWERS_PER_ADDRESS = 16;
const HEARTBEAT_MS = 15_000;
/** Unread bytes at which a follower is dropped. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

export interface SupervisorDeps extends Pick<HttpPorts, 'supervision'> {
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly open: Pick<OpenConnections, 'add'>;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** The tree of actors, its events, and the restart of an actor by an operator. */
export function supervisorRoutes(app: App, deps: SupervisorDeps): void {
  const { supervision, scope } = deps;
  eventRoute(app, deps);
  app.get(
    '/api/supervisor/tree',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags,
        summary: 'The whole tree of actors, and the newest dead letters',
        response: { 200: TreeReply, ...errorReplies(503) },
      },
    },
    async ({ principal }) => {
      const { total, recent } = supervision.deadLetters();
      if (principal.groups === null)
        return { tree: explainedTree(supervision.tree()), others: 0, deadLetters: { total, recent: [...recent] } };
      const sees = (cameraId: CameraId): boolean => scope.sees(principal, cameraId);
      const visible = recent.filter(({ path }) => isVisible(path, sees));
      const { tree, ...more } = treeOf(supervision.tree(), sees);
      return { ...more, tree: explainedTree(tree), deadLetters: { total: visible.length, recent: visible } };
    },
  );

  app.post(
    '/api/supervisor/restart',
    {
      config: { access: 'operator', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Stops and starts an actor, or a supervisor with all below it',
        body: RestartBody,
        response: { 200: RestartReply, ...errorReplies(400, 403, 404, 413, 415, 503) },
      },
    },
    async (request) => {
      const { path } = request.body;
      const refusal = restartRefusal(request.principal, path, scope);
      if (refusal !== null) throw refusal;
      if (!(await supervision.restart(path))) throw unknownActor(path);
      request.audit({ action: 'actor.restart', target: path, cameraId: cameraAt(path) });
      return { restarted: path };
    },
  );
}

function eventRoute(app: App, { supervision, scope, open, trusted, refusals }: SupervisorDeps): void {
  const followers = new ConnectionLimit(MAX_FOLLOWERS, MAX_FOLLOWERS_PER_ADDRESS, 'clients');
  app.get(
    '/api/supervisor/events',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: { tags, summary: 'Events of the tree, as server-sent events', produces: ['text/event-stream'] },
    },
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
      const { principal } = request;
      const unsubscribe = supervision.subscribe((any: SystemEvent) => {
        const event = principal.groups === null ? any : eventOf(any, (cameraId) => scope.sees(principal, cameraId));
        if (event !== null) send(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      });
      const forget = open.add(signedInOf(request), () => raw.destroy());
      const heartbeat = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS);
      request.raw.once('close', () => {
        leave();
        forget();
        clearInterval(heartbeat);
        unsubscribe();
      });
    },
  );
}

/** Operators restart the actors of cameras in scope; all else serves every camera, and takes an admin of all. */
function restartRefusal(principal: Principal, path: string, scope: Pick<CameraScope, 'sees'>): HttpError | null {
  const camera = cameraAt(path);
  if (camera === null) return refusalOf(principal, { access: 'admin', scope: 'everything' });
  return scope.sees(principal, camera) ? null : unknownActor(path);
}

const unknownActor = (path: string): HttpError =>
  new HttpError('UNKNOWN_ACTOR', `path: there is no actor or supervisor at ${path}`, { field: 'path', value: path });

/** Headers set by hooks, for a reply that Fastify does not send itself. */
const headersOf = (
  headers: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
