import swagger, { type SwaggerTransformObject } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Aggregate } from '../messages/aggregate.ts';
import { declareAll } from './access/route-access.ts';
import { ErrorBody } from './errors/http-error.ts';
import { CameraView } from './schemas/cameras-schema.ts';
import { HealthReport } from './schemas/operations-schema.ts';
import { TreeNode } from './schemas/tree-schema.ts';
import { frameAncestors } from './security.ts';
import type { App } from './server.types.ts';

export interface DocsOptions {
  readonly version: string;
  /** Prefix of every public address; `''` for none. */
  readonly basePath: string;
  /** Origins whose pages may show ours in a frame. */
  readonly embedOrigins: readonly string[];
}

/** OpenAPI from the schemas that validate requests and replies, shown at `/docs` (JSON at `/docs/json`). */
export async function installDocs(app: App, options: DocsOptions): Promise<void> {
  const { version, basePath, embedOrigins } = options;
  const schemaRegistry = z.registry<{ id?: string }>();
  schemaRegistry.add(Aggregate, { id: 'Aggregate' });
  schemaRegistry.add(CameraView, { id: 'Camera' });
  schemaRegistry.add(ErrorBody, { id: 'Error' });
  schemaRegistry.add(HealthReport, { id: 'Health' });
  schemaRegistry.add(TreeNode, { id: 'TreeNode' });
  const transformObject = createJsonSchemaTransformObject({ schemaRegistry });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Gantry',
        version,
        description:
          'Dangerous traffic scenes in RTSP cameras, live. The WebSocket `/ws` carries `{type, data}`: send ' +
          '`subscribe{cameraIds}`, `unsubscribe`, `ping`; it sends `connection_ack`, `camera_status`, ' +
          '`detection_result`, `alert`, `pong`, `error`. `/ws/live/{cameraId}` is live video.',
      },
      ...(basePath === '' ? {} : { servers: [{ url: basePath }] }),
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Only when GANTRY_TOKEN is set' } },
      },
      security: [{ token: [] }, {}],
    },
    transform: createJsonSchemaTransform({ schemaRegistry }),
    transformObject: (document) => withoutUnused(transformObject(document)),
  });
  serveTextOnce(app);
  await app.register(async (docs: App) => {
    declareAll(docs, { access: 'public', scope: 'none' });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      ...(basePath === '' ? {} : { indexPrefix: basePath }),
      staticCSP: true,
      // The plugin's own policy would send browsers to https, which Gantry does not speak, and allow framing by our
      // pages.
      transformStaticCSP: (policy) =>
        policy
          .replace(/frame-ancestors [^;]*/u, frameAncestors(embedOrigins))
          .replace(/\s*upgrade-insecure-requests;?/u, ''),
    });
  });
}

/** Serializes the description once: it is long, and needs no token. */
function serveTextOnce(app: App): void {
  const texts = new Map<string, string>();
  const formats: Readonly<Record<string, { readonly type: string; readonly make: () => string }>> = {
    '/docs/json': { type: 'application/json; charset=utf-8', make: () => JSON.stringify(app.swagger()) },
    '/docs/yaml': { type: 'application/x-yaml', make: () => app.swagger({ yaml: true }) },
  };
  app.addHook('onRequest', async ({ routeOptions: { url = '' } }, reply) => {
    const format = formats[url];
    if (format === undefined) return;
    const text = texts.get(url) ?? format.make();
    texts.set(url, text);
    return reply.type(format.type).send(text);
  });
}

/** Drops unreferenced input schemas: the type provider adds one to every named schema. */
function withoutUnused(document: ReturnType<SwaggerTransformObject>): ReturnType<SwaggerTransformObject> {
  const text = JSON.stringify(document);
  const schemas = ('components' in document ? document.components?.schemas : undefined) ?? {};
  for (const name of Object.keys(schemas)) {
    if (name.endsWith('Input') && !text.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
  }
  return document;
}
