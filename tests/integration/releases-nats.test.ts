import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type OpenedReleases, openReleases } from '../../src/app/use-releases.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { call } from '../support/http-call.ts';
import { memoryLog } from '../support/log.ts';
import { ownNats } from '../support/own-servers.ts';
import { orderOf } from '../support/releases.ts';
import { until } from '../support/until.ts';

/** The requirement: a way back holds on all nodes within this time. */
const WITHIN_MS = 1_000;
/** A busy machine may delay a few. */
const TRIES = 3;

it('a promotion and the way back hold on two nodes within a second, and outlive both', async (t) => {
  const nats = await ownNats(t, '');
  const node = async (): Promise<OpenedReleases> => {
    const log = memoryLog();
    const bus = await NatsBus.open({ url: `nats://127.0.0.1:${nats.port}`, startTimeoutMs: 30_000, log });
    t.after(() => bus.close());
    const opened = await openReleases(bus.link, log);
    t.after(() => opened.close());
    return opened;
  };
  const [here, there] = await Promise.all([node(), node()]);
  const world = Object.assign(new FakeWorld(), { releases: here.book });
  const server = await fakeServer(world);
  t.after(() => server.close());
  const base = await server.listen('127.0.0.1', 0);
  const post = async (path: string): Promise<void> => {
    const { status, text } = await call(base, `/api/releases/${path}`, { method: 'POST' });
    assert.equal(status, 200, text);
  };
  /** Time of each change on the other node, by its state, in ms of the monotonic clock. */
  const changed = new Map<string, number>();
  let name = '';
  there.book.onChange(() => changed.set(`${name} ${there.book.get(name)?.state ?? 'none'}`, performance.now()));

  /** The longer of both ways, in ms. */
  const thereAndBack = async (): Promise<number> => {
    await here.book.start(orderOf(name), [], { by: 'root', at: Date.now() });
    await until('the other node to know it', () => there.book.now.running?.releaseId === name);
    await assert.rejects(there.book.start(orderOf('two'), [], { by: 'eva', at: Date.now() }), { refusal: 'running' });
    let mostMs = 0;
    for (const [path, state] of [
      ['promote', 'promoted'],
      ['rollback', 'rolled-back'],
    ] as const) {
      await post(`${name}/${path}`);
      const repliedAt = performance.now();
      assert.equal(here.book.get(name)?.state, state, 'here before the reply');
      const at = await until(`${state} on the other node`, () => changed.get(`${name} ${state}`));
      mostMs = Math.max(mostMs, at - repliedAt);
      assert.deepEqual(there.book.now, here.book.now);
    }
    return mostMs;
  };
  const took: number[] = [];
  while (took.length < TRIES && !took.some((ms) => ms < WITHIN_MS)) {
    name = `one-${took.length}`;
    took.push(await thereAndBack());
  }
  assert.ok(Math.min(...took) < WITHIN_MS, `took ${took.join(', ')} ms`);
  assert.deepEqual(there.book.now, { present: {}, running: null });

  // A node that starts later reads the same.
  const restarted = await node();
  assert.deepEqual(restarted.book.list(), here.book.list());
});
