import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { declareAll } from '../access/route-access.ts';
import { HttpError } from '../errors/http-error.ts';
import type { App } from '../server.types.ts';

const hidden = { schema: { hide: true } };
/** Names in this folder carry a hash of their content. */
const HASHED = /\/assets\/[^/]+$/u;
const YEAR_S = 31_536_000;

/**
 * The built page and its files.
 *
 * @param webRoot folder of the build; null where there is none, which the page's address then says
 * @param basePath prefix of every public address; `''` for none
 */
export async function pageRoutes(server: App, webRoot: string | null, basePath: string): Promise<void> {
  await server.register(async (app: App) => {
    declareAll(app, { access: 'public', scope: 'none' });
    await publicPages(app, webRoot, basePath);
  });
}

async function publicPages(app: App, webRoot: string | null, basePath: string): Promise<void> {
  if (webRoot === null) {
    app.get('/', hidden, () => {
      throw new HttpError('UNAVAILABLE', 'the page is not built; start with npm start, or run bin/build-page.mjs');
    });
    return;
  }
  await app.register(fastifyStatic, {
    root: webRoot,
    cacheControl: false,
    allowedPath: (path) => /^\/?(?:assets\/[\w.-]+\.(?:js|css)|index\.html|icon\.svg)?$/u.test(path),
    setHeaders: (reply, path) => {
      // The rest is revalidated by ETag each time, so that a new version shows at once.
      reply.header('cache-control', HASHED.test(path) ? `public, max-age=${YEAR_S}, immutable` : 'no-cache');
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
}

const PROJECT = join(import.meta.dirname, '..', '..', '..');
/** Where `bin/build-page.mjs` puts the page: into an image, or beside a checkout. */
const BUILDS = [join(PROJECT, 'web', 'built'), join(PROJECT, '.cache', 'page', 'current')];

/** Folder of the present build; null where none was made. */
export function builtPage(): string | null {
  const folder = BUILDS.find((each) => existsSync(join(each, 'index.html')));
  // A later build moves the link; this process goes on with the one it started with.
  return folder === undefined ? null : realpathSync(folder);
}
