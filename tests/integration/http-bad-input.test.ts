import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { call, post } from '../support/http-call.ts';
import { BOW_TIE, SCENE } from '../support/http-samples.ts';

const put = (body: unknown): RequestInit => ({ ...post(body), method: 'PUT' });
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
    'a freshness of nothing',
    '/api/cameras',
    post({ ...good, freshnessSeconds: 0.1 }),
    { status: 400, code: 'INVALID_FIELD', field: 'freshnessSeconds', value: 0.1 },
  ],
  [
    'an empty prompt',
    '/api/cameras',
    post({ ...good, prompt: ' ' }),
    { status: 400, code: 'INVALID_FIELD', field: 'prompt' },
  ],
  [
    'an unknown transport',
    '/api/cameras',
    post({ ...good, transport: 'sctp' }),
    { status: 400, code: 'INVALID_FIELD', field: 'transport', value: 'sctp' },
  ],
  [
    'a digest of a certificate that is too short',
    '/api/cameras',
    post({ ...good, certificateSha256: 'ab:cd' }),
    { status: 400, code: 'INVALID_FIELD', field: 'certificateSha256', value: 'ab:cd' },
  ],
  [
    'a null where there is nothing to take away',
    '/api/cameras',
    post({ ...good, prompt: null }),
    { status: 400, code: 'INVALID_FIELD', field: 'prompt', value: null },
  ],
  [
    'a scene without a size',
    '/api/cameras',
    post({ ...good, scene: { zones: [] } }),
    { status: 400, code: 'MISSING_FIELD', field: 'scene.width', value: null },
  ],
  [
    'an unknown kind of zone',
    '/api/cameras',
    post({ ...good, scene: { ...SCENE, zones: [SCENE.zones[0], { ...SCENE.zones[0], id: 'b', kind: 'river' }] } }),
    { status: 400, code: 'INVALID_FIELD', field: 'scene.zones[1].kind', value: 'river' },
  ],
  [
    'a zone that crosses itself',
    '/api/cameras/north/scene',
    put({ ...SCENE, zones: [SCENE.zones[0], { id: 'b', kind: 'junction', polygon: BOW_TIE }] }),
    { status: 400, code: 'INVALID_FIELD', field: 'zones[1].polygon', value: JSON.stringify(BOW_TIE) },
  ],
  [
    'a corner outside the picture',
    '/api/cameras/north/scene',
    put({ ...SCENE, zones: [{ ...SCENE.zones[0], polygon: [...BOW_TIE.slice(0, 2), [300, 721]] }] }),
    { status: 400, code: 'INVALID_FIELD', field: 'zones[0].polygon[2]', value: '[300,721]' },
  ],
  [
    'a calibration of points on one line',
    '/api/cameras/north/scene',
    put({ ...SCENE, calibration: [1, 2, 3, 4].map((n) => ({ image: [n * 100, n * 100], road: [n, n] })) }),
    { status: 400, code: 'INVALID_FIELD', field: 'calibration' },
  ],
  [
    'a threshold of a kind that does not exist',
    '/api/cameras/north/scene',
    put({ ...SCENE, thresholds: { loitering: { enabled: true } } }),
    { status: 400, code: 'UNKNOWN_FIELD', field: 'thresholds.loitering' },
  ],
  [
    'a scene for a camera that is not there',
    '/api/cameras/nobody/scene',
    put(SCENE),
    { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' },
  ],
  ['no scene', '/api/cameras/north/scene', {}, { status: 404, code: 'NO_SCENE', field: 'id', value: 'north' }],
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
  ['an unknown id', '/api/cameras/nobody', {}, { status: 404, code: 'UNKNOWN_CAMERA', field: 'id', value: 'nobody' }],
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
  ['an id that cannot be', '/api/cameras/a%20b', {}, { status: 400, code: 'INVALID_FIELD', field: 'id', value: 'a b' }],
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
  ['a WebSocket address without a WebSocket', '/ws', {}, { status: 426, code: 'UPGRADE_REQUIRED', field: 'upgrade' }],
];

describe('bad input to the HTTP API', () => {
  const world = new FakeWorld();
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let base = '';
  before(async () => {
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());
  beforeEach(() => world.cameras.clear());

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
    const { headers } = await call(base, '/api/cameras/x', { method: 'PUT' });
    assert.equal(headers.get('allow'), 'DELETE, GET, HEAD, PATCH');
  });
});
