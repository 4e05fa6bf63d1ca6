import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { explainedTree } from '../../src/http/resources/tree-why.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate, healthy } from '../support/http-samples.ts';
import { budget } from '../support/system-samples.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { pageAssets } from '../support/built-page.ts';
import { call, post } from '../support/http-call.ts';

type Server = Awaited<ReturnType<typeof fakeServer>>;

const { script } = await pageAssets();

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

    it('may have settings of their own, which a null takes away', async () => {
      const patch = (body: object) => call(base, '/api/cameras/school', { ...post(body), method: 'PATCH' });
      const stream = { transport: 'tcp', certificateSha256: 'ab'.repeat(32) };
      const own = { freshnessSeconds: 1.5, prompt: 'a school crossing', ...stream };
      const added = await call(
        base,
        '/api/cameras',
        post({ cameraId: 'school', url: 'rtsp://192.0.2.1/x', ...own, prompt: '  a school crossing ' }),
      );
      assert.deepEqual({ ...added.json, ...own }, added.json);
      assert.equal((await patch({ freshnessSeconds: 4 })).json['freshnessSeconds'], 4);
      assert.equal((await call(base, '/api/cameras/school')).json['prompt'], 'a school crossing');
      assert.equal((await patch({ transport: 'udp' })).json['transport'], 'udp');
      const cleared = await patch({ freshnessSeconds: null, prompt: null, transport: null, certificateSha256: null });
      assert.equal(cleared.status, 200);
      assert.deepEqual(
        Object.keys(own).filter((name) => name in cleared.json),
        [],
      );
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
      assert.deepEqual(json['tree'], explainedTree(world.treeNow));
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

    it('show how the calls are spent, and 503 while no scheduler answers', async (t) => {
      const { status, json } = await call(base, '/api/budget');
      assert.deepEqual({ status, json }, { status: 200, json: { code: 200, data: budget } });
      t.after(() => (world.failing = null));
      world.failing = new InfraError('BUS_DOWN', 'no process with the role scheduler answers');
      assert.equal((await call(base, '/api/budget')).status, 503);
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

    it('give metrics in OpenMetrics to those who ask for it', async () => {
      const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
      const reply = await call(base, '/metrics', { headers: { accept } });
      assert.match(reply.headers.get('content-type') ?? '', /^application\/openmetrics-text; version=1\.0\.0/u);
      assert.match(reply.text, /# EOF\n$/u);
    });

    it('describe every address in OpenAPI', async () => {
      const { json } = await call(base, '/docs/json');
      const paths = Object.keys(json['paths'] as object);
      for (const path of [
        '/api/cameras',
        '/api/cameras/{id}',
        '/api/cameras/{id}/scene',
        '/api/cameras/{id}/latest',
        '/api/cameras/{id}/alerts',
        '/api/cameras/{id}/counts',
        '/api/cameras/{id}/alerts/history',
        '/api/alerts/history',
        '/api/alerts/{id}',
        '/api/cameras/{id}/snapshot.jpg',
        '/api/images/{imageId}',
        '/api/supervisor/tree',
        '/api/dead-letters',
        '/api/dead-letters/{id}',
        '/api/dead-letters/{id}/replay',
        '/api/scheduler/stats',
        '/api/scheduler/health',
        '/api/budget',
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
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    const asset = await call(base, script);
    assert.equal(asset.status, 200);
    assert.match(asset.headers.get('cache-control') ?? '', /immutable/u);
    for (const path of ['/tsconfig.json', '/assets/', '/assets/none.js', '/%2e%2e/package.json', '/..%2fpackage.json'])
      assert.equal((await call(base, path)).status, 404, path);
  });
});
