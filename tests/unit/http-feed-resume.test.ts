import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS, type HttpLimits } from '../../src/http/http-limits.ts';
import { LiveFeed } from '../../src/http/live-feed.ts';
import type { FeedHistory, StoredAggregate } from '../../src/http/feed/missed-alerts.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { ANYONE } from '../../src/messages/principal.ts';
import { EVERYTHING, FakeSocket } from '../support/feed-socket.ts';
import { FakeWorld } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';

/** What the streams hold, which can be out of reach. */
class FakeHistory implements FeedHistory {
  readonly aggregates: StoredAggregate[] = [];
  readonly kept: StoredAggregate[] = [];
  down = false;
  reads = 0;

  async after(seq: number, limit: number): Promise<readonly StoredAggregate[]> {
    this.#check();
    return this.aggregates.filter((each) => each.seq > seq).slice(0, limit);
  }
  async alerts(
    from: { readonly seq: number } | { readonly time: number },
    limit: number,
  ): Promise<readonly StoredAggregate[]> {
    this.#check();
    return this.kept
      .filter((each) => ('seq' in from ? each.seq >= from.seq : each.storedAt >= from.time))
      .slice(0, limit);
  }
  #check(): void {
    this.reads += 1;
    if (this.down) throw new Error('NATS is down');
  }
}

