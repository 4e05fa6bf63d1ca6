import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HttpServer } from '../../src/http/server.ts';
import { ReleaseFigures } from '../../src/releases/release-figures.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { call, type Reply } from '../support/http-call.ts';
import { judgementOf, pairOf } from '../support/releases.ts';

describe('releases over HTTP', () => {
  const world = new FakeWorld().add('a', 'b', 'c', 'd');
  let server: HttpServer;
  let base = '';
  before(async () => {
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());

  const send = (method: string, path: string, body?: object): Promise<Reply> =>
    call(base, `/api/releases${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });

  it('refuse a bad one by its field', async () => {
    const changes = { model: 'm' };
    for (const [field, body] of [
      ['releaseId', { releaseId: 'No Good', changes }],
      ['changes', { releaseId: 'r', changes: {} }],
      ['changes', { releaseId: 'r', changes: { prompts: {} } }],
      ['percent', { releaseId: 'r', changes, percent: 101 }],
      ['by', { releaseId: 'r', changes: { detector: 'yolox-tiny' }, by: 'group' }],
      ['by', { releaseId: 'r', changes: { thresholds: { queue: { minVehicles: 3 } } }, by: 'group' }],
      ['changes.detector', { releaseId: 'r', changes: { detector: 'no-such' } }],
      ['limits.minAnswers', { releaseId: 'r', changes, limits: { minAnswers: 0 } }],
    ] as const) {
      const { status, json } = await send('POST', '', body);
      assert.deepEqual([status, json['field']], [400, field], JSON.stringify(json));
    }
    assert.deepEqual(world.releases.list(), []);
  });

  it('start, widen, promote and go back, each with an entry in the audit', async () => {
    const started = await send('POST', '', {
      releaseId: 'nano',
      changes: { detector: 'yolox-nano' },
      mode: 'share',
      percent: 50,
    });
    assert.equal(started.status, 201, started.text);
    assert.deepEqual(world.releases.now.running?.by, 'camera');
    assert.equal(world.releases.now.running?.cameras.in.length, 2);
    const first = world.releases.now.running?.cameras.in ?? [];
    const second = await send('POST', '', { releaseId: 'other', changes: { model: 'm' } });
    assert.deepEqual([second.status, second.json['code']], [409, 'RELEASE_RUNNING']);
    assert.equal((await send('DELETE', '/nano')).status, 409);

    const widened = await send('PATCH', '/nano', { percent: 75 });
    assert.equal(widened.status, 200, widened.text);
    const cameras = world.releases.now.running?.cameras.in ?? [];
    assert.equal(cameras.length, 3);
    assert.ok(
      first.every((id) => cameras.includes(id)),
      'a larger share only adds',
    );
    assert.equal((await send('PATCH', '/nano', {})).status, 400);

    assert.equal((await send('POST', '/nano/promote')).status, 200);
    assert.deepEqual(world.releases.now, { present: { detector: 'yolox-nano' }, running: null });
    assert.equal((await send('PATCH', '/nano', { percent: 10 })).json['code'], 'RELEASE_ENDED');
    assert.equal((await send('POST', '/nano/rollback', { reason: 'misses vans' })).status, 200);
    assert.equal((await send('POST', '/nano/rollback')).status, 200, 'a second time changes nothing');
    assert.deepEqual(world.releases.now, { present: {}, running: null });
    assert.equal(world.releases.get('nano')?.reason, 'misses vans');
    const list = await send('GET', '');
    assert.match(list.text, /"releaseId":"nano".*"cameras":\{"in":0,"out":0\}/u);
    assert.equal((await send('DELETE', '/nano')).status, 204);
    assert.equal((await send('GET', '/nano')).json['code'], 'UNKNOWN_RELEASE');
    assert.deepEqual(
      world.audited.map(({ action }) => action.replace('release.', '')),
      ['start', 'change', 'promote', 'rollback', 'rollback', 'remove'],
    );
  });

  it('show the figures, with the pictures of alerts that only one way raised', async () => {
    const started = await send('POST', '', { releaseId: 'mini', changes: { model: 'mini' } });
    assert.equal(started.status, 201, started.text);
    const figures = new ReleaseFigures();
    figures.add({ ...pairOf('mini', judgementOf('low'), judgementOf('high')), cropId: 'crop-1' }, 10);
    world.releaseFigures.set('mini', figures);
    const { status, json, text } = await send('GET', '/mini');
    assert.equal(status, 200, text);
    assert.match(text, /"imageUrl":"\/api\/images\/crop-1"/u);
    assert.match(JSON.stringify(json['release']), /"mode":"shadow","by":"group","percent":100/u);
    assert.match(text, /"raisedBy":"candidate"/u);
  });
});
