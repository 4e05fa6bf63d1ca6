import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { changedFields } from '../../infra/audit-entry.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { SceneChange, SceneConfig } from '../../messages/scene.ts';
import type { Clock } from '../../runtime/clock.ts';
import { checkScene, type SceneCheck } from '../../scene/check-scene.ts';
import type { SceneChanger } from '../../scene/scene-version.ts';
import { unknownCamera } from '../access/route-rights.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { safeValue } from '../errors/safe-value.ts';
import { SCENE_BODY } from '../http-limits.ts';
import type { CameraPatch, CameraPort, CameraRecord, KnownScene } from '../ports.ts';
import { CameraParams } from '../schemas/cameras-schema.ts';
import { SceneBody, SceneView } from '../schemas/scene-schema.ts';
import type { App } from '../server.types.ts';
import { changerOf, sceneChanged, sceneTag } from './scene-condition.ts';

const tags = ['cameras'];

/** `/api/cameras/{id}/scene`: calibration, zones and lines of a camera. */
export function sceneRoutes(app: App, cameras: CameraPort, clock: Pick<Clock, 'now'>): void {
  app.get(
    '/api/cameras/:id/scene',
    {
      config: { access: 'viewer', scope: 'camera' },
      schema: {
        tags,
        summary: "A camera's calibration, zones and lines, and how well the calibration fits",
        params: CameraParams,
        response: { 200: SceneView, ...errorReplies(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { scene, changed } = await knownScene(cameras, request.params.id);
      void reply.header('etag', sceneTag(scene));
      return sceneView(scene, changed);
    },
  );

  app.put(
    '/api/cameras/:id/scene',
    {
      ...SCENE_BODY,
      config: { ...SCENE_BODY.config, access: 'operator', scope: 'camera' },
      schema: {
        tags,
        summary: "Replaces a camera's scene, with If-Match only the expected one; its stream and its tracks go on",
        params: CameraParams,
        body: SceneBody,
        response: { 200: SceneView, ...errorReplies(400, 404, 412, 413, 415, 503, 507) },
      },
    },
    async (request, reply) => {
      const scene = sceneOf(request.body);
      const changer = changerOf(request, clock);
      const view = sceneView(scene, changer.change);
      const { id } = request.params;
      const before = (await cameras.scene(id))?.scene ?? {};
      await changeScene(cameras, request, { scene }, changer);
      request.audit({ action: 'scene.change', target: id, cameraId: id, ...changedFields(before, scene) });
      void reply.header('etag', sceneTag(scene));
      return view;
    },
  );

  app.delete(
    '/api/cameras/:id/scene',
    {
      config: { access: 'operator', scope: 'camera' },
      schema: {
        tags,
        summary: "Takes a camera's scene away, with If-Match only the expected one",
        params: CameraParams,
        response: { 204: z.null(), ...errorReplies(400, 404, 412, 503, 507) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { scene: before } = await knownScene(cameras, id);
      await changeScene(cameras, request, { scene: null }, changerOf(request, clock));
      request.audit({ action: 'scene.remove', target: id, cameraId: id, before });
      return reply.code(204).send(null);
    },
  );
}

/** Throws `INVALID_FIELD` for the first problem of a scene that its types allow; `prefix` goes before field names. */
export function refuseBadScene(scene: SceneConfig, prefix: string): void {
  refuse(checkScene(scene), prefix);
}

function refuse({ issues: [issue] }: SceneCheck, prefix: string): void {
  if (issue === undefined) return;
  const field = `${prefix}${issue.field}`;
  const value = safeValue(field, issue.value);
  throw new HttpError('INVALID_FIELD', `${field}: ${issue.message}`, { field, value });
}

/** The camera after the change. Throws `UNKNOWN_CAMERA`, or `SCENE_CHANGED` where the scene is an unexpected one. */
export async function changeScene(
  cameras: CameraPort,
  request: { readonly params: { readonly id: CameraId }; readonly headers: IncomingHttpHeaders },
  patch: CameraPatch,
  changer: SceneChanger,
): Promise<CameraRecord> {
  const { id } = request.params;
  const changed = await cameras.change(id, patch, changer);
  if (changed === null) throw unknownCamera(id);
  if (changed === 'scene-changed') throw await sceneChanged(cameras, { id, received: request.headers['if-match'] });
  return changed;
}

/** A scene without the parts that only a reply has. */
export function sceneOf(body: SceneBody): SceneConfig {
  const { calibrationReport: _, changed: __, ...scene } = body;
  return scene;
}

/** Throws `INVALID_FIELD`. */
function sceneView(scene: SceneConfig, changed: SceneChange | null): SceneView {
  const checked = checkScene(scene);
  refuse(checked, '');
  const { calibration } = checked;
  return {
    ...scene,
    changed,
    calibrationReport:
      calibration === null ? UNCALIBRATED : { calibrated: true, ...calibration, pairs: [...calibration.pairs] },
  };
}

const UNCALIBRATED: SceneView['calibrationReport'] = {
  calibrated: false,
  rmsPx: null,
  maxPx: null,
  rmsM: null,
  maxM: null,
  pairs: [],
  camera: null,
};

async function knownScene(cameras: CameraPort, id: string): Promise<KnownScene & { readonly scene: SceneConfig }> {
  const found = await cameras.scene(id);
  if (found === null) throw unknownCamera(id);
  const { scene, changed } = found;
  if (scene === null) throw new HttpError('NO_SCENE', `id: camera ${id} has no scene`, { field: 'id', value: id });
  return { scene, changed };
}
