import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { App } from '../server.types.ts';

/** The package exports its builds by condition only; the one for ES modules lies beside them. */
const PLAYER_FOLDER = dirname(fileURLToPath(import.meta.resolve('@cycjimmy/jsmpeg-player')));

/** The page and its files, and the video player that it loads when somebody wants live video. */
export async function pageRoutes(app: App, webRoot: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: webRoot,
    cacheControl: false,
    allowedPath: (path) => /^\/?$|\.(?:html|js|css|svg|png)$/u.test(path),
    setHeaders: (reply) => {
      // Checked by ETag each time: a new version shows at once.
      reply.header('cache-control', 'no-cache');
    },
  });
  app.get('/vendor/jsmpeg.js', { schema: { hide: true } }, (_request, reply) => reply.sendFile('jsmpeg-player.esm.js', PLAYER_FOLDER));
}

/** Where the page lies in this project. */
export const DEFAULT_WEB_ROOT = join(import.meta.dirname, '..', '..', '..', 'web');
