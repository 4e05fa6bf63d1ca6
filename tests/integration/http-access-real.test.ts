import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { serve } from '../support/http-served.ts';
import { pageAssets } from '../support/built-page.ts';
import { makeJpeg } from '../support/jpeg.ts';

/** Tests look into replies of every shape. */
const jsonOf = async (reply: Response): Promise<any> => reply.json();
const assets = await pageAssets();
const JSON_TYPE = { 'content-type': 'application/json' };
const CAMERA = JSON.stringify({ cameraId: 'south', url: 'rtsp://192.0.2.1/x' });

describe('pages of other origins', () => {
  const PORTAL = 'https://portal.example';
  const options = { token: 'letmein', corsOrigins: [PORTAL], embedOrigins: ['https://wall.example'] };

  it('may use the API when they are listed', async (t) => {
    const { ask } = await serve(t, options);
    const preflight = await ask('/api/cameras/north', {
      method: 'OPTIONS',
      headers: {
        origin: PORTAL,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), PORTAL);
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization, content-type/u);
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /PATCH/u);
    for (const [headers, status] of [
      [{ authorization: 'Bearer letmein' }, 200],
      [{}, 401],
    ] as const) {
      const reply = await ask('/api/cameras', { headers: { ...headers, origin: PORTAL } });
      assert.deepEqual(
        {
          status: reply.status,
          accessControlAllowOrigin: reply.headers.get('access-control-allow-origin'),
          vary: reply.headers.get('vary'),
        },
        { status, accessControlAllowOrigin: PORTAL, vary: 'origin' },
      );
      assert.equal(reply.headers.get('access-control-allow-credentials'), null);
    }
    const events = await ask('/api/supervisor/events', {
      headers: { authorization: 'Bearer letmein', origin: PORTAL },
    });
    assert.equal(events.headers.get('access-control-allow-origin'), PORTAL);
    await events.body?.cancel();
  });

  it('may not when they are not', async (t) => {
    const { ask } = await serve(t, options);
    for (const origin of ['https://evil.example', 'null', 'http://portal.example', `${PORTAL}.evil.example`]) {
      const preflight = await ask('/api/cameras', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      const reply = await ask('/api/cameras', { headers: { origin, authorization: 'Bearer letmein' } });
      for (const each of [preflight, reply]) {
        const given = [...each.headers.keys()].filter((name) => name.startsWith('access-control'));
        assert.deepEqual(
          { given, vary: each.headers.get('vary')?.split(',')[0] },
          { given: [], vary: 'origin' },
          origin,
        );
      }
    }
    const unlisted = await serve(t);
    const reply = await unlisted.ask('/api/cameras', { headers: { origin: PORTAL } });
    assert.deepEqual(
      { accessControlAllowOrigin: reply.headers.get('access-control-allow-origin'), vary: reply.headers.get('vary') },
      { accessControlAllowOrigin: null, vary: null },
    );
  });

  it('may show the page in a frame when they are listed', async (t) => {
    const { ask } = await serve(t, options);
    for (const path of ['/', '/docs', '/docs/static/index.css']) {
      const { headers } = await ask(path);
      assert.equal(headers.get('x-frame-options'), null, path);
      assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors https:\/\/wall\.example(;|$)/u, path);
    }
    const closed = await serve(t);
    for (const path of ['/', '/docs', '/api/health']) {
      const { headers } = await closed.ask(path);
      assert.equal(headers.get('x-frame-options'), 'DENY', path);
      assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/u, path);
    }
    assert.doesNotMatch((await closed.ask('/docs')).headers.get('content-security-policy') ?? '', /upgrade-insecure/u);
  });

  it('are refused at the start when they are malformed', async () => {
    for (const wrong of [
      { corsOrigins: ['*'] },
      { embedOrigins: ['null'] },
      { allowedHosts: ['https://x'] },
      { basePath: 'x' },
    ]) {
      await assert.rejects(fakeServer(new FakeWorld(), wrong), { code: 'CONFIG_INVALID' });
    }
  });
});

