import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { followFeed } from '../../src/app/follow-feed.ts';
import { followShedGroups, ShedGroups } from '../../src/app/shed-groups.ts';
import { DEFAULT_LIMITS } from '../../src/http/http-limits.ts';
import { LiveFeed } from '../../src/http/live-feed.ts';
import type { FollowOptions, Parser } from '../../src/infra/bus.ts';
import type { Aggregate, PushedAggregate } from '../../src/messages/aggregate.ts';
import type { RulesReason } from '../../src/messages/assessment.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { ANYONE } from '../../src/messages/principal.ts';
import { EVERYTHING, FakeSocket } from '../support/feed-socket.ts';
import { FakeWorld } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { detection, result } from '../support/samples.ts';

/** A bus whose follower can be cut off: what is stored meanwhile comes to it when it is back. */
class CutBus extends FakeTaskBus {
  readonly #late: (() => void)[] = [];

  override follow<T>(options: FollowOptions<T>): void {
    super.follow({
      ...options,
      onMessage: (message) => {
        if (this.down) this.#late.push(() => options.onMessage(message));
        else options.onMessage(message);
      },
    });
  }

  override setDown(down: boolean): void {
    super.setDown(down);
    if (!down) for (const bring of this.#late.splice(0)) bring();
  }
}

async function setUp() {
  const clock = new ManualClock();
  const bus = new CutBus(clock);
  const world = new FakeWorld().add('a');
  const feed = new LiveFeed({
    scope: EVERYTHING,
    cameras: world.ports().cameras,
    clock,
    log: memoryLog(),
    limits: DEFAULT_LIMITS,
  });
  let push: (one: PushedAggregate) => void = () => undefined;
  const redis = { follow: async (listener: typeof push) => void (push = listener) };
  const store = (more: Parameters<typeof aggregate>[1] = {}): PushedAggregate => {
    const one = aggregate('a', more);
    const { seq } = bus.streams.publish(subjects.aggregate('a'), one, one.requestId);
    if (one.riskAssessment.maxRiskLevel === 'high') bus.streams.publish(subjects.alert('a'), one, one.requestId);
    return { ...one, offset: seq };
  };
  const start = () => followFeed(bus, redis, feed, memoryLog(), { clock });
  const join = async () => {
    const socket = new FakeSocket();
    feed.connect(socket, ANYONE).receive('{"type":"subscribe"}');
    await settle();
    return socket;
  };
  return { clock, bus, feed, store, start, join, push: (one: PushedAggregate) => push(one) };
}

const shown = (socket: FakeSocket): unknown[] => socket.of('detection_result').map(({ requestId }) => requestId);
const ids = (aggregates: readonly Aggregate[]): string[] => aggregates.map(({ requestId }) => requestId);
const offsets = (socket: FakeSocket): (string | undefined)[] =>
  socket.sent.filter(({ type }) => type === 'detection_result').map(({ offset }) => offset);

describe('the sources of the feed', () => {
  it('begin after what is stored already, and bring each aggregate once with its place', async () => {
    const { bus, store, start, join, push, feed } = await setUp();
    store();
    const stop = await start();
    const socket = await join();
    const epoch = bus.streams.epoch(streams.aggregates);
    assert.equal(socket.of('connection_ack')[0]!['offset'], `${epoch}-1`);
    const one = store();
    push(one);
    assert.deepEqual(shown(socket), [one.requestId]);
    assert.deepEqual(offsets(socket), [`${epoch}-2`]);
    assert.ok(
      !('offset' in socket.of('detection_result')[0]!),
      'the place is in the envelope, the aggregate is as ever',
    );
    stop();
    store();
    assert.deepEqual(feed.figures().duplicates, 0);
    assert.equal(shown(socket).length, 1);
  });

  it('show what Redis brings while NATS is away, in order, and what NATS has when it is back', async () => {
    const { bus, store, start, join, push } = await setUp();
    store();
    await start();
    const socket = await join();
    bus.setDown(true);
    const [one, two] = [store(), store()];
    push(two);
    push(one);
    assert.deepEqual(shown(socket), ids([one, two]));
    bus.setDown(false);
    assert.deepEqual(shown(socket), ids([one, two]));
  });

  it('wait a moment for what is missing, then read it from the stream', async () => {
    const { bus, clock, store, start, join, push } = await setUp();
    await start();
    const socket = await join();
    bus.setDown(true);
    const [one, two] = [store(), store()]; // the first ever: where the stream begins is not known either
    push(two);
    await clock.advance(200);
    assert.deepEqual(shown(socket), []);
    bus.down = false; // can be read, the follower is not back yet
    await clock.advance(100);
    assert.deepEqual(shown(socket), ids([one, two]));
    assert.equal(clock.pending, 1, 'the heartbeat only');
  });

  it('go on without what cannot be read, tell of the gap, count places from before it, and bring it late', async () => {
    const { bus, clock, store, start, join, push } = await setUp();
    await start();
    const first = store();
    const socket = await join();
    const epoch = bus.streams.epoch(streams.aggregates);
    bus.setDown(true);
    const [lost, seen] = [store({ risk: 'high' }), store()];
    push(seen);
    await clock.advance(250);
    assert.deepEqual(
      socket.of('gap').map(({ from, to, reason, missed }) => [from, to, reason, missed]),
      [[`${epoch}-1`, `${epoch}-2`, 'unreachable', 1]],
    );
    assert.equal(socket.sent.at(-1)!.offset, `${epoch}-1`, 'who leaves now comes back for the alert');
    bus.setDown(false);
    assert.deepEqual(
      socket.of('alert').map(({ requestId }) => requestId),
      [lost.requestId],
    );
    assert.deepEqual(shown(socket), ids([first, seen, lost]));
    assert.equal(socket.sent.at(-1)!.offset, `${epoch}-3`);
  });

  it('begin anew when the stream was lost, after the alerts that nobody could read', async () => {
    const { bus, clock, store, start, join, push } = await setUp();
    await start();
    const socket = await join();
    store();
    bus.down = true;
    const unread = store({ risk: 'high' });
    bus.streams.lose(streams.aggregates);
    const bare = { ...aggregate('a'), offset: 900 };
    push(bare);
    await clock.advance(500);
    assert.deepEqual(
      { shown: shown(socket).length, offset: offsets(socket).at(-1) },
      { shown: 2, offset: undefined },
      'a push of the old stream is shown, its place counts for nothing',
    );
    bus.down = false;
    await clock.advance(1_000);
    const epoch = bus.streams.epoch(streams.aggregates);
    assert.deepEqual(
      socket.of('alert').map(({ requestId }) => requestId),
      [unread.requestId],
    );
    assert.equal(socket.of('gap').filter(({ reason }) => reason === 'stream_lost').length, 1);
    const next = store();
    assert.equal(shown(socket).at(-1), next.requestId);
    assert.equal(offsets(socket).at(-1), `${epoch}-1`);
  });

  it('begin without places when NATS is away at the start, and find them later', async () => {
    const { bus, clock, store, start, join } = await setUp();
    bus.setDown(true);
    await start();
    const socket = await join();
    assert.equal(socket.of('connection_ack')[0]!['offset'], null);
    bus.setDown(false);
    await clock.advance(1_000);
    store();
    assert.match(String(offsets(socket)[0]), /-1$/u);
  });
});

test('groups that were shed are told of once each, over all revisions', () => {
  const { riskAssessment, ...frame } = aggregate('a');
  /** A frame with these groups, answered by the rules. */
  const of = (...reasons: RulesReason[]) => {
    const results = reasons.map((reason, index) => {
      const [answer] = result(detection(1), index + 1, 'none', { source: 'rules', reason }).results;
      assert.ok(answer);
      return answer;
    });
    return { ...frame, riskAssessment: { ...riskAssessment, results } };
  };
  const told: [string, number][] = [];
  const parsing = {
    subscribe: <T>(_subject: string, parser: Parser<T>, listener: (body: T, subject: string) => void) => (
      listener(parser.parse(of('shed', 'late', 'budget')), ''),
      () => undefined
    ),
  };
  followShedGroups(parsing, (camera, groups) => void told.push([camera, groups]));
  assert.deepEqual(told, [['a', 1]]);
  const shed = new ShedGroups();
  assert.deepEqual([shed.of(of('shed')), shed.of(of('shed', 'expired')), shed.of(of('budget', 'late'))], [1, 1, 0]);
});
