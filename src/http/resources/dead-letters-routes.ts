import type { DeadLetterSummary } from '../../infra/nats/dead-letter-box.ts';
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

/** `/api/dead-letters`: lists, shows and replays dead letters. */
export function deadLetterRoutes(app: App, deadLetters: HttpPorts['deadLetters']): void {
  app.get(
    '/api/dead-letters',
    {
      schema: {
        tags,
        summary: 'Dead letters, newest first',
        querystring: DeadLetterQuery,
        response: { 200: DeadLetterList, ...errorReplies(400, 503) },
      },
    },
    async (request) => {
      const { stream, limit } = request.query;
      return {
        deadLetters: (await deadLetters.list({ limit, ...(stream === undefined ? {} : { stream }) })).map(view),
      };
    },
  );

  app.get(
    '/api/dead-letters/:id',
    {
      schema: {
        tags,
        summary: 'One of them, with its headers and body',
        params: DeadLetterParams,
        response: { 200: DeadLetterView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const letter = await deadLetters.get(id);
      if (letter === null) throw unknown(id);
      return {
        ...view(letter),
        headers: { ...letter.headers },
        body: Buffer.from(letter.body).toString('utf8'),
        cut: letter.cut,
      };
    },
  );

  app.post(
    '/api/dead-letters/:id/replay',
    {
      schema: {
        tags,
        summary: 'Puts the original message back where it was and takes it off the list',
        params: DeadLetterParams,
        response: { 200: ReplayReply, ...errorReplies(400, 403, 404, 409, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const cut = (await deadLetters.get(id))?.cut ?? null;
      if (cut !== null)
        throw new HttpError(
          'DEAD_LETTER_CUT',
          `id: dead letter ${id} was too large to be kept whole (missing: ${cut}), so it cannot be replayed`,
          { field: 'id', value: id },
        );
      if (!(await deadLetters.replay(id))) throw unknown(id);
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
