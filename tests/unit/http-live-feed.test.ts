import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS, type HttpLimits } from '../../src/http/http-limits.ts';
import { LiveFeed } from '../../src/http/live-feed.ts';
import type { GroupAssessment } from '../../src/messages/assessment.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { ANYONE } from '../../src/messages/principal.ts';
import { EVERYTHING, FakeSocket } from '../support/feed-socket.ts';
import { FakeWorld } from '../support/http-fakes.ts';
import { aggregate, statusOf } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';

function setUp(limits: Partial<HttpLimits> = {}, ...cameras: string[]) {
  const clock = new ManualClock();
  const world = new FakeWorld().add(...cameras);
  const feed = new LiveFeed({
    scope: EVERYTHING,
    cameras: world.ports().cameras,
    clock,
    log: memoryLog(),
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  const join = (request?: object) => {
    const socket = new FakeSocket();
    const viewer = feed.connect(socket, ANYONE);
    if (request !== undefined) viewer.receive(JSON.stringify(request));
    return { socket, viewer };
  };
  return { clock, world, feed, join };
}

describe('live feed', () => {
  it('greets, answers pings, and sends nothing unasked', () => {
    const { feed, join } = setUp({}, 'a');
    const { socket, viewer } = join();
    feed.publish(aggregate('a'));
    viewer.receive('{"type":"ping"}');
    assert.deepEqual(
      socket.sent.map((message) => message.type),
      ['connection_ack', 'pong'],
    );
    assert.match(String(socket.sent[0]!.data['connectionId']), /^[0-9a-f-]{36}$/u);
    assert.equal(socket.sent[1]!.data['serverTime'], '2023-11-14T22:13:20.000Z');
  });

  it('sends status and newest aggregate at once, then what comes, of the cameras asked for', async () => {
    const { feed, join, world } = setUp({}, 'a', 'b');
    const kept = aggregate('a');
    world.latest.set('a', kept);
    const { socket } = join({ type: 'subscribe', data: { cameraIds: ['a'] } });
    await settle();
    assert.equal(socket.of('camera_status')[0]!['cameraId'], 'a');
    assert.equal(socket.of('detection_result')[0]!['requestId'], kept.requestId);
    const live = aggregate('a');
    feed.publish(aggregate('b'));
    feed.publish(live);
    assert.deepEqual(
      socket.of('detection_result').map((data) => data['requestId']),
      [kept.requestId, live.requestId],
    );
  });

  it('sends every camera, also later ones, to who names none', async () => {
    const { feed, join } = setUp({}, 'a');
    const { socket } = join({ type: 'subscribe' });
    await settle();
    feed.publish(aggregate('later'));
    feed.publishStatus(statusOf('later', 'fault'));
    assert.equal(socket.of('detection_result').length, 1);
    assert.deepEqual(
      socket.of('camera_status').map((data) => [data['cameraId'], data['status']]),
      [
        ['a', 1],
        ['later', 2],
      ],
    );
  });

  it('never sends a snapshot after something newer', async () => {
    const { feed, join, world } = setUp({}, 'a');
    world.latest.set('a', aggregate('a', { timestamp: '2026-01-01T00:00:00.000Z' }));
    const { socket } = join({ type: 'subscribe', data: { cameraIds: ['a'] } });
    feed.publish(aggregate('a', { timestamp: '2026-01-01T00:00:05.000Z' })); // arrives while the look-up runs
    await settle();
    assert.deepEqual(
      socket.of('detection_result').map((data) => data['timestamp']),
      ['2026-01-01T00:00:05.000Z'],
    );
  });

  it('sends an aggregate once although it comes by two ways, and a revision again', async () => {
    const { feed, join } = setUp({}, 'a');
    const { socket } = join({ type: 'subscribe' });
    await settle();
    const frame = aggregate('a', { risk: 'high' });
    assert.ok(feed.publish(frame));
    assert.ok(!feed.publish(structuredClone(frame)));
    assert.ok(feed.publish({ ...frame, revision: 1 }));
    assert.deepEqual(
      socket.of('detection_result').map((data) => data['revision']),
      [0, 1],
    );
    assert.equal(socket.of('alert').length, 1);
    assert.equal(feed.figures().duplicates, 1);
  });

  it('sends as an alert the first revision with a new verdict of high: not a carried nor a pending one', async () => {
    const { feed, join } = setUp({}, 'a');
    const { socket } = join({ type: 'subscribe' });
    await settle();
    const frame = aggregate('a', { risk: 'high' });
    const [verdict] = frame.riskAssessment.results;
    assert.ok(verdict);
    const revised = (revision: number, over: Partial<GroupAssessment>) => ({
      ...frame,
      revision,
      riskAssessment: { ...frame.riskAssessment, results: [{ ...verdict, ...over }] },
    });
    feed.publish(revised(0, { source: 'rules', reason: 'pending' }));
    feed.publish(revised(1, { source: 'vlm', carried: true, reason: 'late' }));
    assert.equal(socket.of('alert').length, 0);
    feed.publish(revised(2, { source: 'vlm' }));
    feed.publish(revised(3, { source: 'vlm' }));
    assert.deepEqual(
      socket.of('alert').map((data) => data['revision']),
      [2],
    );
    assert.equal(socket.of('detection_result').length, 4, 'each revision is shown');
  });

  it('gives late viewers the newest revision of the newest frame', async () => {
    const { feed, join } = setUp({}, 'a');
    const frame = aggregate('a');
    feed.publish(frame);
    feed.publish({ ...frame, revision: 1 });
    feed.publish(aggregate('a', { timestamp: '2020-01-01T00:00:00.000Z' }));
    const { socket } = join({ type: 'subscribe' });
    await settle();
    assert.deepEqual(
      socket.of('detection_result').map((data) => [data['requestId'], data['revision']]),
      [[frame.requestId, 1]],
    );
  });

  it('serialises an aggregate once for all viewers', async () => {
    const { feed, join } = setUp({}, 'a');
    const [one, two] = [join({ type: 'subscribe' }).socket, join({ type: 'subscribe' }).socket];
    await settle();
    feed.publish(aggregate('a'));
    assert.equal(one.frames.at(-1), two.frames.at(-1), 'the same bytes, not a copy');
  });

  it('stops sending on unsubscribe, for some cameras or all', async () => {
    const { feed, join } = setUp({}, 'a', 'b');
    const { socket, viewer } = join({ type: 'subscribe' });
    await settle();
    viewer.receive('{"type":"unsubscribe","data":{"cameraIds":["a"]}}');
    feed.publish(aggregate('a'));
    feed.publish(aggregate('b'));
    viewer.receive('{"type":"unsubscribe"}');
    feed.publish(aggregate('b'));
    assert.deepEqual(
      socket.of('detection_result').map((data) => data['cameraId']),
      ['b'],
    );
  });

  it('names what is wrong with a message, stays open, and closes after too many', () => {
    const { join } = setUp({ maxBadMessages: 3 }, 'a');
    const { socket, viewer } = join();
    viewer.receive('{"type":"subscribe","data":{"cameraIds":["a","../x"]}}');
    viewer.receive('{"type":"dance"}');
    assert.equal(socket.closed, null);
    viewer.receive(null);
    assert.deepEqual(
      socket.of('error').map(({ code, field, value }) => ({ code, field, value })),
      [
        { code: 'INVALID_FIELD', field: 'data.cameraIds[1]', value: '../x' },
        { code: 'INVALID_FIELD', field: 'type', value: 'dance' },
        { code: 'BAD_REQUEST', field: 'message', value: null },
      ],
    );
    assert.equal(socket.closed!.code, 1008);
  });

  it('answers broken JSON, missing fields and wrong types with an error each', () => {
    const { join } = setUp();
    const { socket, viewer } = join();
    for (const text of ['{', '{}', '[]', '"x"', '{"type":"subscribe","data":{"cameraIds":"a"}}']) viewer.receive(text);
    assert.deepEqual(
      socket.of('error').map(({ code, field }) => [code, field]),
      [
        ['MALFORMED_JSON', 'message'],
        ['MISSING_FIELD', 'type'],
        ['INVALID_FIELD', 'message'],
        ['INVALID_FIELD', 'message'],
        ['INVALID_FIELD', 'data.cameraIds'],
      ],
    );
  });

  it('refuses unknown cameras by name and follows the known ones', async () => {
    const { join, feed } = setUp({}, 'a');
    const { socket } = join({ type: 'subscribe', data: { cameraIds: ['nope', 'a'] } });
    await settle();
    feed.publish(aggregate('nope'));
    feed.publish(aggregate('a'));
    assert.deepEqual(
      socket.of('error').map(({ code, value }) => [code, value]),
      [['UNKNOWN_CAMERA', 'nope']],
    );
    assert.deepEqual(
      socket.of('detection_result').map((data) => data['cameraId']),
      ['a'],
    );
  });

  it('says so when the present state cannot be read, and goes on live', async () => {
    const { join, feed, world } = setUp({}, 'a');
    world.failing = new Error('the registry is restarting');
    const { socket } = join({ type: 'subscribe', data: { cameraIds: ['a'] } });
    await settle();
    assert.equal(socket.of('error')[0]!['code'], 'UNAVAILABLE');
    feed.publish(aggregate('a'));
    assert.equal(socket.of('detection_result').length, 1);
  });

  it('reads only so many messages a second', async () => {
    const { join, clock } = setUp({ messagesPerSecond: 2, maxBadMessages: 100 });
    const { socket, viewer } = join();
    for (let index = 0; index < 6; index += 1) viewer.receive('{"type":"ping"}');
    assert.equal(socket.of('pong').length, 4);
    assert.deepEqual(
      socket.of('error').map((data) => data['code']),
      ['TOO_MANY', 'TOO_MANY'],
    );
    await clock.advance(1_000);
    viewer.receive('{"type":"ping"}');
    assert.equal(socket.of('pong').length, 5);
  });

  it('keeps a slow viewer apart: newest frames only, then closed over the hard bound, others unharmed', async () => {
    const { feed, join, clock } = setUp({ softBytes: 100, hardBytes: 10_000 }, 'a', 'b');
    const slow = join({ type: 'subscribe' }).socket;
    const quick = join({ type: 'subscribe' }).socket;
    await settle();
    slow.stuck = true;
    for (let index = 0; index < 5; index += 1)
      feed.publish(aggregate('a', { timestamp: `2026-01-01T00:00:0${index}.000Z` }));
    assert.equal(slow.of('detection_result').length, 1);
    assert.equal(feed.figures().droppedFrames, 3);
    for (let index = 0; index < 10; index += 1) feed.publish(aggregate('b', { risk: 'high' }));
    assert.equal(slow.closed!.code, 1013);
    assert.equal(slow.of('error').at(-1)!['code'], 'TOO_SLOW');
    assert.equal(feed.figures().viewers, 1);
    assert.equal(feed.figures().closedSlow, 1);
    await settle();
    assert.equal(quick.of('detection_result').length, 15);
    await clock.advance(2_000);
    assert.ok(slow.terminated, 'its close frame would never leave');
  });

  it('drops viewers that do not answer pings', async () => {
    const { feed, join, clock } = setUp({ heartbeatMs: 1_000 });
    const dead = join().socket;
    const { socket: alive, viewer } = join();
    await clock.advance(1_000);
    feed.alive(viewer);
    await clock.advance(1_000);
    assert.ok(dead.terminated && !alive.terminated);
    assert.equal(alive.pings, 2);
  });

  it('tells that a camera was removed, and forgets its newest frame', async () => {
    const { feed, join } = setUp({}, 'a');
    feed.publish(aggregate('a'));
    const early = join({ type: 'subscribe' }).socket;
    await settle();
    feed.forget('a');
    const late = join({ type: 'subscribe' }).socket;
    await settle();
    assert.equal(early.of('camera_status').at(-1)!['message'], 'the camera was removed');
    assert.equal(late.of('detection_result').length, 0);
  });

  it('says goodbye to everyone at the end and leaves no timer', () => {
    const { feed, join, clock } = setUp();
    const { socket } = join();
    feed.close();
    assert.equal(socket.closed!.code, 1001);
    assert.equal(clock.pending, 0);
  });
});
