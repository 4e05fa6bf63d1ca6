import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { call } from '../support/http-call.ts';

type Server = Awaited<ReturnType<typeof fakeServer>>;

describe('HTTP API with an access token', () => {
  const world = new FakeWorld().add('north');
  let server: Server;
  let base = '';
  before(async () => {
    server = await fakeServer(world, { token: 'letmein' });
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());

  it('refuses everything but the page without it', async () => {
    for (const path of [
      '/api/cameras',
      '/api/health',
      '/api/supervisor/tree',
      '/metrics',
      '/%61pi/cameras',
      '/api/cameras/',
      '/ws',
    ]) {
      const reply = await call(base, path);
      assert.deepEqual({ status: reply.status, code: reply.json['code'] }, { status: 401, code: 'UNAUTHORIZED' }, path);
      assert.ok(!reply.text.includes('letmein'));
    }
    for (const authorization of ['Bearer wrong', 'Bearer', 'letmein', 'Basic letmein'])
      assert.equal((await call(base, '/api/cameras', { headers: { authorization } })).status, 401);
    assert.equal((await call(base, '/')).status, 200);
  });

  it('takes it in a header only, and for pictures a ticket in the query', async () => {
    const bearer = { headers: { authorization: 'Bearer letmein' } };
    assert.equal((await call(base, '/api/cameras', bearer)).status, 200);
    const issued = await call(base, '/api/tickets', { method: 'POST', ...bearer });
    assert.deepEqual(
      { status: issued.status, cacheControl: issued.headers.get('cache-control') },
      { status: 201, cacheControl: 'no-store' },
    );
    const { ticket, expiresAt } = issued.json as { ticket?: string; expiresAt?: string };
    const life = Date.parse(expiresAt ?? '') - Date.now();
    assert.ok(life > 30_000 && life <= 60_000, `${life} ms`);
    const frame = world.saw(aggregate('north'), await makeJpeg());
    for (const path of [`/api/images/${frame.imageId}`, '/api/cameras/north/snapshot.jpg']) {
      const picture = await fetch(`${base}${path}?ticket=${ticket}`);
      assert.deepEqual(
        { status: picture.status, cacheControl: picture.headers.get('cache-control') },
        { status: 200, cacheControl: 'no-store' },
        path,
      );
      await picture.arrayBuffer();
      const inAddress = await call(base, `${path}?token=letmein`);
      assert.deepEqual(
        { status: inAddress.status, field: inAddress.json['field'] },
        { status: 401, field: 'token' },
        path,
      );
      assert.match(String(inAddress.json['message']), /POST \/api\/tickets/u);
      assert.ok(!inAddress.text.includes('letmein'));
      assert.equal((await call(base, `${path}?ticket=${ticket}&ticket=${ticket}`)).status, 401, 'given twice');
      assert.equal((await call(base, `${path}?ticket=letmein`)).json['field'], 'ticket');
    }
    assert.equal((await call(base, `/api/cameras?ticket=${ticket}`)).status, 401, 'only where a header cannot be sent');
    assert.equal((await call(base, `/api/tickets?ticket=${ticket}`, { method: 'POST' })).status, 401, 'none of itself');
    assert.equal((await call(base, '/api/tickets', { method: 'POST' })).status, 401);
    assert.ok(!JSON.stringify(server.lines).includes(String(ticket)), 'no ticket in the log');
  });

  it('answers probes without it, with one word', async () => {
    for (const path of ['/livez', '/readyz']) {
      const reply = await call(base, path, { headers: { host: 'rebind.example' } });
      assert.deepEqual({ status: reply.status, json: reply.json }, { status: 200, json: { status: 'ok' } }, path);
    }
    world.ready = false;
    const unready = await call(base, '/readyz');
    assert.deepEqual({ status: unready.status, json: unready.json }, { status: 503, json: { status: 'down' } });
    assert.equal((await call(base, '/livez')).status, 200);
    world.ready = true;
  });
});

describe('HTTP API under a strange name', () => {
  it('does not answer: a page elsewhere could have had that name resolved to us', async (t) => {
    const server = await fakeServer(new FakeWorld().add('north'), { allowedHosts: ['gantry.example.org'] });
    t.after(() => server.close());
    const ask = (host: string) => server.app.inject({ url: '/api/cameras', headers: { host } });
    const refused = await ask('rebind.example');
    assert.deepEqual({ status: refused.statusCode, code: refused.json().code }, { status: 421, code: 'HOST_REFUSED' });
    assert.equal((await ask('gantry.example.org:8080')).statusCode, 200);
    assert.equal((await ask('localhost')).statusCode, 200);
  });
});

describe('sources under an allow-list', () => {
  it('are refused when their host is not on it', async (t) => {
    const world = new FakeWorld();
    const server = await fakeServer(world, { sourceAllow: ['10.0.0.0/8'] });
    t.after(() => server.close());
    const add = (url: string) =>
      server.app.inject({ method: 'POST', url: '/api/cameras', payload: { cameraId: 'a', url } });
    assert.equal((await add('rtsp://192.0.2.1/x')).json().field, 'url');
    assert.equal((await add('rtsp://10.1.2.3/x')).statusCode, 201);
    const changed = await server.app.inject({
      method: 'PATCH',
      url: '/api/cameras/a',
      payload: { url: 'rtsp://192.0.2.1/x' },
    });
    assert.equal(changed.statusCode, 400);
  });
});
