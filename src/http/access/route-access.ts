import type { RouteOptions } from 'fastify';
import type { App } from '../server.types.ts';
import type { CameraScope } from './camera-scope.ts';
import { type DeclaredRoute, refusalOf, type RouteRights, unknownCamera } from './route-rights.ts';

/**
 * Enforces what every route declares, before its body is read; a camera's scope once its parameters are valid. A route
 * that declares nothing keeps the server from starting. Returns the routes, complete when the server is ready.
 */
export function installAccess(app: App, scope: Pick<CameraScope, 'sees'>): readonly DeclaredRoute[] {
  const registered: RouteOptions[] = [];
  const declared: DeclaredRoute[] = [];
  app.addHook('onRoute', (route) => void registered.push(route));
  app.addHook('onReady', async () => {
    for (const { method, url, config } of registered)
      for (const each of [method].flat()) declared.push({ method: each, url, ...rightsOf(`${each} ${url}`, config) });
  });
  app.addHook('onRequest', async ({ routeOptions: { url, method, config }, principal }) => {
    // An address without a route is answered by 404 or 405.
    if (url === undefined) return;
    const refusal = refusalOf(principal, rightsOf(`${String(method)} ${url}`, config));
    if (refusal !== null) throw refusal;
  });
  app.addHook('preHandler', async ({ routeOptions: { config }, principal, params }) => {
    if (config.scope !== 'camera') return;
    const [field, cameraId] = cameraIn(params);
    if (!scope.sees(principal, cameraId)) throw unknownCamera(cameraId, field);
  });
  return declared;
}

/** Gives all routes that `scope` registers from now on these rights: those of a plugin cannot declare their own. */
export function declareAll(scope: App, { access, scope: keeps }: RouteRights): void {
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, access, scope: keeps };
  });
}

function rightsOf(name: string, config: Partial<RouteRights> | undefined): RouteRights {
  const { access, scope } = config ?? {};
  if (access === undefined || scope === undefined)
    throw new Error(`the route ${name} does not declare its access and scope`);
  return { access, scope };
}

function cameraIn(params: unknown): readonly [field: string, cameraId: string] {
  for (const field of ['id', 'cameraId']) {
    const id: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, field) : undefined;
    if (typeof id === 'string') return [field, id];
  }
  throw new Error('a route of scope "camera" has no parameter id or cameraId');
}
