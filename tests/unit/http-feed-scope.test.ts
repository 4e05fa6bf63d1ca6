import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as settle } from 'node:timers/promises';
import type { SignedIn } from '../../src/http/access/authenticator.ts';
import { CameraScope } from '../../src/http/access/camera-scope.ts';
import { OpenConnections } from '../../src/http/access/open-connections.ts';
import type { FeedHistory, StoredAggregate } from '../../src/http/feed/missed-alerts.ts';
import { DEFAULT_LIMITS, type HttpLimits } from '../../src/http/http-limits.ts';
import { LiveFeed } from '../../src/http/live-feed.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeSocket } from '../support/feed-socket.ts';
import { aggregate, statusOf } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { NORTH, principal, ScopedWorld, SOUTH } from '../support/scoped-world.ts';

/** A feed of the cameras north and south, each in the group of its name, and ways to connect. */
async function setUp(limits: Partial<HttpLimits> = {}) {
  const clock = new ManualClock();
  const { cameras } = new ScopedWorld().ports();
  const log = memoryLog();
  const scope = new CameraScope({ list: () => cameras.groups(), clock, log });
  await scope.refresh();
  const feed = new LiveFeed({ cameras, scope, clock, log, limits: { ...DEFAULT_LIMITS, ...limits } });
  const stored: StoredAggregate[] = [];
  const history: FeedHistory = {
    after: async (seq, limit) => stored.filter((each) => each.seq > seq).slice(0, limit),
    alerts: async (from, limit) =>
      stored.filter((each) => ('seq' in from ? each.seq >= from.seq : each.storedAt >= from.time)).slice(0, limit),
  };
  feed.use(history);
  /** Connects a viewer of these groups, and subscribes. */
  const join = async (groups: readonly string[] | null, data: object = {}) => {
    const socket = new FakeSocket();
    const viewer = feed.connect(socket, principal('viewer', groups));
    viewer.receive(JSON.stringify({ type: 'subscribe', data }));
    await settle();
    return { socket, viewer };
  };
  /** An alert of each camera, stored with the next sequences. */
  const store = (): void => {
    for (const camera of [NORTH, SOUTH]) {
      const seq = stored.length + 1;
      stored.push({ aggregate: aggregate(camera, { risk: 'high' }), seq, storedAt: clock.now() });
    }
  };
  return { clock, scope, feed, join, stored, store };
}

const by = (...of: Parameters<typeof principal>): SignedIn => ({
  principal: principal(...of),
  credential: { via: 'open' },
  csrf: null,
});

const camerasIn = (socket: FakeSocket): unknown[] => [
  ...new Set(socket.sent.map(({ data }) => data['cameraId']).filter((id) => id !== undefined)),
];

