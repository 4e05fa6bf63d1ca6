import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate, countedBin, incidentOf } from '../support/http-samples.ts';

async function served(t: TestContext) {
  const world = new FakeWorld().add('north');
  const { app, close } = await fakeServer(world);
  t.after(() => close());
  const get = async (url: string) => {
    const reply = await app.inject({ method: 'GET', url, headers: { host: 'localhost' } });
    return { status: reply.statusCode, json: reply.json<Record<string, unknown>>() };
  };
  return { world, get };
}

describe('counts over HTTP', () => {
  it('are those of a camera, also once it is removed, by bin and span', async (t) => {
    const { world, get } = await served(t);
    const bin = countedBin('2026-01-01T00:00:00Z');
    world.counts.set('gone', [bin]);
    assert.deepEqual(await get('/api/cameras/gone/counts?bin=1&from=2026-01-01T00:00:00Z&to=2026-01-01T00:30:00Z'), {
      status: 200,
      json: { cameraId: 'gone', bins: [bin], next: null },
    });
    assert.deepEqual(world.countQueries.at(-1), {
      cameraId: 'gone',
      seconds: 60,
      from: Date.parse('2026-01-01T00:00:00Z'),
      to: Date.parse('2026-01-01T00:30:00Z'),
    });
    assert.equal((await get('/api/cameras/north/counts')).status, 200);
    const query = world.countQueries.at(-1)!;
    assert.deepEqual([query.seconds, query.to - query.from], [900, 24 * 3_600_000]);
  });

  for (const [situation, url, status, code, field] of [
    ['bins that there are not', '/api/cameras/north/counts?bin=5', 400, 'INVALID_FIELD', 'bin'],
    [
      'times the wrong way round',
      '/api/cameras/north/counts?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      400,
      'INVALID_FIELD',
      'to',
    ],
    ['a field that there is not', '/api/cameras/north/counts?bins=1', 400, 'UNKNOWN_FIELD', 'bins'],
    ['an unknown camera', '/api/cameras/nobody/counts', 404, 'UNKNOWN_CAMERA', 'id'],
    ['an unknown alert', '/api/alerts/nobody-1', 404, 'UNKNOWN_ALERT', 'id'],
    ['an alert of an id that cannot be', '/api/alerts/a%20b', 400, 'INVALID_FIELD', 'id'],
  ] as const)
    it(`refuse ${situation}`, async (t) => {
      const { get } = await served(t);
      const { status: found, json } = await get(url);
      assert.deepEqual([found, json['code'], json['field']], [status, code, field]);
    });
});

describe('an alert over HTTP', () => {
  it('is a record, by its id or that of its incident', async (t) => {
    const { world, get } = await served(t);
    const frame = aggregate('north', { risk: 'high' });
    const alert = { ...frame, incidents: [incidentOf(frame.requestId)] };
    world.alertLists.set('north', [alert]);
    for (const id of [frame.requestId, 'north-abc12-7']) {
      const { status, json } = await get(`/api/alerts/${id}`);
      assert.equal(status, 200);
      assert.deepEqual(json['alert'], alert);
    }
  });
});
