import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { byteRange } from '../../src/http/resources/byte-range.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';

describe('a byte range', () => {
  it('is one part of what there is', () => {
    const cases: readonly [string | undefined, ReturnType<typeof byteRange>][] = [
      [undefined, null],
      ['bytes=0-0', { first: 0, last: 0 }],
      ['bytes=5-', { first: 5, last: 9 }],
      ['bytes=5-100', { first: 5, last: 9 }],
      ['bytes=-3', { first: 7, last: 9 }],
      ['bytes=-100', { first: 0, last: 9 }],
      ['Bytes= 2-4', { first: 2, last: 4 }],
      ['bytes=10-', 'unsatisfiable'],
      ['bytes=-0', 'unsatisfiable'],
      ['bytes=4-2', null],
      ['bytes=0-1,3-4', null],
      ['bytes=-', null],
      ['seconds=1-2', null],
      [`bytes=${'9'.repeat(16)}-`, null],
    ];
    for (const [header, range] of cases) assert.deepEqual(byteRange(header, 10), range, header);
  });

  it('is within the bytes, whatever the header', () => {
    const header = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), fc.nat()).map(([from, to]) => `bytes=${from}-${to}`),
    );
    fc.assert(
      fc.property(header, fc.integer({ min: 1, max: 2 ** 31 }), (text, size) => {
        const range = byteRange(text, size);
        if (range === null || range === 'unsatisfiable') return true;
        return range.first >= 0 && range.first <= range.last && range.last < size;
      }),
    );
  });
});

const NOW = Date.parse('2026-11-27T12:00:00Z');
const span = { from: '2026-11-27T11:59:55.000Z', to: '2026-11-27T12:00:05.000Z' };

async function setUp(t: TestContext, options: { readonly token?: string } = {}) {
  const world = new FakeWorld();
  const clock = new ManualClock(NOW);
  const server = await fakeServer(world, { clock, ...options });
  t.after(() => server.close());
  const mp4 = Uint8Array.from({ length: 2_500 }, (_, index) => index % 251);
  const id = newRequestId(NOW - 60_000);
  await world.clips.put(id, mp4, span);
  const get = (headers: Record<string, string> = {}, of = id, method: 'GET' | 'HEAD' = 'GET') =>
    server.app.inject({ method, url: `/api/alerts/${of}/clip.mp4`, headers });
  return { world, clock, server, mp4: Buffer.from(mp4), id, get };
}

describe('the clip of an alert', () => {
  it('comes whole, or the part that is asked for', async (t) => {
    const { mp4, id, get } = await setUp(t);
    const whole = await get();
    assert.equal(whole.statusCode, 200);
    assert.deepEqual(whole.rawPayload, mp4);
    assert.equal(whole.headers['content-type'], 'video/mp4');
    assert.equal(whole.headers['content-length'], '2500');
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    assert.equal(whole.headers['cache-control'], 'private, max-age=300, immutable');
    const part = await get({ range: 'bytes=900-2100' });
    assert.equal(part.statusCode, 206);
    assert.equal(part.headers['content-range'], 'bytes 900-2100/2500');
    assert.deepEqual(part.rawPayload, mp4.subarray(900, 2_101));
    assert.deepEqual((await get({ range: 'bytes=-1' })).rawPayload, mp4.subarray(-1));
    assert.equal((await get({ range: 'bytes=0-9', 'if-range': `"${id}"` })).statusCode, 206);
    assert.equal((await get({ range: 'bytes=0-9', 'if-range': '"another"' })).statusCode, 200);
  });

  it('is described without its bytes', async (t) => {
    const { get, id, world } = await setUp(t);
    world.clips.parts.clear();
    const head = await get({}, id, 'HEAD');
    assert.equal(head.statusCode, 200);
    assert.equal(head.headers['content-length'], '2500');
    assert.equal(head.rawPayload.byteLength, 0);
  });

  it('is refused for bytes that do not exist', async (t) => {
    const { get } = await setUp(t);
    const reply = await get({ range: 'bytes=2500-' });
    assert.equal(reply.statusCode, 416);
    assert.equal(reply.headers['content-range'], 'bytes */2500');
    assert.deepEqual(reply.json(), {
      code: 'RANGE_NOT_SATISFIABLE',
      message: 'range: the clip has 2500 bytes',
      field: 'range',
      value: 'bytes=2500-',
    });
  });

  it('says why there is none, and when it will be there', async (t) => {
    const { world, get, id } = await setUp(t);
    const young = await get({}, newRequestId(NOW - 2_500));
    assert.equal(young.statusCode, 404);
    assert.equal(young.headers['retry-after'], '6');
    assert.equal(young.json().code, 'CLIP_NOT_FOUND');
    assert.match(young.json().message, /is ready in about 6 s$/u);
    const old = await get({}, newRequestId(NOW - 60_000));
    assert.equal(old.headers['retry-after'], undefined);
    assert.match(old.json().message, /never made, or is no longer kept/u);
    const none = newRequestId(NOW - 1_000);
    await world.clips.putNone(none, 'the camera sends MJPEG');
    assert.match((await get({}, none)).json().message, /: the camera sends MJPEG$/u);
    world.clips.parts.delete(`${id} 0`);
    const gone = await get();
    assert.equal(gone.statusCode, 404);
    assert.match(gone.json().message, /made room for newer ones/u);
    assert.equal(gone.headers['cache-control'], 'no-store');
    world.clips.down = true;
    assert.equal((await get()).statusCode, 503);
    assert.equal((await get({}, 'nonsense')).statusCode, 400);
  });

  it('breaks off when a later part is gone, so that nobody takes it for whole', async (t) => {
    const { world, get, id } = await setUp(t);
    world.clips.parts.delete(`${id} 2`);
    await assert.rejects(get());
  });

  it('needs the token, or a ticket in the address', async (t) => {
    const token = 'a'.repeat(32);
    const { server, get, id } = await setUp(t, { token });
    assert.equal((await get()).statusCode, 401);
    const authorization = `Bearer ${token}`;
    assert.equal((await get({ authorization })).statusCode, 200);
    const { ticket } = (
      await server.app.inject({ method: 'POST', url: '/api/tickets', headers: { authorization } })
    ).json();
    const url = `/api/alerts/${id}/clip.mp4?ticket=${encodeURIComponent(ticket)}`;
    assert.equal((await server.app.inject(url)).statusCode, 200);
  });
});
