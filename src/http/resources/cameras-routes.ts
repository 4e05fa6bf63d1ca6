import { z } from 'zod';
import { MAX_CAMERAS } from '../../infra/camera-store.ts';
import { changedFields } from '../../infra/audit-entry.ts';
import { redactUrl } from '../../infra/redact.ts';
import type { SourceAllow } from '../../infra/source-policy.ts';
import type { CameraConfig } from '../../messages/camera.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { patchRefusal, placeRefusal } from '../access/camera-rights.ts';
import { unknownCamera } from '../access/route-rights.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort, CameraRecord } from '../ports.ts';
import { SCENE_BODY } from '../http-limits.ts';
import { CameraParams, CameraView, cameraBodies, type NewCamera } from '../schemas/cameras-schema.ts';
import type { App } from '../server.types.ts';
import { changerOf } from './scene-condition.ts';
import { changeScene, refuseBadScene } from './scene-routes.ts';

export interface CameraRoutesDeps {
  readonly cameras: CameraPort;
  readonly scope: Pick<CameraScope, 'sees' | 'note'>;
  readonly sourceAllow: SourceAllow | null;
  readonly clock: Pick<Clock, 'now'>;
  /** Called after a camera was removed. */
  readonly onRemoved: (cameraId: string) => void;
}

const tags = ['cameras'];

/** `/api/cameras`: the list of cameras. */
export function cameraRoutes(app: App, deps: CameraRoutesDeps): void {
  listRoutes(app, deps);
  changeRoutes(app, deps);
}

function listRoutes(app: App, { cameras, scope, sourceAllow }: CameraRoutesDeps): void {
  const { create } = cameraBodies(sourceAllow);

  app.get(
    '/api/cameras',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: { tags, summary: 'All cameras in scope', response: { 200: z.array(CameraView), ...errorReplies(503) } },
    },
    async ({ principal }) =>
      (await cameras.list()).filter(({ config }) => scope.sees(principal, config.cameraId)).map(listedCamera),
  );

  app.post(
    '/api/cameras',
    {
      ...SCENE_BODY,
      config: { ...SCENE_BODY.config, access: 'admin', scope: 'filtered' },
      schema: {
        tags,
        summary: 'Adds a camera; it survives a restart',
        body: create,
        response: { 201: CameraView, ...errorReplies(400, 403, 409, 413, 415, 503, 507) },
      },
    },
    async (request, reply) => {
      const { cameraId, scene, groups = [] } = request.body;
      const refusal = placeRefusal(request.principal, [], groups);
      if (refusal !== null) throw refusal;
      if (scene !== undefined) refuseBadScene(scene, 'scene.');
      const outcome = await cameras.add(configOf(request.body));
      if (outcome !== 'added') throw notAdded(outcome, cameraId);
      scope.note(cameraId, groups);
      request.audit({ action: 'camera.add', target: cameraId, cameraId, after: request.body });
      return reply
        .code(201)
        .header('location', `/api/cameras/${cameraId}`)
        .send(cameraView(await knownCamera(cameras, cameraId)));
    },
  );

  app.get(
    '/api/cameras/:id',
    {
      config: { access: 'viewer', scope: 'camera' },
      schema: {
        tags,
        summary: 'One camera',
        params: CameraParams,
        response: { 200: CameraView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request) => cameraView(await knownCamera(cameras, request.params.id)),
  );
}

function changeRoutes(app: App, { cameras, scope, sourceAllow, clock, onRemoved }: CameraRoutesDeps): void {
  const { patch } = cameraBodies(sourceAllow);

  app.patch(
    '/api/cameras/:id',
    {
      ...SCENE_BODY,
      config: { ...SCENE_BODY.config, access: 'operator', scope: 'camera' },
      schema: {
        tags,
        summary: 'Changes the fields given, with If-Match only where the scene is the expected one',
        params: CameraParams,
        body: patch,
        response: { 200: CameraView, ...errorReplies(400, 403, 404, 412, 413, 415, 503, 507) },
      },
    },
    async (request) => {
      const { body, principal } = request;
      const { id } = request.params;
      const changer = changerOf(request, clock);
      const refusal = patchRefusal(principal, body);
      if (refusal !== null) throw refusal;
      const before = await cameras.get(id);
      if (body.groups !== undefined && before !== null) {
        const misplaced = placeRefusal(principal, before.config.groups ?? [], body.groups ?? []);
        if (misplaced !== null) throw misplaced;
      }
      if (body.scene !== undefined && body.scene !== null) refuseBadScene(body.scene, 'scene.');
      const changed = await changeScene(cameras, request, body, changer);
      if (body.groups !== undefined) scope.note(id, changed.config.groups ?? []);
      const values = changedFields(before?.config ?? {}, changed.config);
      request.audit({ action: 'camera.change', target: id, cameraId: id, ...values });
      return cameraView(changed);
    },
  );

  app.delete(
    '/api/cameras/:id',
    {
      config: { access: 'admin', scope: 'camera' },
      schema: {
        tags,
        summary: 'Stops and removes a camera',
        params: CameraParams,
        response: { 204: z.null(), ...errorReplies(400, 404, 503, 507) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const before = await cameras.get(id);
      if (!(await cameras.remove(id))) throw unknownCamera(id);
      onRemoved(id);
      request.audit({ action: 'camera.remove', target: id, cameraId: id, before: before?.config });
      return reply.code(204).send(null);
    },
  );
}

const configOf = ({
  name,
  freshnessSeconds,
  prompt,
  transport,
  certificateSha256,
  groups,
  scene,
  ...fields
}: NewCamera): CameraConfig => ({
  ...fields,
  name: name ?? fields.cameraId,
  ...(freshnessSeconds === undefined ? {} : { freshnessSeconds }),
  ...(prompt === undefined ? {} : { prompt }),
  ...(transport === undefined ? {} : { transport }),
  ...(certificateSha256 === undefined ? {} : { certificateSha256 }),
  ...(groups === undefined || groups.length === 0 ? {} : { groups }),
  ...(scene === undefined ? {} : { scene }),
});

/** A camera as every reply shows it, with the password of its URL hidden. */
const cameraView = ({ config, status, figures }: CameraRecord): CameraView => ({
  ...config,
  url: redactUrl(config.url),
  status,
  figures,
});

/** Scenes may be large, and lists long. */
function listedCamera(record: CameraRecord): CameraView {
  const { scene: _, ...config } = record.config;
  return cameraView({ ...record, config });
}

/** Throws `UNKNOWN_CAMERA`. */
export async function knownCamera(cameras: CameraPort, id: string): Promise<CameraRecord> {
  const record = await cameras.get(id);
  if (record === null) throw unknownCamera(id);
  return record;
}

const notAdded = (why: 'exists' | 'full', id: string): HttpError =>
  why === 'exists'
    ? new HttpError('DUPLICATE_CAMERA', `cameraId: a camera ${id} exists`, { field: 'cameraId', value: id })
    : new HttpError(
        'TOO_MANY_CAMERAS',
        `cameraId: one process keeps ${MAX_CAMERAS.toLocaleString('en')} cameras at most; ` +
          'remove one, or add it at another process',
        { field: 'cameraId', value: id },
      );
