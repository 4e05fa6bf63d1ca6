import { z } from 'zod';
import { changedFields } from '../../infra/audit-entry.ts';
import type { Release } from '../../messages/release.ts';
import type { Difference, Figures } from '../../releases/release-figures.ts';
import { ReleaseError, type ReleaseRefusal } from '../../releases/release-error.ts';
import type { Change } from '../../releases/transitions.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { HttpErrorCode } from '../errors/codes.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import {
  ReleaseBody,
  ReleaseDetail,
  ReleaseList,
  ReleaseParams,
  ReleasePatchBody,
  ReleaseReply,
  type ReleaseView,
  RollbackBody,
} from '../schemas/releases-schema.ts';
import type { App } from '../server.types.ts';

export interface ReleaseDeps extends Pick<HttpPorts, 'releases'> {
  readonly cameras: Pick<HttpPorts['cameras'], 'groups'>;
  readonly clock: Clock;
  readonly basePath: string;
}

const tags = ['releases'];
const reading = { access: 'operator', scope: 'everything' } as const;
const changing = { access: 'admin', scope: 'everything' } as const;
const refusals = errorReplies(400, 403, 404, 409, 503);

/** `/api/releases`: another way to judge, for a share of the groups or in the shadow. */
export function releaseRoutes(app: App, deps: ReleaseDeps): void {
  readingRoutes(app, deps);
  startRoute(app, deps);
  changeRoutes(app, deps);
  endRoutes(app, deps);
}

function readingRoutes(app: App, { releases, basePath }: ReleaseDeps): void {
  const { book } = releases;
  app.get(
    '/api/releases',
    {
      config: reading,
      schema: {
        tags,
        summary: 'All releases, and the present way',
        response: { 200: ReleaseList, ...errorReplies(403) },
      },
    },
    async () => ({ releases: book.list().map(viewOf), present: book.now.present }),
  );

  app.get(
    '/api/releases/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'A release with its figures: agreement, latency, cost, alerts that only one way raised',
        params: ReleaseParams,
        response: { 200: ReleaseDetail, ...errorReplies(400, 403, 404) },
      },
    },
    async ({ params: { id } }) => {
      const release = book.get(id);
      if (release === null) throw unknownRelease(id);
      const known = releases.figures(id);
      return { release: viewOf(release), figures: known === null ? null : figuresView(known, basePath) };
    },
  );
}

function startRoute(app: App, { releases, cameras, clock }: ReleaseDeps): void {
  app.post(
    '/api/releases',
    {
      config: changing,
      schema: { tags, summary: 'Starts a release', body: ReleaseBody, response: { 201: ReleaseReply, ...refusals } },
    },
    async (request, reply) => {
      const { body } = request;
      await checkDetector(body.changes.detector, releases);
      const ids = body.by === 'camera' ? await cameraIds(cameras) : [];
      const release = await allowed(releases.book.start(body, ids, changeBy(request.principal.name, clock)));
      request.audit({ action: 'release.start', target: release.releaseId, after: viewOf(release) });
      return reply.code(201).send({ release: viewOf(release) });
    },
  );
}

function changeRoutes(app: App, { releases: { book }, cameras, clock }: ReleaseDeps): void {
  app.patch(
    '/api/releases/:id',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Changes the share, the budget or the limits of the running release',
        params: ReleaseParams,
        body: ReleasePatchBody,
        response: { 200: ReleaseReply, ...refusals },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { percent, budget, limits } = request.body;
      const patch = {
        ...(percent === undefined ? {} : { percent }),
        ...(budget === undefined ? {} : { budget }),
        ...(limits === undefined ? {} : { limits }),
      };
      const needsCameras = percent !== undefined && book.get(id)?.by === 'camera';
      const ids = needsCameras ? await cameraIds(cameras) : [];
      const { before, after } = await allowed(book.patch(id, patch, ids, changeBy(request.principal.name, clock)));
      request.audit({ action: 'release.change', target: id, ...changedFields(viewOf(before), viewOf(after)) });
      return { release: viewOf(after) };
    },
  );

  app.delete(
    '/api/releases/:id',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Removes a release that was rolled back',
        params: ReleaseParams,
        response: { 204: z.null(), ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const removed = await allowed(book.remove(id));
      request.audit({ action: 'release.remove', target: id, before: viewOf(removed) });
      return reply.code(204).send(null);
    },
  );
}

