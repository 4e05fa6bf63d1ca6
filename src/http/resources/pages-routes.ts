import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { App } from '../server.types.ts';

/** The package exports its builds by condition only; its ES module lies beside them. */
const PLAYER_FOLDER = dirname(fileURLToPath(import.meta.resolve('@cycjimmy/jsmpeg-player')));
const LIVE_PLAYER_FOLDER = dirname(fileURLToPath(import.meta.resolve('mpegts.js')));
const hidden = { schema: { hide: true } };

/**
 * The page and its files, and the video players, which the page loads on demand.
 *
 * @param basePath prefix of every public address; `''` for none
 */
export async function pageRoutes(app: App, webRoot: string, basePath: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: webRoot,
    cacheControl: false,
    allowedPath: (path) => /^\/?$|\.(?:html|js|css|svg|png)$/u.test(path),
    setHeaders: (reply) => {
      // Revalidated by ETag each time, so that a new version shows at once.
      reply.header('cache-control', 'no-cache');
    },
  });
  for (const path of ['/', '/index.html']) {
    app.get(path, hidden, async (_request, reply) => {
      if (basePath === '') return reply.sendFile('index.html');
      // Its links are relative, and the requested address may lack the trailing slash or the whole prefix.
      const html = await readFile(join(webRoot, 'index.html'), 'utf8');
      const page = html.replace('<head>', `<head>\n    <base href="${basePath}/">`);
      return reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(page);
    });
  }
  app.get('/vendor/jsmpeg.js', hidden, (_request, reply) => reply.sendFile('jsmpeg-player.esm.js', PLAYER_FOLDER));
  app.get('/vendor/mpegts.js', hidden, (_request, reply) => reply.sendFile('mpegts.js', LIVE_PLAYER_FOLDER));
}

/** The project's folder of the page. */
export const DEFAULT_WEB_ROOT = join(import.meta.dirname, '..', '..', '..', 'web');
