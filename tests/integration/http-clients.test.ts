import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { aggregate } from '../support/http-samples.ts';
import { serve } from '../support/http-served.ts';
import { pageAssets } from '../support/built-page.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { rawRequest } from '../support/raw-request.ts';

/** Tests look into replies of every shape. */
const jsonOf = async (reply: Response): Promise<any> => reply.json();
const assets = await pageAssets();
const JSON_TYPE = { 'content-type': 'application/json' };
const CAMERA = JSON.stringify({ cameraId: 'south', url: 'rtsp://192.0.2.1/x' });

describe('a request without a body', () => {
  it('may name a content type, whatever its method', async (t) => {
    const { world, ask, base } = await serve(t);
    for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain', 'x']) {
      world.add('gone');
      const removed = await ask('/api/cameras/gone', { method: 'DELETE', headers: { 'content-type': type } });
      assert.deepEqual({ status: removed.status, text: await removed.text() }, { status: 204, text: '' }, type);
    }
    const letter = {
      id: 7,
      at: 0,
      stream: 'TASKS',
      consumer: 'c',
      subject: 's',
      reason: 'r',
      deliveries: 1,
      cameraId: null,
      requestId: null,
      traceId: null,
    };
    world.deadLetters.set(7, { ...letter, headers: {}, cut: null, body: Buffer.from('{}') });
    assert.equal((await ask('/api/dead-letters/7/replay', { method: 'POST', headers: JSON_TYPE })).status, 200);
    assert.equal(
      (await ask('/api/keys/none', { method: 'DELETE', headers: JSON_TYPE })).status,
      404,
      'the key, not the body',
    );
    assert.equal((await ask('/api/tickets', { method: 'POST', headers: JSON_TYPE })).status, 201);
    assert.equal((await ask('/api/cameras', { headers: JSON_TYPE })).status, 200);
    for (const [length, body] of [
      ['content-length: 0', ''],
      ['transfer-encoding: chunked', '0\r\n\r\n'],
    ]) {
      world.add('gone');
      const reply = await rawRequest(
        base,
        'DELETE /api/cameras/gone HTTP/1.1',
        'host: localhost',
        'content-type: application/json',
        'connection: close',
        length!,
        '',
        body!,
      );
      assert.equal(reply.status, 204, length);
    }
  });

  it('is refused where one is needed, and a body of a wrong type still is', async (t) => {
    const { ask } = await serve(t);
    for (const headers of [JSON_TYPE, {}, { 'content-type': 'text/plain' }]) {
      const reply = await ask('/api/cameras', { method: 'POST', headers });
      assert.deepEqual({ status: reply.status, field: (await jsonOf(reply)).field }, { status: 400, field: 'body' });
    }
    assert.equal(
      (await ask('/api/cameras', { method: 'POST', body: CAMERA, headers: { 'content-type': 'text/plain' } })).status,
      415,
    );
    assert.equal((await ask('/api/cameras/north', { method: 'DELETE', body: '{', headers: JSON_TYPE })).status, 400);
  });
});

