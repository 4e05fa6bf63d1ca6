import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Shelf } from '../../messages/alert-handling.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { MOST_SHELF_DAYS, ShelfBody, ShelfList, ShelfParams } from '../schemas/alert-desk-schema.ts';
import type { App } from '../server.types.ts';
import { checkCamera, checkEnd, checkReach, visiblePauses } from './camera-pauses.ts';

export interface ShelvesDeps extends Pick<HttpPorts, 'cameras' | 'desk'> {
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly clock: Clock;
}

const tags = ['alerts'];
const operators = { access: 'operator', scope: 'filtered' } as const;

/** `/api/shelves`: alerts of a camera or of a kind that are not announced for a time. */
export function shelfRoutes(app: App, { cameras, desk, scope, clock }: ShelvesDeps): void {
  app.get(
    '/api/shelves',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: { tags, summary: 'Shelves that hold now', response: { 200: ShelfList, ...errorReplies(503) } },
    },
    async ({ principal }) => ({ shelves: visiblePauses(desk.shelves(), principal, scope) }),
  );

  app.post(
    '/api/shelves',
    {
      config: operators,
      schema: {
        tags,
        summary: 'Shelves the alerts of a camera, of a kind, or of both, until a time',
        body: ShelfBody,
        response: { 201: Shelf, ...errorReplies(400, 403, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      const { until, ...about } = request.body;
      const now = clock.now();
      checkEnd(until, now, MOST_SHELF_DAYS);
      await checkCamera(about, request.principal, { cameras, scope }, 'a shelf');
      const shelf: Shelf = {
        shelfId: randomUUID(),
        ...about,
        until: new Date(until).toISOString(),
        by: request.principal.name,
        at: new Date(now).toISOString(),
      };
      if ((await desk.addShelf(shelf)) === 'full')
        throw new HttpError('TOO_MANY_SHELVES', 'there are as many shelves as there may be: remove one first');
      request.audit({ action: 'shelf.add', target: shelf.shelfId, cameraId: about.cameraId, after: shelf });
      return reply.code(201).send(shelf);
    },
  );

  app.delete(
    '/api/shelves/:id',
    {
      config: operators,
      schema: {
        tags,
        summary: 'Ends a shelf',
        params: ShelfParams,
        response: { 204: z.null(), ...errorReplies(400, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const shelf = visiblePauses(desk.shelves(), request.principal, scope).find(({ shelfId }) => shelfId === id);
      if (shelf === undefined) throw unknownShelf(id);
      checkReach(shelf, request.principal, 'a shelf');
      if ((await desk.removeShelf(id)) === null) throw unknownShelf(id);
      request.audit({ action: 'shelf.remove', target: id, cameraId: shelf.cameraId, before: shelf });
      return reply.code(204).send(null);
    },
  );
}

const unknownShelf = (id: string): HttpError =>
  new HttpError('UNKNOWN_SHELF', `id: there is no shelf ${id}, or its time is over`, { field: 'id', value: id });
