import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { InfraError } from '../../src/infra/infra-error.ts';
import { FakeWorld, aggregate, config, fakeServer, healthy, record } from '../support/http-fakes.ts';
import { makeJpeg } from '../support/jpeg.ts';

type Server = Awaited<ReturnType<typeof fakeServer>>;

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // Tests look into replies of every shape.
  readonly json: Record<string, unknown> & { [index: number]: Record<string, unknown> };
}

async function call(base: string, path: string, init: RequestInit = {}): Promise<Reply> {
  const reply = await fetch(`${base}${path}`, init);
  const text = await reply.text();
  return {
    status: reply.status,
    headers: reply.headers,
    text,
    json: /json/u.test(reply.headers.get('content-type') ?? '') ? JSON.parse(text) : {},
  };
}

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

describe('HTTP API', () => {
  const world = new FakeWorld();
  let server: Server;
  let base = '';
  let jpeg: Buffer;

  before(async () => {
    jpeg = await makeJpeg();
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());
  beforeEach(() => {
    for (const map of [world.cameras, world.latest, world.alertLists, world.images]) map.clear();
    Object.assign(world, { failing: null, health: healthy });
    server.lines.length = 0;
  });

  describe('cameras', () => {
    it('are added, listed, read, changed and removed', async () => {
      const added = await call(
        base,
        '/api/cameras',
        post({ cameraId: 'north', name: 'North gate', url: 'rtsp://u:geheim@192.0.2.1/x' }),
      );
      assert.equal(added.status, 201);
      assert.equal(added.headers.get('location'), '/api/cameras/north');
      assert.equal(added.json['url'], 'rtsp://u:***@192.0.2.1/x');
      assert.equal(
        world.cameras.get('north')!.config.url,
        'rtsp://u:geheim@192.0.2.1/x',
        'the registry has the real one',
      );
      assert.equal(world.cameras.get('north')!.config.intervalSeconds, 1.8);
      const list = await call(base, '/api/cameras');
      assert.equal(list.json[0]!['name'], 'North gate');
      const changed = await call(base, '/api/cameras/north', { ...post({ intervalSeconds: 5 }), method: 'PATCH' });
      assert.equal(changed.json['intervalSeconds'], 5);
      assert.equal(changed.json['name'], 'North gate');
      assert.equal(world.cameras.get('north')!.config.url, 'rtsp://u:geheim@192.0.2.1/x', 'untouched');
      assert.equal((await call(base, '/api/cameras/north', { method: 'DELETE' })).status, 204);
      assert.equal((await call(base, '/api/cameras/north')).status, 404);
    });

    it('take their id as name when none is given', async () => {
      await call(base, '/api/cameras', post({ cameraId: 'x1', url: 'rtsp://192.0.2.1/x' }));
      assert.equal(world.cameras.get('x1')!.config.name, 'x1');
    });

    it('show the history of their alerts, also when they are removed', async () => {
      const frame = aggregate('gone', { risk: 'high' });
      world.alertLists.set('gone', [frame]);
      const reply = await call(
        base,
        '/api/cameras/gone/alerts/history?from=2026-01-01T00:00:00%2B08:00&to=2026-01-02T00:00:00Z&limit=7&after=12',
      );
      assert.deepEqual(
        { status: reply.status, json: reply.json },
        { status: 200, json: { alerts: [frame], next: null } },
      );
      assert.deepEqual(world.historyQueries.at(-1), {
        cameraId: 'gone',
        from: Date.parse('2025-12-31T16:00:00Z'),
        to: Date.parse('2026-01-02T00:00:00Z'),
        limit: 7,
        after: 12,
      });
      assert.equal((await call(base, '/api/alerts/history')).status, 200);
      const query = world.historyQueries.at(-1)!;
      assert.deepEqual(
        { cameraId: query.cameraId, spanMs: query.to - query.from, limit: query.limit, after: query.after },
        { cameraId: null, spanMs: 24 * 3_600_000, limit: 100, after: 0 },
      );
    });

    it('show newest aggregate, alerts and snapshot', async () => {
      world.add('north');
      const frame = world.saw(aggregate('north', { risk: 'high' }), jpeg);
      world.alertLists.set('north', [frame, aggregate('north'), aggregate('north')]);
      assert.deepEqual((await call(base, '/api/cameras/north/latest')).json, frame);
      assert.equal((await call(base, '/api/cameras/north/alerts?limit=2')).json['length'], 2);
      const snapshot = await fetch(`${base}/api/cameras/north/snapshot.jpg`);
      assert.equal(snapshot.headers.get('content-type'), 'image/jpeg');
      assert.equal(snapshot.headers.get('cache-control'), 'no-store');
      assert.deepEqual(Buffer.from(await snapshot.arrayBuffer()), jpeg);
      const image = await fetch(`${base}/api/images/${frame.imageId}`);
      assert.match(image.headers.get('cache-control') ?? '', /immutable/u);
      assert.deepEqual(Buffer.from(await image.arrayBuffer()), jpeg);
    });

    it('say which picture or frame is not there', async () => {
      world.add('north');
      assert.equal((await call(base, '/api/cameras/north/latest')).json['code'], 'NO_FRAME');
      const frame = aggregate('north');
      world.latest.set('north', frame);
      const expired = await call(base, '/api/cameras/north/snapshot.jpg');
      assert.deepEqual(
        { status: expired.status, code: expired.json['code'], value: expired.json['value'] },
        { status: 404, code: 'IMAGE_EXPIRED', value: frame.imageId },
      );
      const image = await call(base, `/api/images/${frame.imageId}`);
      assert.equal(image.status, 404);
      assert.equal(image.headers.get('cache-control'), 'no-store', 'a cache must not keep the absence');
      assert.equal((await call(base, '/api/images/..%2f..%2fetc%2fpasswd')).json['field'], 'imageId');
    });
  });

  describe('bad input', () => {
    const good = { cameraId: 'a', url: 'rtsp://192.0.2.1/x' };
    const cases: readonly (readonly [
      string,
      string,
      RequestInit,
      { status: number; code: string; field: string | null; value?: unknown },
    ])[] = [
      [
        'a file as source',
        '/api/cameras',
        post({ ...good, url: 'file:///etc/passwd' }),
        { status: 400, code: 'INVALID_FIELD', field: 'url', value: 'file:///etc/passwd' },
      ],
      [
        'a wrong scheme with a password',
        '/api/cameras',
        post({ ...good, url: 'http://u:geheim@h/x' }),
        { status: 400, code: 'INVALID_FIELD', field: 'url', value: 'http://u:***@h/x' },
      ],
      [
        'a link-local source',
        '/api/cameras',
        post({ ...good, url: 'rtsp://169.254.169.254/x' }),
        { status: 400, code: 'INVALID_FIELD', field: 'url', value: 'rtsp://169.254.169.254/x' },
      ],
      [
        'a missing field',
        '/api/cameras',
        post({ cameraId: 'a' }),
        { status: 400, code: 'MISSING_FIELD', field: 'url', value: null },
      ],
      [
        'a number as URL',
        '/api/cameras',
        post({ ...good, url: 42 }),
        { status: 400, code: 'INVALID_FIELD', field: 'url', value: 42 },
      ],
      [
        'an id with a slash',
        '/api/cameras',
        post({ ...good, cameraId: '../x' }),
        { status: 400, code: 'INVALID_FIELD', field: 'cameraId', value: '../x' },
      ],
      [
        'an empty name',
        '/api/cameras',
        post({ ...good, name: '  ' }),
        { status: 400, code: 'INVALID_FIELD', field: 'name' },
      ],
      [
        'an interval of nothing',
        '/api/cameras',
        post({ ...good, intervalSeconds: 0 }),
        { status: 400, code: 'INVALID_FIELD', field: 'intervalSeconds', value: 0 },
      ],
      [
        'an unknown field',
        '/api/cameras',
        post({ ...good, rtspUrl: 'rtsp://u:geheim@h' }),
        { status: 400, code: 'UNKNOWN_FIELD', field: 'rtspUrl', value: 'rtsp://u:***@h' },
      ],
      [
        'an unknown secret field',
        '/api/cameras',
        post({ ...good, password: 'geheim' }),
        { status: 400, code: 'UNKNOWN_FIELD', field: 'password', value: '***' },
      ],
      ['a list as body', '/api/cameras', post([good]), { status: 400, code: 'INVALID_FIELD', field: 'body' }],
      [
        'broken JSON',
        '/api/cameras',
        post('{"cameraId":"a","url":"rtsp://u:geheim@h'),
        { status: 400, code: 'MALFORMED_JSON', field: 'body', value: null },
      ],
      [
        'a poisoned prototype',
        '/api/cameras',
        post('{"__proto__":{"enabled":true},"cameraId":"a","url":"rtsp://h/x"}'),
        { status: 400, code: 'UNKNOWN_FIELD', field: '__proto__' },
      ],
      ['no body', '/api/cameras', { method: 'POST' }, { status: 400, code: 'INVALID_FIELD', field: 'body' }],
      [
        'a body of ten megabytes',
        '/api/cameras',
        post({ ...good, name: 'x'.repeat(10_000_000) }),
        { status: 413, code: 'BODY_TOO_LARGE', field: 'body' },
      ],
      [
        'a form as body',
        '/api/cameras',
        { method: 'POST', body: new URLSearchParams(good) },
        { status: 415, code: 'WRONG_CONTENT_TYPE', field: 'content-type' },
      ],
      [
        'text as body',
        '/api/cameras',
        { method: 'POST', body: JSON.stringify(good) },
        { status: 415, code: 'WRONG_CONTENT_TYPE', field: 'content-type' },
      ],
      [
        'an id that exists',
        '/api/cameras',
        post({ ...good, cameraId: 'north' }),
        { status: 409, code: 'DUPLICATE_CAMERA', field: 'cameraId', value: 'north' },
      ],
      [
        'a camera too many',
        '/api/cameras',
        post({ ...good, cameraId: 'one-too-many' }),
        { status: 409, code: 'TOO_MANY_CAMERAS', field: 'cameraId', value: 'one-too-many' },
      ],
      [
        'a token where only the header counts',
        '/api/alerts/history?token=letmein',
        {},
        { status: 400, code: 'UNKNOWN_FIELD', field: 'token', value: '***' },
      ],
      [
        'an unknown id',
        '/api/cameras/nobody',
        {},
        { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' },
      ],
      [
        'an unknown id to change',
        '/api/cameras/nobody',
        { ...post({ name: 'x' }), method: 'PATCH' },
        { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' },
      ],
      [
        'an unknown id to remove',
        '/api/cameras/nobody',
        { method: 'DELETE' },
        { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' },
      ],
      [
        'an unknown id for alerts',
        '/api/cameras/nobody/alerts',
        {},
        { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' },
      ],
      [
        'an empty change',
        '/api/cameras/north',
        { ...post({}), method: 'PATCH' },
        { status: 400, code: 'INVALID_FIELD', field: 'body' },
      ],
      [
        'a change of the id',
        '/api/cameras/north',
        { ...post({ cameraId: 'b' }), method: 'PATCH' },
        { status: 400, code: 'UNKNOWN_FIELD', field: 'cameraId', value: 'b' },
      ],
      [
        'a URL sent back redacted',
        '/api/cameras/north',
        { ...post({ url: 'rtsp://viewer:***@192.0.2.7:554/main' }), method: 'PATCH' },
        { status: 400, code: 'INVALID_FIELD', field: 'url' },
      ],
      [
        'a limit out of range',
        '/api/cameras/north/alerts?limit=101',
        {},
        { status: 400, code: 'INVALID_FIELD', field: 'limit', value: '101' },
      ],
      [
        'a time that is none',
        '/api/cameras/north/alerts/history?from=yesterday',
        {},
        { status: 400, code: 'INVALID_FIELD', field: 'from', value: 'yesterday' },
      ],
      [
        'times the wrong way round',
        '/api/alerts/history?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
        {},
        { status: 400, code: 'INVALID_FIELD', field: 'to', value: '2026-01-01T00:00:00Z' },
      ],
      [
        'a page that is too large',
        '/api/alerts/history?limit=501',
        {},
        { status: 400, code: 'INVALID_FIELD', field: 'limit', value: '501' },
      ],
      [
        'a cursor that is none',
        '/api/alerts/history?after=x',
        {},
        { status: 400, code: 'INVALID_FIELD', field: 'after', value: 'x' },
      ],
      [
        'a history of an unknown camera',
        '/api/cameras/nobody/alerts/history',
        {},
        { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' },
      ],
      [
        'an id that cannot be',
        '/api/cameras/a%20b',
        {},
        { status: 400, code: 'INVALID_FIELD', field: 'id', value: 'a b' },
      ],
      [
        'an address that is not there',
        '/api/nothing',
        {},
        { status: 404, code: 'UNKNOWN_ROUTE', field: 'path', value: '/api/nothing' },
      ],
      [
        'a method that is not taken',
        '/api/cameras',
        { method: 'PUT' },
        { status: 405, code: 'METHOD_NOT_ALLOWED', field: 'method', value: 'PUT' },
      ],
      [
        'a WebSocket address without a WebSocket',
        '/ws',
        {},
        { status: 426, code: 'UPGRADE_REQUIRED', field: 'upgrade' },
      ],
    ];
    for (const [name, path, init, expected] of cases) {
      it(`${name} is refused, naming the field`, async () => {
        world.add('north');
        const reply = await call(base, path, init);
        const { code, message, field, value } = reply.json;
        assert.deepEqual(
          { status: reply.status, code, field },
          { status: expected.status, code: expected.code, field: expected.field },
        );
        if ('value' in expected) assert.deepEqual(value, expected.value);
        assert.equal(typeof message, 'string');
        assert.ok(!reply.text.includes('geheim'), 'no password comes back');
        assert.ok(reply.text.length < 1_000);
        assert.equal(world.cameras.size, 1, 'nothing was added');
      });
    }

    it('names the methods that are taken', async () => {
      assert.equal(
        (await call(base, '/api/cameras/x', { method: 'PUT' })).headers.get('allow'),
        'DELETE, GET, HEAD, PATCH',
      );
    });
  });

  describe('faults', () => {
    it('of a part that is away are a 503 that says so', async () => {
      world.failing = new InfraError('REDIS_DOWN', 'Redis cannot be reached');
      const reply = await call(base, '/api/cameras');
      assert.deepEqual({ status: reply.status, code: reply.json['code'] }, { status: 503, code: 'UNAVAILABLE' });
      assert.match(String(reply.json['message']), /Redis cannot be reached/u);
    });

    it('of our own are a 500 without its inside, and are logged without passwords', async () => {
      world.failing = new Error('boom at rtsp://u:geheim@h/x');
      const reply = await call(base, '/api/cameras');
      assert.deepEqual({ status: reply.status, code: reply.json['code'] }, { status: 500, code: 'INTERNAL' });
      assert.ok(!reply.text.includes('boom'));
      assert.match(server.lines[0]!.message, /GET \/api\/cameras failed: boom at rtsp:\/\/u:\*\*\*@h/u);
      assert.ok(!JSON.stringify(server.lines).includes('geheim'));
    });
  });

  describe('operations', () => {
    it('show the supervision tree and the dead letters', async () => {
      const { json } = await call(base, '/api/supervisor/tree');
      assert.deepEqual(json['tree'], world.treeNow);
      assert.equal((json['deadLetters'] as { total: number }).total, 1);
    });

    it('list, show and replay messages that were given up, at the wish of pages of this server only', async () => {
      const letter = {
        id: 7,
        at: Date.parse('2026-01-02T03:04:05Z'),
        stream: 'DETECTIONS',
        consumer: 'task-generator',
        subject: 'detection-results.north',
        reason: 'odd',
        deliveries: 10,
        cameraId: 'north',
        requestId: null,
        traceId: null,
      };
      world.deadLetters.set(7, {
        ...letter,
        headers: { 'Trace-Id': 'abc' },
        body: Buffer.from('{"odd":1}'),
        cut: null,
      });
      const shown = { ...letter, at: '2026-01-02T03:04:05.000Z' };
      assert.deepEqual((await call(base, '/api/dead-letters?stream=DETECTIONS')).json['deadLetters'], [shown]);
      assert.deepEqual((await call(base, '/api/dead-letters?stream=TASKS')).json['deadLetters'], []);
      assert.deepEqual((await call(base, '/api/dead-letters/7')).json, {
        ...shown,
        headers: { 'Trace-Id': 'abc' },
        body: '{"odd":1}',
        cut: null,
      });
      const strange = await call(base, '/api/dead-letters/7/replay', {
        method: 'POST',
        headers: { origin: 'https://evil.example' },
      });
      assert.deepEqual(
        { status: strange.status, code: strange.json['code'], deadLetters: world.deadLetters.size },
        { status: 403, code: 'ORIGIN_REFUSED', deadLetters: 1 },
      );
      assert.deepEqual((await call(base, '/api/dead-letters/7/replay', { method: 'POST' })).json, { replayed: 7 });
      for (const init of [{}, { method: 'POST' }]) {
        const gone = await call(base, `/api/dead-letters/7${'method' in init ? '/replay' : ''}`, init);
        assert.deepEqual(
          { status: gone.status, code: gone.json['code'] },
          { status: 404, code: 'UNKNOWN_DEAD_LETTER' },
        );
      }
      assert.equal((await call(base, '/api/dead-letters/x')).status, 400);
    });

    it('show keys by name in the shape of the contract', async () => {
      const { json } = await call(base, '/api/scheduler/stats');
      assert.equal(json['code'], 200);
      assert.deepEqual(json['data'], world.keys);
      assert.equal(((await call(base, '/api/key-pool/health')).json['data'] as { status: string }).status, 'degraded');
      assert.equal(((await call(base, '/api/scheduler/health')).json['data'] as { source: string }).source, 'rules');
    });

    it('never let more of a key out than the contract names', async () => {
      const [first] = world.keys.keys;
      const leaky = { ...world.keys, keys: [{ ...first!, key: 'sk-secret' }] };
      const harmless = world.keys;
      world.keys = leaky;
      assert.ok(!(await call(base, '/api/scheduler/stats')).text.includes('sk-secret'));
      world.keys = harmless;
    });

    for (const path of ['/api/health', '/api/health/health_check']) {
      it(`${path} is 200 while cameras are watched and 503 when they are not`, async () => {
        assert.equal((await call(base, path)).status, 200);
        world.health = { ...healthy, status: 'degraded' };
        assert.equal((await call(base, path)).status, 200);
        world.health = { ...healthy, status: 'down', nats: { state: 'reconnecting', notice: 'NATS is down' } };
        const down = await call(base, path);
        assert.deepEqual({ status: down.status, says: down.json['status'] }, { status: 503, says: 'down' });
        world.health = new Error('nobody answers');
        const mute = await call(base, path);
        assert.deepEqual({ status: mute.status, says: mute.json['status'] }, { status: 503, says: 'down' });
      });
    }

    it('give metrics as text', async () => {
      const reply = await call(base, '/metrics');
      assert.match(reply.headers.get('content-type') ?? '', /^text\/plain/u);
      assert.match(reply.text, /detection_total 1/u);
    });

    it('describe every address in OpenAPI', async () => {
      const { json } = await call(base, '/docs/json');
      const paths = Object.keys(json['paths'] as object);
      for (const path of [
        '/api/cameras',
        '/api/cameras/{id}',
        '/api/cameras/{id}/latest',
        '/api/cameras/{id}/alerts',
        '/api/cameras/{id}/alerts/history',
        '/api/alerts/history',
        '/api/cameras/{id}/snapshot.jpg',
        '/api/images/{imageId}',
        '/api/supervisor/tree',
        '/api/dead-letters',
        '/api/dead-letters/{id}',
        '/api/dead-letters/{id}/replay',
        '/api/scheduler/stats',
        '/api/scheduler/health',
        '/api/key-pool/health',
        '/api/health',
        '/api/health/health_check',
        '/metrics',
        '/api/tickets',
        '/livez',
        '/readyz',
      ]) {
        assert.ok(paths.includes(path), path);
      }
      assert.equal((await call(base, '/docs')).status, 200);
    });
  });

  it('serves the page under a policy that lets nothing in from elsewhere', async () => {
    const page = await call(base, '/');
    assert.match(page.text, /<title>Gantry<\/title>/u);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/u);
    assert.ok(!policy.includes('unsafe-inline') && !policy.includes('http'));
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(page.headers.get('access-control-allow-origin'), null);
    assert.equal((await call(base, '/vendor/jsmpeg.js')).status, 200);
    for (const path of ['/tsconfig.json', '/vendor/jsmpeg.d.ts', '/%2e%2e/package.json', '/..%2fpackage.json'])
      assert.equal((await call(base, path)).status, 404, path);
  });
});

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
    world.cameras.set('b', record(config('b')));
  });
});