describe('methods', () => {
  const PATHS = [
    '/',
    assets.script,
    '/api/cameras',
    '/api/cameras/north',
    '/api/supervisor/tree',
    '/api/supervisor/events',
    '/api/health',
    '/api/scheduler/stats',
    '/api/keys',
    '/metrics',
    '/docs',
    '/docs/json',
    '/livez',
    '/readyz',
    '/icon.svg',
  ];

  it('HEAD works wherever GET does, and ends', async (t) => {
    const { world, ask } = await serve(t);
    const frame = world.saw(aggregate('north'), await makeJpeg());
    for (const path of [...PATHS, '/api/cameras/north/snapshot.jpg', `/api/images/${frame.imageId}`]) {
      const reply = await ask(path, { method: 'HEAD', signal: AbortSignal.timeout(30_000) });
      assert.deepEqual({ status: reply.status, text: await reply.text() }, { status: 200, text: '' }, path);
    }
    assert.equal((await ask('/api/cameras/nobody', { method: 'HEAD' })).status, 404);
    assert.equal((await ask('/ws', { method: 'HEAD' })).status, 426);
  });

  it('OPTIONS says which an address takes', async (t) => {
    const { ask, base } = await serve(t, { token: 'letmein' });
    const cases = [
      ['/api/cameras', 'GET, HEAD, OPTIONS, POST'],
      ['/api/cameras/north/', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
      ['/api/tickets', 'OPTIONS, POST'],
      ['/', 'GET, HEAD, OPTIONS'],
    ];
    for (const [path, allow] of cases) {
      const reply = await ask(path!, { method: 'OPTIONS' });
      assert.deepEqual({ status: reply.status, allow: reply.headers.get('allow') }, { status: 204, allow }, path);
    }
    assert.equal((await ask('/api/nothing', { method: 'OPTIONS' })).status, 404);
    const all = await rawRequest(base, 'OPTIONS * HTTP/1.1', 'host: localhost', 'connection: close', '', '');
    assert.equal(all.status, 204);
    assert.match(all.headers['allow'] ?? '', /DELETE, GET/u);
  });

  it('and addresses bear a slash at the end, with a query too', async (t) => {
    const { world, ask } = await serve(t);
    const frame = world.saw(aggregate('north'), await makeJpeg());
    // Files of the page are files, and a stream of events does not end.
    const routes = PATHS.filter(
      (each) => each !== '/' && each !== assets.script && each !== '/icon.svg' && !each.endsWith('events'),
    );
    const pictures = ['/api/cameras/north/snapshot.jpg', `/api/images/${frame.imageId}`];
    for (const path of [...routes, ...pictures, '/api/cameras/north/latest', '/api/cameras/north/alerts']) {
      const reply = await ask(`${path}/${path.endsWith('alerts') ? '?limit=5' : ''}`, { redirect: 'manual' });
      assert.equal(reply.status, 200, path);
      await reply.arrayBuffer();
    }
    const put = await ask('/api/cameras/', { method: 'PUT' });
    assert.deepEqual(
      { status: put.status, allow: put.headers.get('allow') },
      { status: 405, allow: 'GET, HEAD, POST' },
    );
    assert.equal((await ask('/api/cameras/north/', { method: 'DELETE' })).status, 204);
  });
});

describe('clients and proxies of every kind', () => {
  it('may write headers in every way that means the same', async (t) => {
    const { world, ask } = await serve(t, { token: 'letmein' });
    for (const authorization of ['Bearer letmein', 'bearer letmein', 'BEARER   letmein', 'Bearer letmein ']) {
      assert.equal((await ask('/api/cameras', { headers: { authorization } })).status, 200, authorization);
    }
    for (const authorization of ['Bearer letmein x', 'Bearerletmein', 'Bearer', 'Token letmein', '']) {
      assert.equal((await ask('/api/cameras', { headers: { authorization } })).status, 401, authorization);
    }
    const headers = { authorization: 'Bearer letmein' };
    for (const type of [
      'application/json; charset=UTF-8',
      'Application/JSON;Charset="utf-8"',
      'application/json ;charset=utf-8',
      'application/json;',
    ]) {
      world.cameras.delete('south');
      const reply = await ask('/api/cameras', {
        method: 'POST',
        body: CAMERA,
        headers: { ...headers, 'content-type': type },
      });
      assert.deepEqual(
        { status: reply.status, cameraId: (await jsonOf(reply)).cameraId },
        { status: 201, cameraId: 'south' },
        type,
      );
    }
    for (const accept of ['text/html', '*/*;q=0', 'nonsense', 'application/xml, ;', '']) {
      const reply = await ask('/api/cameras', {
        headers: { ...headers, accept, 'accept-encoding': 'gzip;q=1, br, *' },
      });
      assert.deepEqual([reply.status, Array.isArray(await reply.json())], [200, true], accept);
    }
  });

  it('may claim what they like in X-Forwarded headers: none is believed', async (t) => {
    const { base, server } = await serve(t, { limits: { maxSocketsPerIp: 1 } });
    const forwarded = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '192.0.2.1',
      forwarded: 'for=192.0.2.1;host=evil.example',
    };
    assert.equal((await fetch(`${base}/api/cameras`, { headers: forwarded })).status, 200);
    const refused = await server.app.inject({
      url: '/api/cameras',
      headers: { ...forwarded, 'x-forwarded-host': 'localhost', host: 'evil.example' },
    });
    assert.equal(refused.statusCode, 421);
    const url = `${base.replace('http', 'ws')}/ws`;
    const open = async (ip: string, more: Record<string, string> = {}): Promise<number> => {
      const socket = new WebSocket(url, { headers: { 'x-forwarded-for': ip, ...more } });
      t.after(() => socket.terminate());
      return new Promise((resolve) => {
        socket.once('open', () => resolve(101));
        socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
        socket.once('error', () => undefined);
      });
    };
    assert.equal(await open('192.0.2.1', { origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' }), 403);
    assert.equal(await open('192.0.2.1'), 101);
    assert.equal(await open('192.0.2.2'), 429, 'the same address, whatever it says');
  });

  it('may name the whole address in the request line, whose host counts then', async (t) => {
    const { base } = await serve(t);
    const get = (target: string, host = 'localhost') =>
      rawRequest(base, `GET ${target} HTTP/1.1`, `host: ${host}`, 'connection: close', '', '');
    assert.equal((await get('http://127.0.0.1:8080/api/cameras/north')).status, 200);
    assert.equal((await get('http://localhost')).status, 200);
    const strange = await get('http://evil.example/api/cameras');
    assert.deepEqual(
      { status: strange.status, value: JSON.parse(strange.body).value },
      { status: 421, value: 'evil.example' },
    );
    assert.equal((await get('http://localhost/api/cameras', 'evil.example')).status, 200);
    assert.equal((await get('http:///api/cameras')).status, 400);
  });

  it('need a Host, and are told so; probes need none', async (t) => {
    for (const token of [null, 'letmein']) {
      const { base } = await serve(t, { token });
      for (const lines of [
        ['GET /api/cameras HTTP/1.0'],
        ['GET /api/cameras HTTP/1.1', 'connection: close'],
        ['GET / HTTP/1.1', 'host:', 'connection: close'],
      ]) {
        const reply = await rawRequest(base, ...lines, '', '');
        assert.deepEqual(
          { status: reply.status, field: JSON.parse(reply.body).field },
          { status: 400, field: 'host' },
          lines.join(),
        );
      }
      for (const path of ['/livez', '/readyz']) {
        const probe = await rawRequest(base, `GET ${path} HTTP/1.0`, '', '');
        assert.deepEqual({ status: probe.status, body: probe.body }, { status: 200, body: '{"status":"ok"}' });
      }
    }
  });

  it('may wait to be told to send their body, speak HTTP/1.0, and end the connection', async (t) => {
    const { world, base } = await serve(t);
    const head = [
      'POST /api/cameras HTTP/1.1',
      'host: localhost',
      'content-type: application/json',
      `content-length: ${CAMERA.length}`,
    ];
    assert.equal(
      (await rawRequest(base, ...head, 'expect: 100-continue', 'connection: close', '', CAMERA)).status,
      201,
    );
    assert.ok(world.cameras.has('south'));
    assert.equal((await rawRequest(base, ...head, 'expect: tea', 'connection: close', '', CAMERA)).status, 417);
    const old = await rawRequest(base, 'GET /api/cameras/north HTTP/1.0', 'host: localhost', '', '');
    assert.deepEqual(
      { status: old.status, cameraId: JSON.parse(old.body).cameraId, connection: old.headers['connection'] },
      { status: 200, cameraId: 'north', connection: 'close' },
    );
  });
});
