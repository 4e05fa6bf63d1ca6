import { changedFields } from '../../infra/audit-entry.ts';
import { z } from 'zod';
import type { SceneConfig } from '../../messages/scene.ts';
import { checkScene, type SceneCheck } from '../../scene/check-scene.ts';
import { unknownCamera } from '../access/route-rights.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { safeValue } from '../errors/safe-value.ts';
import { SCENE_BODY } from '../http-limits.ts';
import type { CameraPort } from '../ports.ts';
import { CameraParams } from '../schemas/cameras-schema.ts';
import { SceneBody, SceneView } from '../schemas/scene-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['cameras'];

/** `/api/cameras/{id}/scene`: calibration, zones and lines of a camera. */
export function sceneRoutes(app: App, cameras: CameraPort): void {
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
    async (request) => sceneView(await knownScene(cameras, request.params.id)),
  );

  app.put(
    '/api/cameras/:id/scene',
    {
      ...SCENE_BODY,
      config: { ...SCENE_BODY.config, access: 'operator', scope: 'camera' },
      schema: {
        tags,
        summary: "Replaces a camera's scene; its stream and its tracks go on",
        params: CameraParams,
        body: SceneBody,
        response: { 200: SceneView, ...errorReplies(400, 404, 413, 415, 503, 507) },
      },
    },
    async (request) => {
      const { calibrationReport: _, ...scene } = request.body;
      const view = sceneView(scene);
      const { id } = request.params;
      const before = (await cameras.scene(id))?.scene ?? {};
      if ((await cameras.change(id, { scene })) === null) throw unknownCamera(id);
      request.audit({ action: 'scene.change', target: id, cameraId: id, ...changedFields(before, scene) });
      return view;
    },
  );

  app.delete(
    '/api/cameras/:id/scene',
    {
      config: { access: 'operator', scope: 'camera' },
      schema: {
        tags,
        summary: "Takes a camera's scene away",
        params: CameraParams,
        response: { 204: z.null(), ...errorReplies(400, 404, 503, 507) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const before = await knownScene(cameras, id);
      if ((await cameras.change(id, { scene: null })) === null) throw unknownCamera(id);
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

/** Throws `INVALID_FIELD`. */
function sceneView(scene: SceneConfig): SceneView {
  const checked = checkScene(scene);
  refuse(checked, '');
  const { calibration } = checked;
  return {
    ...scene,
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

async function knownScene(cameras: CameraPort, id: string): Promise<SceneConfig> {
  const found = await cameras.scene(id);
  if (found === null) throw unknownCamera(id);
  if (found.scene === null)
    throw new HttpError('NO_SCENE', `id: camera ${id} has no scene`, { field: 'id', value: id });
  return found.scene;
}
