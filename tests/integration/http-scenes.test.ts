import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { SceneView } from '../../src/http/schemas/scene-schema.ts';
import { call, post } from '../support/http-call.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { BOW_TIE, SCENE } from '../support/http-samples.ts';

describe('cameras, over HTTP', () => {
  const world = new FakeWorld();
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let base = '';
  before(async () => {
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());
  beforeEach(() => world.cameras.clear());

  it('have a scene that is put, shown with how well it fits, changed and taken away', async () => {
    world.add('north');
    const path = '/api/cameras/north/scene';
    const put = (body: object) => call(base, path, { ...post(body), method: 'PUT' });
    assert.deepEqual([(await call(base, path)).status, (await call(base, path)).json['code']], [404, 'NO_SCENE']);
    const made = await put(SCENE);
    assert.equal(made.status, 200);
    const { calibrationReport, changed, ...scene } = made.json as unknown as SceneView;
    assert.ok(changed !== null && Date.parse(changed.at) > 0);
    assert.deepEqual(scene, { ...SCENE, lines: [] });
    assert.equal(calibrationReport.calibrated, true);
    assert.ok(Number(calibrationReport.rmsPx) < 0.01 && Number(calibrationReport.rmsM) < 0.01, made.text);
    const shown = await call(base, path);
    assert.deepEqual(shown.json, made.json, 'its last change included');
    assert.equal((await put(shown.json)).status, 200, 'as it was shown it may be put back');
    assert.deepEqual(world.cameras.get('north')!.config.scene, scene);
    assert.deepEqual((await call(base, '/api/cameras/north')).json['scene'], scene);
    assert.ok(!('scene' in (await call(base, '/api/cameras')).json[0]!), 'the list is short');
    const { calibration: _, ...uncalibrated } = SCENE;
    assert.deepEqual((await put(uncalibrated)).json['calibrationReport'], {
      calibrated: false,
      rmsPx: null,
      maxPx: null,
      rmsM: null,
      maxM: null,
      pairs: [],
      camera: null,
    });
    assert.equal((await call(base, path, { method: 'DELETE' })).status, 204);
    assert.equal((await call(base, path, { method: 'DELETE' })).json['code'], 'NO_SCENE');
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const body = method === 'PUT' ? post(SCENE) : {};
      const unknown = await call(base, '/api/cameras/nobody/scene', { ...body, method });
      assert.deepEqual([unknown.status, unknown.json['code']], [404, 'UNKNOWN_CAMERA'], method);
    }
  });

  it('have a scene that changes only where it is the expected one, for those who name it', async () => {
    world.add('north');
    const path = '/api/cameras/north/scene';
    const send = (method: string, headers: Record<string, string>, body: object = SCENE, to = path) => {
      const { headers: json, ...init } = post(body);
      return call(base, to, { ...init, method, headers: { ...(json as Record<string, string>), ...headers } });
    };
    const slower = { ...SCENE, speedLimitKmh: 30 };
    const made = await send('PUT', { 'if-none-match': '*' });
    const tag = made.headers.get('etag') ?? '';
    assert.match(tag, /^"[\w-]{22}"$/u);
    const shown = await call(base, path);
    assert.equal(shown.headers.get('etag'), tag);
    assert.equal((shown.json['changed'] as { by: string }).by, 'anyone');
    assert.equal((await send('PUT', {}, shown.json)).headers.get('etag'), tag, 'the same scene has the same tag');

    const theirs = await send('PUT', { 'if-match': tag }, slower);
    assert.equal(theirs.status, 200);
    const late: readonly [string, Record<string, string>, object?, string?][] = [
      ['PUT', { 'if-match': tag }],
      ['PUT', { 'if-match': '"other", W/"another"' }],
      ['PUT', { 'if-none-match': '*' }],
      ['PATCH', { 'if-match': tag }, { name: 'never', scene: SCENE }, '/api/cameras/north'],
      ['PATCH', { 'if-match': tag }, { name: 'never' }, '/api/cameras/north'],
    ];
    for (const [method, headers, body, to] of late) {
      const refused = await send(method, headers, body, to);
      assert.deepEqual([refused.status, refused.json['code']], [412, 'SCENE_CHANGED'], `${method} ${refused.text}`);
      assert.equal(refused.json['field'], Object.keys(headers)[0]);
      assert.match(String(refused.json['message']), /north is not the expected one: anyone changed it at \d{4}-/u);
    }
    assert.equal((await call(base, path, { method: 'DELETE', headers: { 'if-match': tag } })).status, 412);
    assert.equal(world.cameras.get('north')!.config.scene?.speedLimitKmh, 30, 'nothing was changed');
    assert.equal(world.cameras.get('north')!.config.name, 'north');

    const weak = `"other", W/${theirs.headers.get('etag')}`;
    assert.equal((await send('PUT', { 'if-match': weak }, SCENE)).status, 200, 'a proxy may have made it weak');
    assert.equal((await send('PATCH', { 'if-match': tag }, { scene: slower }, '/api/cameras/north')).status, 200);
    assert.equal((await call(base, path, { method: 'DELETE', headers: { 'if-match': '*' } })).status, 204);
    assert.equal((await send('PUT', { 'if-match': '*' })).status, 412, 'there is none');
    const wrong: readonly Record<string, string>[] = [
      { 'if-match': 'untagged' },
      { 'if-match': '"a",' },
      { 'if-none-match': tag },
      { 'if-none-match': '*', 'if-match': tag },
    ];
    for (const headers of wrong) {
      const refused = await send('PUT', headers);
      assert.deepEqual([refused.status, refused.json['code']], [400, 'INVALID_FIELD'], JSON.stringify(headers));
    }
  });

  it('take a scene when they are added and changed, and lose it with a null', async () => {
    const patch = (body: object) => call(base, '/api/cameras/gate', { ...post(body), method: 'PATCH' });
    const added = await call(base, '/api/cameras', post({ cameraId: 'gate', url: 'rtsp://192.0.2.1/x', scene: SCENE }));
    assert.deepEqual([added.status, added.json['scene']], [201, { ...SCENE, lines: [] }]);
    const other = {
      width: 640,
      height: 360,
      thresholds: { speeding: { enabled: false, minLimitRatio: 1.5, minSeconds: 3 } },
    };
    assert.deepEqual((await patch({ scene: other })).json['scene'], { ...other, zones: [], lines: [] });
    const crossed = { ...SCENE, zones: [{ id: 'a', kind: 'lane', polygon: BOW_TIE }] };
    const refused = await patch({ name: 'never', scene: crossed });
    assert.deepEqual([refused.status, refused.json['field']], [400, 'scene.zones[0].polygon']);
    assert.equal(world.cameras.get('gate')!.config.name, 'gate');
    const cleared = await patch({ scene: null });
    assert.deepEqual([cleared.status, 'scene' in cleared.json], [200, false]);
  });

  it('have a scene tried on their last minutes, with the errors of a scene that is put', async () => {
    world.add('north');
    const tryOut = (body: object, id = 'north') => call(base, `/api/cameras/${id}/scene/dry-run`, post(body));
    const tried = await tryOut({ scene: { ...SCENE, calibrationReport: {} }, minutes: 3 });
    assert.deepEqual([tried.status, tried.json], [200, world.dryRunReport]);
    assert.deepEqual(world.dryRuns, [{ cameraId: 'north', scene: { ...SCENE, lines: [] }, minutes: 3 }]);
    assert.equal('scene' in world.cameras.get('north')!.config, false, 'nothing is kept');
    const crossed = { ...SCENE, zones: [{ id: 'a', kind: 'lane', polygon: BOW_TIE }] };
    const refusals: readonly [object, string][] = [
      [{ scene: crossed }, 'scene.zones[0].polygon'],
      [{ scene: { ...SCENE, width: 1 } }, 'scene.width'],
      [{ scene: SCENE, minutes: 11 }, 'minutes'],
      [{}, 'scene'],
    ];
    for (const [body, field] of refusals) {
      const refused = await tryOut(body);
      assert.deepEqual([refused.status, refused.json['field']], [400, field]);
    }
    const unknown = await tryOut({ scene: SCENE }, 'nobody');
    assert.deepEqual([unknown.status, unknown.json['code']], [404, 'UNKNOWN_CAMERA']);
    assert.equal(world.dryRuns.length, 2, 'a bad scene is not tried');
  });

  it('take the largest scene that there may be', async () => {
    world.add('north');
    const angle = (n: number): number => (n * 2 * Math.PI) / 64;
    const polygon = Array.from({ length: 64 }, (_, n) => [
      640 + 300 * Math.cos(angle(n)),
      360 + 300.123_456_789 * Math.sin(angle(n)),
    ]);
    const zones = Array.from({ length: 64 }, (_, n) => ({ id: `zone-${n}`, kind: 'junction', polygon }));
    const body = { ...SCENE, zones };
    const put = await call(base, '/api/cameras/north/scene', { ...post(body), method: 'PUT' });
    assert.equal(put.status, 200, put.text.slice(0, 200));
    const text = JSON.stringify({ ...body, zones: [...zones, ...zones] });
    assert.ok(text.length > 256 * 1024);
    const large = await call(base, '/api/cameras/north/scene', { ...post(text), method: 'PUT' });
    assert.deepEqual(
      [large.status, large.json['code'], large.json['message']],
      [413, 'BODY_TOO_LARGE', 'body: must have at most 262144 bytes'],
    );
    const many = { ...SCENE, zones: Array.from({ length: 65 }, (_, n) => ({ ...SCENE.zones[0], id: `z${n}` })) };
    const tooMany = await call(base, '/api/cameras/north/scene', { ...post(many), method: 'PUT' });
    assert.deepEqual([tooMany.status, tooMany.json['field']], [400, 'zones']);
  });
});