describe('under a base path', () => {
  it('every address works with it and without it', async (t) => {
    const { world, ask, base } = await serve(t, { basePath: '/gantry' });
    const frame = world.saw(aggregate('north'), await makeJpeg());
    const paths = [
      '',
      '/',
      '/?a=1',
      '/index.html',
      assets.script,
      assets.style,
      '/icon.svg',
      '/api/cameras',
      '/api/cameras/',
      '/api/cameras/?',
      '/api/cameras/north/snapshot.jpg',
      `/api/images/${frame.imageId}`,
      '/metrics',
      '/docs',
      '/docs/',
      '/docs/json',
      '/docs/static/swagger-initializer.js',
      '/livez',
      '/readyz',
    ];
    for (const path of paths) {
      for (const prefix of ['/gantry', '']) {
        const reply = await ask(`${prefix}${path}`, { redirect: 'manual' });
        assert.equal(reply.status, 200, `${prefix}${path}`);
        await reply.arrayBuffer();
      }
    }
    for (const path of ['/gantryx/api/cameras', '/other/api/cameras'])
      assert.equal((await ask(path)).status, 404, path);
    for (const path of ['/gantry/ws', '/gantry/ws/', '/ws']) {
      const socket = new WebSocket(`${base.replace('http', 'ws')}${path}`, { origin: base });
      t.after(() => socket.terminate());
      await once(socket, 'open');
    }
  });

  it('links and redirects name it', async (t) => {
    const { ask, base, server } = await serve(t, { basePath: '/gantry/' });
    for (const path of ['/gantry', '/gantry/', '/', '/index.html']) {
      const page = await ask(path);
      const html = await page.text();
      assert.match(html, /<base href="\/gantry\/">/u, path);
      assert.doesNotMatch(html, /(?:href|src)="\/(?!gantry\/")/u, 'no link that leaves it');
      assert.match(page.headers.get('content-security-policy') ?? '', /base-uri 'self'/u);
    }
    const added = await ask('/gantry/api/cameras', { method: 'POST', body: CAMERA, headers: JSON_TYPE });
    assert.equal(added.headers.get('location'), '/gantry/api/cameras/south');
    const { servers } = await jsonOf(await ask('/gantry/docs/json'));
    assert.deepEqual(servers, [{ url: '/gantry' }]);
    const viewer = new WebSocket(`${base.replace('http', 'ws')}/gantry/ws`);
    t.after(() => viewer.terminate());
    await once(viewer, 'message');
    server.feed.gap(5, 2);
    const [gap]: unknown[] = await once(viewer, 'message');
    assert.match(String(gap), /"type":"gap".*"history":"\/gantry\/api\/alerts\/history"/u);
    const docs = await (await ask('/gantry/docs')).text();
    assert.match(docs, /src="\/gantry\/docs\/static\//u);
    assert.doesNotMatch(docs, /(?:href|src)="\/(?!gantry\/)/u);
    const redirect = await ask('/gantry/docs/static/index.html', { redirect: 'manual' });
    assert.deepEqual(
      { status: redirect.status, location: redirect.headers.get('location') },
      { status: 302, location: '/gantry/docs/' },
    );
    const followed = await ask('/gantry/docs/static/index.html');
    assert.deepEqual({ status: followed.status, redirected: followed.redirected }, { status: 200, redirected: true });
  });
});

describe('readiness', () => {
  it('is what the health check of the image asks for, without the token', async (t) => {
    const dockerfile = await readFile(join(import.meta.dirname, '..', '..', 'Dockerfile'), 'utf8');
    const [, command = '[]'] = /^HEALTHCHECK[^[]*CMD (\[.*\])$/mu.exec(dockerfile) ?? [];
    const [program, ...args] = JSON.parse(command) as string[];
    assert.equal(program, 'node');
    const { world, base } = await serve(t, { token: 'letmein' });
    const check = async (): Promise<unknown> => {
      const child = spawn(process.execPath, args, { env: { PORT: new URL(base).port }, stdio: 'ignore' });
      const [code]: unknown[] = await once(child, 'exit');
      return code;
    };
    assert.equal(await check(), 0);
    world.ready = false;
    assert.equal(await check(), 1);
  });

  it('ends with the stop, before the port is closed', async (t) => {
    const world = new FakeWorld();
    const server = await fakeServer(world);
    t.after(() => server.close());
    const base = await server.listen('127.0.0.1', 0);
    assert.equal((await fetch(`${base}/readyz`)).status, 200);
    const closing = server.close();
    const reply = await server.app.inject('/readyz');
    assert.equal(reply.statusCode, 503);
    await closing;
  });
});