describe('the feed of a viewer with groups', () => {
  it('has the statuses, frames and alerts of its cameras only', async () => {
    const { feed, join } = await setUp();
    const own = await join([NORTH]);
    const all = await join(null);
    for (const camera of [NORTH, SOUTH]) {
      feed.publish(aggregate(camera, { risk: 'high' }));
      feed.publishStatus(statusOf(camera, 'fault'));
    }
    await settle();
    assert.deepEqual(camerasIn(own.socket), [NORTH]);
    assert.deepEqual(camerasIn(all.socket), [NORTH, SOUTH]);
    assert.equal(own.socket.of('alert').length, 1);
    assert.ok(own.socket.of('camera_status').length >= 2, 'of the snapshot and the live one');
  });

  it('answers the name of another camera as one that does not exist', async () => {
    const { feed, join } = await setUp();
    const { socket } = await join([NORTH], { cameraIds: [SOUTH, 'nowhere'] });
    feed.publish(aggregate(SOUTH, { risk: 'high' }));
    await settle();
    const errors = socket.of('error').map(({ code, message }) => `${String(code)} ${String(message)}`);
    assert.deepEqual(errors, [
      'UNKNOWN_CAMERA cameraIds: there is no camera south',
      'UNKNOWN_CAMERA cameraIds: there is no camera nowhere',
    ]);
    assert.deepEqual(camerasIn(socket), []);
  });

  it('resumes with the missed alerts of its cameras, from the log, from the stream and from the history', async () => {
    for (const [name, since, began] of [
      ['log', 'e-0', 0],
      ['stream', 'e-0', 2],
      ['history', 'other-9', 2],
    ] as const) {
      const { feed, join, stored, store } = await setUp();
      feed.begin('e', began);
      store();
      for (const { aggregate: one, seq } of stored) if (seq > began) feed.publish(one, { seq, through: seq });
      const own = await join([NORTH], { since, sinceTime: new Date(0).toISOString() });
      const all = await join(null, { since, sinceTime: new Date(0).toISOString() });
      for (let turn = 0; turn < 5; turn += 1) await settle();
      assert.deepEqual(
        own.socket.of('alert').map(({ cameraId }) => cameraId),
        [NORTH],
        name,
      );
      assert.equal(all.socket.of('alert').length, 2, name);
      assert.deepEqual(camerasIn(own.socket), [NORTH], name);
    }
  });

  it('tells of a gap without the number of messages of all cameras', async () => {
    const { feed, join } = await setUp();
    feed.begin('e', 0);
    const own = await join([NORTH]);
    const all = await join(null);
    feed.gap(7, 7);
    assert.equal(own.socket.of('gap')[0]?.['missed'], null);
    assert.equal(all.socket.of('gap')[0]?.['missed'], 7);
  });

  it('loses a camera that is moved to another group at once, and gets one that comes', async () => {
    const { feed, join, scope } = await setUp();
    const { socket } = await join([NORTH]);
    scope.note(NORTH, [SOUTH]);
    feed.publish(aggregate(NORTH, { risk: 'high' }));
    assert.equal(socket.of('alert').length, 0);
    assert.equal(socket.of('camera_status').at(-1)?.['message'], 'the camera was removed');
    assert.equal(socket.closed, null);
    scope.note(SOUTH, [NORTH]);
    await settle();
    assert.equal(socket.of('camera_status').at(-1)?.['cameraId'], SOUTH);
    assert.equal(socket.of('detection_result').at(-1)?.['cameraId'], SOUTH, 'its newest frame');
    feed.publish(aggregate(SOUTH, { risk: 'high' }));
    assert.equal(socket.of('alert').length, 1);
  });

  it('is closed when alerts of a camera that it loses are still queued', async () => {
    const { feed, join, scope } = await setUp({ softBytes: 1 });
    const { socket } = await join([NORTH]);
    socket.stuck = true;
    for (let count = 0; count < 3; count += 1) feed.publish(aggregate(NORTH, { risk: 'high' }));
    const before = socket.of('alert').length;
    scope.note(NORTH, []);
    assert.equal(socket.closed?.code, 1012);
    for (let count = 0; count < 9; count += 1) socket.leave();
    assert.equal(socket.of('alert').length, before);
  });
});

describe('open connections', () => {
  it('of a principal end when its access changes, and those about a camera when it leaves the scope', async () => {
    const { scope } = await setUp();
    const open = new OpenConnections(scope);
    const ended: string[] = [];
    const close = (name: string) => (): void => void ended.push(name);
    open.add(by('viewer', [NORTH]), close('feed'));
    open.add(by('viewer', [NORTH]), close('live north'), NORTH);
    open.add(by('viewer', [NORTH, SOUTH]), close('live north of both'), NORTH);
    open.add(by('viewer', null), close('live north of all'), NORTH);
    const forget = open.add(by('operator', [NORTH]), close('gone'), NORTH);
    forget();
    scope.note(NORTH, [SOUTH]);
    assert.deepEqual(ended.splice(0), ['live north']);
    assert.equal(
      open.end(({ principal: { name } }) => name === 'viewer-of-north'),
      1,
    );
    assert.deepEqual(ended.splice(0), ['feed']);
    assert.equal(
      open.end(() => true),
      2,
    );
    assert.equal(
      open.end(() => true),
      0,
    );
  });
});