function endRoutes(app: App, { releases: { book }, clock }: ReleaseDeps): void {
  app.post(
    '/api/releases/:id/promote',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Makes the candidate the present way, on all nodes',
        params: ReleaseParams,
        response: { 200: ReleaseReply, ...refusals },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { before, after } = await allowed(book.promote(id, changeBy(request.principal.name, clock)));
      request.audit({ action: 'release.promote', target: id, ...changedFields(viewOf(before), viewOf(after)) });
      return { release: viewOf(after) };
    },
  );

  app.post(
    '/api/releases/:id/rollback',
    {
      config: changing,
      schema: {
        tags,
        summary: 'Takes a running or promoted release back, on all nodes',
        params: ReleaseParams,
        body: RollbackBody.nullish(),
        response: { 200: ReleaseReply, ...refusals },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { name } = request.principal;
      const reason = request.body?.reason ?? `rolled back by ${name}`;
      const { before, after } = await allowed(book.rollBack(id, reason, changeBy(name, clock)));
      request.audit({ action: 'release.rollback', target: id, ...changedFields(viewOf(before), viewOf(after)) });
      return { release: viewOf(after) };
    },
  );
}

const changeBy = (by: string, clock: Clock): Change => ({ by, at: clock.now() });

const cameraIds = async (cameras: ReleaseDeps['cameras']): Promise<readonly string[]> =>
  (await cameras.groups()).map(({ cameraId }) => cameraId);

const viewOf = ({ cameras, ...release }: Release): ReleaseView => ({
  ...release,
  cameras: { in: cameras.in.length, out: cameras.out.length },
});

const figuresView = (figures: Figures, basePath: string) => ({
  ...figures,
  differences: figures.differences.map(({ cropId, ...difference }: Difference) => ({
    ...difference,
    imageUrl: cropId === null ? null : `${basePath}/api/images/${cropId}`,
  })),
});

async function checkDetector(
  detector: string | undefined,
  releases: Pick<ReleaseDeps['releases'], 'detectors'>,
): Promise<void> {
  if (detector === undefined) return;
  const names = await releases.detectors();
  if (names.includes(detector)) return;
  throw new HttpError('INVALID_FIELD', `changes.detector: there is no detector of that name: ${names.join(', ')}`, {
    field: 'changes.detector',
    value: detector,
  });
}

const CODES: Readonly<Record<ReleaseRefusal, HttpErrorCode>> = {
  unknown: 'UNKNOWN_RELEASE',
  exists: 'DUPLICATE_RELEASE',
  running: 'RELEASE_RUNNING',
  ended: 'RELEASE_ENDED',
  'in-use': 'RELEASE_IN_USE',
  full: 'TOO_MANY_RELEASES',
};

/** Rejects with an {@link HttpError} where the change was refused. */
async function allowed<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (thrown) {
    if (!(thrown instanceof ReleaseError)) throw thrown;
    const field = thrown.refusal === 'exists' || thrown.refusal === 'full' ? 'releaseId' : 'id';
    const about = { field, value: thrown.releaseId, cause: thrown };
    throw new HttpError(
      CODES[thrown.refusal],
      thrown.message,
      thrown.refusal === 'running' ? { cause: thrown } : about,
    );
  }
}

const unknownRelease = (id: string): HttpError =>
  new HttpError('UNKNOWN_RELEASE', `id: there is no release ${id}`, { field: 'id', value: id });
