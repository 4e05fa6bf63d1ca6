import type { DeadLetter, DeadLetterSummary } from '../../infra/nats/dead-letter-box.ts';
import { CameraId } from '../../messages/ids.ts';
import type { Principal } from '../../messages/principal.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import {
  DeadLetterList,
  DeadLetterParams,
  DeadLetterQuery,
  DeadLetterView,
  ReplayReply,
} from '../schemas/dead-letters-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['operations'];
/** Of the newest dead letters, those in the scope of a principal with groups are looked for among so many. */
const MOST_SEARCHED = 10_000;

export interface DeadLetterDeps extends Pick<HttpPorts, 'deadLetters'> {
  readonly scope: Pick<CameraScope, 'sees'>;
}

/** Which dead letters a principal may see: those of cameras in its scope. */
function visibility({ deadLetters, scope }: DeadLetterDeps) {
  const sees = ({ groups }: Principal, { cameraId }: DeadLetterSummary): boolean =>
    groups === null || (cameraId !== null && scope.sees({ groups }, cameraId));
  /** Null also for one outside the scope. */
  const visible = async (principal: Principal, id: number): Promise<DeadLetter | null> => {
    const letter = await deadLetters.get(id);
    return letter !== null && sees(principal, letter) ? letter : null;
  };
  return { sees, visible };
}

/** `/api/dead-letters`: lists, shows and replays dead letters. */
export function deadLetterRoutes(app: App, { deadLetters, scope }: DeadLetterDeps): void {
  const { sees, visible } = visibility({ deadLetters, scope });

  app.get(
    '/api/dead-letters',
    {
      config: { access: 'admin', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Dead letters, newest first',
        querystring: DeadLetterQuery,
        response: { 200: DeadLetterList, ...errorReplies(400, 503) },
      },
    },
    async (request) => {
      const { stream, limit } = request.query;
      const { principal } = request;
      const most = principal.groups === null ? limit : MOST_SEARCHED;
      const found = await deadLetters.list({ limit: most, ...(stream === undefined ? {} : { stream }) });
      return {
        deadLetters: found
          .filter((letter) => sees(principal, letter))
          .slice(0, limit)
          .map(view),
      };
    },
  );

  app.get(
    '/api/dead-letters/:id',
    {
      config: { access: 'admin', scope: 'filtered' },
      schema: {
        tags,
        summary: 'One of them, with its headers and body',
        params: DeadLetterParams,
        response: { 200: DeadLetterView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const letter = await visible(request.principal, id);
      if (letter === null) throw unknown(id);
      return {
        ...view(letter),
        headers: { ...letter.headers },
        body: Buffer.from(letter.body).toString('utf8'),
        cut: letter.cut,
      };
    },
  );
  replayRoute(app, { deadLetters, scope });
}

function replayRoute(app: App, deps: DeadLetterDeps): void {
  const { deadLetters } = deps;
  const { visible } = visibility(deps);
  app.post(
    '/api/dead-letters/:id/replay',
    {
      config: { access: 'admin', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Puts the original message back where it was and takes it off the list',
        params: DeadLetterParams,
        response: { 200: ReplayReply, ...errorReplies(400, 403, 404, 409, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const letter = await visible(request.principal, id);
      if (letter === null) throw unknown(id);
      const { cut } = letter;
      if (cut !== null)
        throw new HttpError(
          'DEAD_LETTER_CUT',
          `id: dead letter ${id} was too large to be kept whole (missing: ${cut}), so it cannot be replayed`,
          { field: 'id', value: id },
        );
      if (letter === null || !(await deadLetters.replay(id))) throw unknown(id);
      const { subject, reason, cameraId } = letter;
      const camera = CameraId.safeParse(cameraId).data ?? null;
      request.audit({
        action: 'dead-letter.replay',
        target: String(id),
        cameraId: camera,
        before: { subject, reason },
      });
      return { replayed: id };
    },
  );
}

const unknown = (id: number): HttpError =>
  new HttpError('UNKNOWN_DEAD_LETTER', `id: there is no dead letter ${id} (any more)`, { field: 'id', value: id });

const view = ({
  id,
  at,
  stream,
  consumer,
  subject,
  reason,
  deliveries,
  cameraId,
  requestId,
  traceId,
}: DeadLetterSummary) => ({
  id,
  at: new Date(at).toISOString(),
  stream,
  consumer,
  subject,
  reason,
  deliveries,
  cameraId,
  requestId,
  traceId,
});