function setUp(limits: Partial<HttpLimits> = {}) {
  const clock = new ManualClock();
  const world = new FakeWorld().add('a', 'b');
  const history = new FakeHistory();
  const feed = new LiveFeed({
    scope: EVERYTHING,
    cameras: world.ports().cameras,
    clock,
    log: memoryLog(),
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  feed.use(history);
  let seq = 0;
  const store = (camera: string, risk: 'low' | 'high'): Aggregate => {
    seq += 1;
    const one = aggregate(camera, { risk, timestamp: new Date(clock.now() + seq).toISOString() });
    history.aggregates.push({ aggregate: one, seq, storedAt: clock.now() });
    if (risk === 'high') history.kept.push({ aggregate: one, seq: 1_000 + history.kept.length, storedAt: clock.now() });
    return one;
  };
  /** Stored, and sent live. */
  const happens = (camera: string, risk: 'low' | 'high'): Aggregate => {
    const one = store(camera, risk);
    feed.publish(one, { seq, through: seq });
    return one;
  };
  const join = async (data: object = {}) => {
    const socket = new FakeSocket();
    const viewer = feed.connect(socket, ANYONE);
    viewer.receive(JSON.stringify({ type: 'subscribe', data }));
    await settle();
    return { socket, viewer };
  };
  return { clock, history, feed, store, happens, join, seq: () => seq };
}

const ids = (data: readonly Record<string, unknown>[]): unknown[] => data.map(({ requestId }) => requestId);
const requests = (aggregates: readonly Aggregate[]): string[] => aggregates.map(({ requestId }) => requestId);

describe('a viewer that comes back', () => {
  it('is told at first where the feed is, and by every message', async () => {
    const { feed, happens, join } = setUp();
    feed.begin('e', 0);
    happens('a', 'high');
    const { socket } = await join();
    assert.equal(socket.of('connection_ack')[0]!['offset'], 'e-1');
    happens('a', 'high');
    assert.deepEqual(
      socket.sent.slice(-2).map(({ type, offset }) => [type, offset]),
      [
        ['alert', 'e-2'],
        ['detection_result', 'e-2'],
      ],
    );
  });

  it('gets each alert it missed, in order, then the newest frames, then live ones; of its cameras only', async () => {
    const { feed, happens, join } = setUp();
    feed.begin('e', 0);
    happens('a', 'high');
    const missed = [happens('a', 'high'), happens('b', 'high'), happens('a', 'high')];
    const newest = happens('a', 'low');
    const { socket } = await join({ cameraIds: ['a'], since: 'e-1' });
    const live = happens('a', 'high');
    assert.deepEqual(ids(socket.of('alert')), requests([missed[0]!, missed[2]!, live]));
    assert.deepEqual(ids(socket.of('detection_result')), requests([newest, live]));
    assert.deepEqual(
      socket.sent.filter(({ type }) => type === 'alert' || type === 'detection_result').map(({ offset }) => offset),
      ['e-2', 'e-4', 'e-5', 'e-6', 'e-6'],
    );
    assert.deepEqual(socket.of('gap'), []);
    assert.equal(feed.figures().replayed, 2);
  });

  it('gets from the stream what was before this server started, read once for all', async () => {
    const { feed, history, store, happens, join } = setUp();
    const missed = [store('a', 'high'), store('a', 'low'), store('a', 'high')];
    feed.begin('e', 3);
    const live = happens('a', 'high');
    const [one, two] = await Promise.all([join({ since: 'e-0' }), join({ since: 'e-0' })]);
    for (const { socket } of [one, two])
      assert.deepEqual(ids(socket.of('alert')), requests([missed[0]!, missed[2]!, live]));
    assert.equal(history.reads, 1);
    assert.deepEqual(ids(one.socket.of('detection_result')), requests([live]));
  });

  it('is told of a gap when what it missed is no longer there, and gets the alerts of the history', async () => {
    const { clock, feed, history, happens, store, join } = setUp();
    const missed = store('a', 'high');
    store('a', 'low');
    history.aggregates.splice(0, 1);
    feed.begin('e', 2);
    const live = happens('a', 'high');
    const { socket } = await join({ since: 'e-0', sinceTime: new Date(clock.now()).toISOString() });
    assert.deepEqual(ids(socket.of('alert')), requests([missed, live]));
    const gap = socket.sent.find(({ type }) => type === 'gap')!;
    assert.equal(gap.offset, 'e-3');
    assert.deepEqual(gap.data, {
      from: 'e-0',
      to: 'e-3',
      reason: 'too_old',
      missed: 3,
      alertsSince: new Date(clock.now() - 120_000).toISOString(),
      history: '/api/alerts/history',
    });
    assert.equal(feed.figures().gaps, 1);
  });

  it('is told of a gap after another life of the stream', async () => {
    const { feed, happens, store, join } = setUp();
    const missed = store('b', 'high');
    feed.begin('f', 1);
    happens('a', 'low');
    const { socket } = await join({ since: 'e-700' });
    assert.deepEqual(ids(socket.of('alert')), requests([missed]));
    assert.deepEqual(
      socket.of('gap').map(({ reason, missed: count, to }) => [reason, count, to]),
      [['other_stream', null, 'f-2']],
    );
    assert.equal(socket.of('detection_result').length, 1);
  });

  it('is told of a gap when it missed more than is kept, and from when on it has all alerts', async () => {
    const { clock, feed, happens, join } = setUp({ logAlerts: 2 });
    feed.begin('e', 0);
    for (let index = 0; index < 4; index += 1) {
      happens('a', 'high');
      await clock.advance(1_000);
    }
    const { socket } = await join({ since: 'e-1' });
    assert.equal(socket.of('alert').length, 2);
    const [gap] = socket.of('gap');
    assert.equal(gap!['reason'], 'too_much');
    assert.ok(Date.parse(String(gap!['alertsSince'])) > clock.now() - 4_000, 'later than the first ones');
  });

  it('goes on live while what it missed cannot be read, without places, and gets it when it can', async () => {
    const { clock, feed, history, store, happens, join } = setUp();
    const missed = store('a', 'high');
    feed.begin('e', 1);
    happens('a', 'low');
    history.down = true;
    const { socket } = await join({ since: 'e-0' });
    const live = happens('a', 'high');
    assert.deepEqual(ids(socket.of('alert')), requests([live]));
    assert.deepEqual(
      socket.of('gap').map(({ reason, to, alertsSince }) => [reason, to, alertsSince]),
      [['unreachable', null, null]],
    );
    assert.ok(
      socket.sent.every(({ type, offset }) => type === 'connection_ack' || offset === undefined),
      'should it leave now, it comes back for all',
    );
    history.down = false;
    await clock.advance(1_000);
    assert.deepEqual(ids(socket.of('alert')), requests([live, missed]));
    happens('a', 'low');
    assert.equal(socket.sent.at(-1)!.offset, 'e-4');
  });

  it('misses nothing that happens while what it missed is sent, however slowly it reads', async () => {
    const { clock, feed, happens, join } = setUp({ softBytes: 1 });
    feed.begin('e', 0);
    const all = Array.from({ length: 300 }, () => happens('a', 'high'));
    const socket = new FakeSocket();
    const viewer = feed.connect(socket, ANYONE);
    socket.stuck = true;
    viewer.receive(JSON.stringify({ type: 'subscribe', data: { since: 'e-0' } }));
    await settle();
    all.push(happens('a', 'high'));
    for (let turn = 0; turn < 1_000 && socket.of('alert').length < all.length; turn += 1) {
      socket.leave();
      await Promise.resolve();
      if (turn === 100) all.push(happens('a', 'high'));
    }
    assert.deepEqual(ids(socket.of('alert')), requests(all));
    assert.equal(socket.closed, null);
    await clock.advance(0);
    assert.equal((await join()).socket.of('alert').length, 0, 'who names no place gets what happens from now on');
  });

  it('is told which offset cannot be read', async () => {
    const { join } = setUp();
    const { socket } = await join({ since: 'yesterday' });
    assert.deepEqual(
      socket.of('error').map(({ code, field, value }) => [code, field, value]),
      [['INVALID_FIELD', 'data.since', 'yesterday']],
    );
  });
});

describe('a viewer when the stream behind the feed is lost', () => {
  it('gets the alerts nobody could read, is told of the gap, and goes on with new places', async () => {
    const { feed, store, happens, join, seq } = setUp();
    feed.begin('e', 0);
    const { socket } = await join();
    const known = happens('a', 'high');
    const unread = store('a', 'high');
    feed.lost();
    const between = aggregate('a', { risk: 'low' });
    feed.publish(between, { seq: 1, through: 1 });
    assert.equal(socket.sent.at(-1)!.offset, undefined);
    await feed.recovered('f', { epoch: 'e', seq: seq() }, new AbortController().signal);
    assert.deepEqual(ids(socket.of('alert')), requests([known, unread]));
    assert.deepEqual(
      socket.of('gap').map(({ from, to, reason }) => [from, to, reason]),
      [['e-2', 'f-1', 'stream_lost']],
    );
    feed.publish(aggregate('a'), { seq: 2, through: 2 });
    assert.equal(socket.sent.at(-1)!.offset, 'f-2');
  });

  it('is asked to connect again when it was being sent what it missed', async () => {
    const { feed, history, happens, join } = setUp();
    feed.begin('e', 5);
    happens('a', 'low');
    history.down = true;
    const { socket } = await join({ since: 'e-2' });
    feed.lost();
    assert.equal(socket.closed!.code, 1012);
  });
});
