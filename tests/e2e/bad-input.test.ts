import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGantry, type TestGantry, TestViewer } from '../support/gantry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let folder: string;
let gantry: TestGantry;

before(async () => {
  folder = temporaryFolder();
  gantry = await startTestGantry(folder, { redisUrl: 'off' });
  // Nothing listens there: a camera that never comes online must not keep anything from working.
  const added = await gantry.request('POST', '/api/cameras', {
    cameraId: 'taken',
    url: 'rtsp://admin:hunter2@127.0.0.1:9/live',
  });
  assert.equal(added.status, 201);
});
after(async () => {
  await gantry?.stop();
});

const URL_OK = 'rtsp://192.0.2.1/live';
for (const { name, method = 'POST', path = '/api/cameras', body, status, field } of [
  { name: 'a local file as source', body: { cameraId: 'a', url: 'file:///etc/passwd' }, status: 400, field: 'url' },
  { name: 'another scheme', body: { cameraId: 'a', url: 'http://192.0.2.1/live' }, status: 400, field: 'url' },
  { name: 'no URL at all', body: { cameraId: 'a', url: 'live' }, status: 400, field: 'url' },
  {
    name: 'an ffmpeg protocol in disguise',
    body: { cameraId: 'a', url: 'concat:/etc/passwd' },
    status: 400,
    field: 'url',
  },
  {
    name: 'the metadata address',
    body: { cameraId: 'a', url: 'rtsp://169.254.169.254/latest' },
    status: 400,
    field: 'url',
  },
  { name: 'a missing field', body: { cameraId: 'a' }, status: 400, field: 'url' },
  { name: 'a bad id', body: { cameraId: 'a b/c', url: URL_OK }, status: 400, field: 'cameraId' },
  { name: 'an unknown field', body: { cameraId: 'a', url: URL_OK, rtsp: 1 }, status: 400, field: 'rtsp' },
  {
    name: 'a wrong type',
    body: { cameraId: 'a', url: URL_OK, intervalSeconds: 'fast' },
    status: 400,
    field: 'intervalSeconds',
  },
  {
    name: 'a value out of range',
    body: { cameraId: 'a', url: URL_OK, intervalSeconds: 0 },
    status: 400,
    field: 'intervalSeconds',
  },
  { name: 'a duplicate id', body: { cameraId: 'taken', url: URL_OK }, status: 409, field: 'cameraId' },
  { name: 'an unknown camera', method: 'GET', path: '/api/cameras/nobody', body: undefined, status: 404, field: 'id' },
  {
    name: 'removing an unknown camera',
    method: 'DELETE',
    path: '/api/cameras/nobody',
    body: undefined,
    status: 404,
    field: 'id',
  },
  {
    name: 'changing an unknown camera',
    method: 'PATCH',
    path: '/api/cameras/nobody',
    body: { name: 'x' },
    status: 404,
    field: 'id',
  },
  {
    name: 'a change that changes nothing',
    method: 'PATCH',
    path: '/api/cameras/taken',
    body: {},
    status: 400,
    field: undefined,
  },
  {
    name: 'a body of 10 MB',
    body: { cameraId: 'a', url: URL_OK, name: 'x'.repeat(10 * 1024 * 1024) },
    status: 413,
    field: undefined,
  },
  {
    name: 'an image id that is none',
    method: 'GET',
    path: '/api/images/..%2f..%2fetc%2fpasswd',
    body: undefined,
    status: 400,
    field: 'imageId',
  },
]) {
  test(`${name} is answered ${status}${field === undefined ? '' : `, naming ${field}`}`, async () => {
    const reply = await gantry.request(method, path, body);
    assert.equal(reply.status, status, JSON.stringify(reply.json));
    assert.equal(typeof reply.json.code, 'string');
    assert.ok(reply.json.message.length > 5);
    if (field !== undefined) assert.equal(reply.json.field, field, JSON.stringify(reply.json));
  });
}

test('JSON that is none and text that is no JSON are refused', async () => {
  const post = (type: string, body: string) =>
    fetch(new URL('/api/cameras', gantry.url), { method: 'POST', headers: { 'content-type': type }, body });
  assert.equal((await post('application/json', '{"cameraId":')).status, 400);
  assert.equal((await post('text/plain', 'hello')).status, 415);
});

for (const { name, message, field } of [
  { name: 'text that is no JSON', message: 'hello', field: undefined },
  { name: 'an unknown type', message: { type: 'start_stream', data: {} }, field: 'type' },
  { name: 'a bad camera id', message: { type: 'subscribe', data: { cameraIds: ['a b'] } }, field: 'cameraIds' },
  { name: 'cameraIds that is no list', message: { type: 'subscribe', data: { cameraIds: 'all' } }, field: 'cameraIds' },
]) {
  test(`WebSocket: ${name} is answered with an error and the connection stays`, async (t) => {
    const viewer = await TestViewer.open(gantry.url);
    t.after(() => viewer.close());
    viewer.send(message);
    const { data } = await until('an error', () => viewer.messages.find(({ type }) => type === 'error'));
    assert.equal(typeof data.code, 'string');
    if (field !== undefined) assert.match(String(data.field), new RegExp(field));
    viewer.send({ type: 'ping' });
    await until('a pong', () => viewer.messages.some(({ type }) => type === 'pong'));
  });
}

test('passwords of cameras are not shown anywhere', async () => {
  await until(
    'the camera was tried',
    async () => (await gantry.request('GET', '/api/cameras/taken')).json.status.state === 'offline',
  );
  for (const path of ['/api/cameras', '/api/cameras/taken', '/api/supervisor/tree', '/api/health', '/metrics']) {
    const text = await (await fetch(new URL(path, gantry.url))).text();
    assert.ok(!text.includes('hunter2'), path);
  }
});

test('after all of it Gantry is well, and its cameras are there again after a restart', async () => {
  const tree = JSON.stringify((await gantry.request('GET', '/api/supervisor/tree')).json);
  assert.doesNotMatch(tree, /"restarts":[1-9]/);
  await gantry.request('PATCH', '/api/cameras/taken', { name: 'Renamed', enabled: false });
  await gantry.stop();
  gantry = await startTestGantry(folder, { redisUrl: 'off' });
  const { json } = await gantry.request('GET', '/api/cameras/taken');
  assert.deepEqual(
    { name: json.name, enabled: json.enabled, state: json.status.state },
    { name: 'Renamed', enabled: false, state: 'offline' },
  );
  const removed = await gantry.request('DELETE', '/api/cameras/taken');
  assert.equal(removed.status, 204);
  assert.equal((await gantry.request('GET', '/api/cameras/taken')).status, 404);
});
