import cookie from '@fastify/cookie';
import websocket from '@fastify/websocket';
import Fastify from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { safeParse, type $ZodType } from 'zod/v4/core';
import { localTarget } from './access/base-path.ts';
import { MAX_PARAMETER, refuseUnrouted } from './errors/handler.ts';
import type { RouteTable } from './errors/route-table.ts';
import { invalidInput } from './errors/validation.ts';
import type { HttpLimits } from './http-limits.ts';
import { answerBadHandshakes } from './intake/handshake.ts';
import { clientErrorHandler } from './intake/install.ts';
import type { Refusals } from './intake/intake-refusals.ts';
import type { App } from './server.types.ts';

/** Most frames of one WebSocket message. They are buffered until the last has arrived. */
const MAX_FRAGMENTS = 64;

/** Fastify with Gantry's limits, zod validation and WebSockets; its hooks and routes are added by the caller. */
export async function createApp(limits: HttpLimits, basePath: string, refusals: Refusals): Promise<App> {
  const app: App = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    forceCloseConnections: true,
    http: {
      maxHeaderSize: 16 * 1024,
      headersTimeout: limits.headersTimeoutMs,
      // How often Node looks for late requests.
      connectionsCheckingInterval: 1_000,
      // A request without Host gets an error of our usual shape; probes may leave it out.
      requireHostHeader: false,
      // A client may offer protocols that we do not speak: its request is answered without an upgrade.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    rewriteUrl: (request) => {
      const { path, host } = localTarget(request.url ?? '/', basePath);
      if (host !== null) request.headers.host = host;
      return path;
    },
    routerOptions: { maxParamLength: MAX_PARAMETER, ignoreTrailingSlash: true },
    clientErrorHandler: clientErrorHandler(refusals),
    frameworkErrors: refuseUnrouted,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler<$ZodType>(({ schema, httpPart }) => (data) => {
    const parsed = safeParse(schema, data);
    return parsed.success
      ? { value: parsed.data }
      : { error: invalidInput(parsed.error.issues, data, httpPart ?? 'request') };
  });
  app.setSerializerCompiler(serializerCompiler);
  await installWebSockets(app, limits);
  await app.register(cookie);
  return app;
}

/** Must precede every hook that may refuse a request: the plugin's own hooks close the socket of a refused upgrade. */
async function installWebSockets(app: App, limits: HttpLimits): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: limits.messageBytes,
      maxFragments: MAX_FRAGMENTS,
      perMessageDeflate: false,
      autoPong: false,
    },
    // By now the server has sent every viewer a close frame; remaining connections are dropped.
    preClose: async () => {
      for (const socket of app.websocketServer.clients) socket.terminate();
      app.websocketServer.close();
    },
  });
  answerBadHandshakes(app.websocketServer);
}

/** Records the methods of every route registered from now on. */
export function recordRoutes(app: App): RouteTable {
  const routes: RouteTable = new Map();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set<string>();
    for (const each of [method].flat()) methods.add(each);
    routes.set(url, methods);
  });
  return routes;
}
