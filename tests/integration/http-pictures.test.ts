import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frameImageId, newRequestId } from '../../src/messages/ids.ts';
import { aggregate } from '../support/http-samples.ts';
import { serve } from '../support/http-served.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { until } from '../support/until.ts';

const newPath = (): string => `/api/images/${frameImageId(newRequestId())}`;

describe('a picture that is not stored yet', () => {
  it('is sent once it is stored, by its id and as the snapshot of its camera', async (t) => {
    const { world, ask } = await serve(t);
    const jpeg = await makeJpeg();
    world.imageArrives = () => new Promise((resolve) => setTimeout(() => resolve(jpeg), 50));
    world.add('north');
    world.latest.set('north', aggregate('north'));
    for (const path of [newPath(), '/api/cameras/north/snapshot.jpg']) {
      const reply = await ask(path);
      assert.deepEqual(Buffer.from(await reply.arrayBuffer()), jpeg, path);
    }
  });

  it('is no longer waited for when its client leaves', async (t) => {
    const { world, server, ask } = await serve(t);
    let ended = false;
    let waiting = false;
    world.imageArrives = (_id, signal) => {
      waiting = true;
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          ended = true;
          reject(new Error('aborted'));
        });
      });
    };
    const client = new AbortController();
    const asking = ask(newPath(), { signal: client.signal });
    await until('the request waits', () => waiting);
    client.abort();
    await assert.rejects(asking, { name: 'AbortError' });
    await until('the wait ends', () => ended);
    assert.deepEqual(
      server.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });

  it('is waited for by a bounded number of requests of one address; stored ones are sent all the same', async (t) => {
    const { world, server, ask } = await serve(t);
    const released = Promise.withResolvers<null>();
    let waiting = 0;
    world.imageArrives = () => {
      waiting += 1;
      return released.promise;
    };
    const asked = Array.from({ length: 32 }, () => ask(newPath()));
    await until('all of them wait', () => waiting === 32);
    const refused = await ask(newPath());
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('retry-after'), '5');
    assert.equal(refused.headers.get('cache-control'), 'no-store');
    assert.equal(((await refused.json()) as { code: string }).code, 'TOO_MANY');
    assert.equal(server.refused().images, 1);
    world.add('north');
    const frame = world.saw(aggregate('north'), await makeJpeg());
    assert.equal((await ask(`/api/images/${frame.imageId}`)).status, 200);
    released.resolve(null);
    assert.deepEqual(new Set((await Promise.all(asked)).map(({ status }) => status)), new Set([404]));
    assert.equal((await ask(newPath())).status, 404, 'the places are free again');
  });
});
