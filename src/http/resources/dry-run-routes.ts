import { unknownCamera } from '../access/route-rights.ts';
import { errorReplies } from '../errors/replies.ts';
import { SCENE_BODY } from '../http-limits.ts';
import type { HttpPorts } from '../ports.ts';
import { CameraParams } from '../schemas/cameras-schema.ts';
import { DryRunBody, DryRunReport } from '../schemas/dry-run-schema.ts';
import type { App } from '../server.types.ts';
import { refuseBadScene, sceneOf } from './scene-routes.ts';

/** `/api/cameras/{id}/scene/dry-run`: a scene tried on a camera's last minutes. */
export function dryRunRoutes(app: App, dryRun: HttpPorts['dryRun']): void {
  app.post(
    '/api/cameras/:id/scene/dry-run',
    {
      ...SCENE_BODY,
      config: { ...SCENE_BODY.config, access: 'operator', scope: 'camera' },
      schema: {
        tags: ['cameras'],
        summary: 'The events that a scene would have brought over the last minutes; nothing is changed',
        params: CameraParams,
        body: DryRunBody,
        response: { 200: DryRunReport, ...errorReplies(400, 404, 413, 415, 429, 503) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const scene = sceneOf(request.body.scene);
      refuseBadScene(scene, 'scene.');
      const report = await dryRun({ cameraId: id, scene, minutes: request.body.minutes });
      if (report === null) throw unknownCamera(id);
      return report;
    },
  );
}
