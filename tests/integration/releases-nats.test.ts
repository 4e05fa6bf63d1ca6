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
    const { status, text } = await call(base, `/api/releases/one/${path}`, { method: 'POST' });
    assert.equal(status, 200, text);
  };
  /** Time of each change on the other node, by its state, in ms of the monotonic clock. */
  const changed = new Map<string, number>();
  there.book.onChange(() => changed.set(there.book.get('one')?.state ?? 'none', performance.now()));

  await here.book.start(orderOf('one'), [], { by: 'root', at: Date.now() });
  await until('the other node to know it', () => there.book.now.running?.releaseId === 'one');
  await assert.rejects(there.book.start(orderOf('two'), [], { by: 'eva', at: Date.now() }), { refusal: 'running' });
  for (const [path, state] of [
    ['promote', 'promoted'],
    ['rollback', 'rolled-back'],
  ] as const) {
    await post(path);
    const repliedAt = performance.now();
    assert.equal(here.book.get('one')?.state, state, 'here before the reply');
    await until(`${state} on the other node`, () => changed.has(state));
    const tookMs = (changed.get(state) ?? Infinity) - repliedAt;
    assert.ok(tookMs < WITHIN_MS, `${state} took ${tookMs} ms`);
    assert.deepEqual(there.book.now, here.book.now);
  }
  assert.deepEqual(there.book.now, { present: {}, running: null });

  // A node that starts later reads the same.
  const restarted = await node();
  assert.deepEqual(restarted.book.list(), here.book.list());
});
