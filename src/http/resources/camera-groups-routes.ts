import type { CameraScope } from '../access/camera-scope.ts';
import { errorReplies } from '../errors/replies.ts';
import type { CameraPort } from '../ports.ts';
import { CameraGroupList } from '../schemas/cameras-schema.ts';
import type { App } from '../server.types.ts';

/** `/api/camera-groups`: the groups that cameras are in. */
export function cameraGroupRoutes(
  app: App,
  cameras: Pick<CameraPort, 'groups'>,
  scope: Pick<CameraScope, 'sees'>,
): void {
  app.get(
    '/api/camera-groups',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags: ['cameras'],
        summary: 'Groups of cameras in scope, by name, with their cameras on all nodes',
        response: { 200: CameraGroupList, ...errorReplies(503) },
      },
    },
    async ({ principal }) => {
      const members = new Map<string, Set<string>>();
      for (const { cameraId, groups } of await cameras.groups()) {
        if (!scope.sees(principal, cameraId)) continue;
        for (const name of groups) {
          // A camera may be in groups of others, too.
          if (principal.groups !== null && !principal.groups.includes(name)) continue;
          const ids = members.get(name) ?? new Set();
          members.set(name, ids.add(cameraId));
        }
      }
      const byName = [...members].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return { groups: byName.map(([name, ids]) => ({ name, cameras: [...ids].toSorted() })) };
    },
  );
}
