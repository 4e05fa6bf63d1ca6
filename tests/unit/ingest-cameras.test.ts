import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { IngestOptions } from '../../src/ingest/ingest-cameras.ts';
import { IngestWorld } from '../support/ingest-world.ts';

function world(t: TestContext, over: Partial<IngestOptions> = {}): IngestWorld {
  const made = new IngestWorld(over);
  t.after(() => made.ingest.stop());
  return made;
}

describe('a camera that is followed', () => {
  test('connects, waits for a keyframe, gives its first picture at once and then one each interval', async (t) => {
    const it = world(t);
    it.follow();
    await it.clock.advance(0);
    assert.equal(it.status, 'connecting: opening the stream');
    it.session.play();
    assert.equal(it.status, 'connecting: waiting for a keyframe');
    it.session.unit(false);
    it.session.unit(true);
    await it.clock.advance(0);
    assert.equal(it.status, 'online: receiving 1280x720 H.264');
    assert.equal(it.pictures.length, 1);
    await it.film(it.session, 20);
    assert.ok(Math.abs(it.pictures.length - 11) <= 1, `${it.pictures.length} pictures in 20 s`);
    assert.equal(it.status, 'online: receiving 1280x720 H.264, keyframe each 1.0 s');
    assert.ok(it.decoders.pictures.every(({ units, continues }) => units.length === 1 && !continues));
  });

  test('is read until its lease runs out, and while it is renewed', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 12);
    assert.equal(session.stopped, false);
    await it.clock.advance(10_500);
    assert.equal(session.stopped, true);
    assert.deepEqual(it.decoders.forgotten, ['a']);
    assert.equal(it.ingest.figures().cameras, 0);
    assert.equal(it.ingest.figures().ringBytes, 0);
  });

  test('keeps its session when it is unfollowed and followed again, and tells its status anew', async (t) => {
    const it = world(t);
    const session = await it.online();
    it.ingest.unfollow('a');
    const told = it.statuses.length;
    await it.film(session, 0.5);
    assert.equal(it.statuses.length, told, 'others tell its status meanwhile');
    it.follow('a', { previewSocket: null }, 1_000);
    assert.equal(it.status, 'online: receiving 1280x720 H.264');
    await it.wait(5_000);
    assert.equal(it.rtsp.sessions.length, 1);
    it.ingest.unfollow('a');
    await it.clock.advance(3_000);
    assert.equal(session.stopped, true);
  });

  test('reconnects when the source changes, not when the interval does', async (t) => {
    const it = world(t);
    const session = await it.online();
    it.follow('a', {}, 500);
    await it.clock.advance(0);
    assert.equal(session.stopped, false);
    it.follow('a', { url: 'rtsp://10.0.0.8/live' });
    await it.clock.advance(0);
    assert.equal(session.stopped, true);
    assert.equal(it.session.options.url, 'rtsp://10.0.0.8/live');
    assert.equal(it.ingest.figures().ringBytes, 0, 'the pictures of another camera are forgotten');
    session.unit(true);
    assert.equal(it.ingest.figures().ringBytes, 0, 'and what the old session still sends');
  });

  test('is tried again with growing pauses, not earlier than the camera allows', async (t) => {
    const it = world(t);
    it.follow();
    await it.clock.advance(0);
    const pauses: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      const before = it.rtsp.sessions.length;
      it.session.end({ code: 'UNREACHABLE', message: 'nobody listens at 10.0.0.7:554' });
      const from = it.clock.now();
      while (it.rtsp.sessions.length === before) await it.wait(500);
      pauses.push(it.clock.now() - from);
    }
    assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    it.session.end({ code: 'BUSY', message: 'it has no free session', retryAfterMs: 60_000 });
    assert.equal(it.status, 'offline: it has no free session; next attempt in 60.0 s');
    await it.wait(59_000);
    assert.equal(it.rtsp.sessions.length, 10);
    await it.wait(2_000);
    assert.equal(it.rtsp.sessions.length, 11);
    assert.equal(it.status, 'connecting: opening the stream again, attempt 11');
  });

  test('that was online is back soon when its session breaks', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    session.end({ code: 'UNREACHABLE', message: 'the connection broke' });
    assert.equal(it.status, 'offline: the connection broke; next attempt in 0.5 s');
    await it.clock.advance(600);
    it.session.play();
    it.session.unit(true);
    await it.clock.advance(0);
    assert.equal(it.status, 'online: receiving 1280x720 H.264, keyframe each 1.0 s');
    assert.equal(it.pictures.at(-1)?.at, it.clock.now());
  });

  test('that sends one picture in seven seconds is slow, not broken', async (t) => {
    const it = world(t);
    const session = await it.online();
    for (let n = 0; n < 10; n += 1) {
      await it.wait(7_000);
      session.unit(true);
    }
    await it.clock.advance(0);
    assert.equal(session.stopped, false);
    assert.equal(it.pictures.length, 11);
    assert.ok(it.statuses.every(({ state }) => state !== 'offline'));
    assert.match(it.status, /^online: .*keyframe each 7\.0 s$/u);
  });

  test('that sends one picture in forty seconds looks dead at first, and is known soon', async (t) => {
    const it = world(t);
    await it.online();
    for (let second = 1; second <= 400; second += 1) {
      await it.wait(1_000);
      const { session } = it;
      if (!session.isPlaying && !session.stopped) session.play();
      if (second % 40 === 0 && session.isPlaying) session.unit(true);
    }
    const losses = it.statuses.filter(({ state }) => state === 'offline').length;
    assert.ok(losses >= 1 && losses <= 3, `${losses} losses`);
    assert.ok(it.pictures.length >= 8, `${it.pictures.length} pictures`);
    assert.match(it.status, /^online/u);
  });

  test('that ends sessions early is asked sooner whether it is there', async (t) => {
    const it = world(t);
    const session = await it.online();
    assert.equal(session.options.keepAliveMs, null);
    await it.film(session, 20);
    session.end();
    await it.clock.advance(600);
    assert.equal(it.session.options.keepAliveMs, 10_000);
    it.session.play();
    await it.film(it.session, 30);
    it.session.end();
    await it.clock.advance(600);
    assert.equal(it.session.options.keepAliveMs, 10_000, 'a longer life teaches nothing');
  });

  test('is reconnected when its stream stops but its connection stays', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 20);
    await it.wait(7_000);
    assert.equal(session.stopped, true);
    assert.match(it.statuses.find(({ state }) => state === 'offline')?.message ?? '', /^no video came for [56] s; /u);
    assert.equal(it.rtsp.sessions.length, 2);
  });

  test('is waited for while packets come without a keyframe, and that is said', async (t) => {
    const it = world(t);
    it.follow();
    await it.clock.advance(0);
    const { session } = it;
    session.play();
    for (let n = 0; n < 300; n += 1) {
      await it.wait(100);
      session.unit(false);
    }
    assert.match(it.status, /^connecting: waiting for a keyframe for [23]\d s$/u);
    const ages = new Set(it.statuses.map(({ message }) => message).filter((message) => / for \d+ s$/u.test(message)));
    assert.ok(ages.size >= 2 && ages.size <= 3, [...ages].join(', '));
    session.unit(true);
    await it.clock.advance(0);
    assert.match(it.status, /^online/u);
    // A lost packet: the rest of the group of pictures cannot be decoded, so the client holds it back.
    for (let n = 0; n < 130; n += 1) {
      await it.wait(100);
      session.packet();
    }
    assert.match(it.status, /^connecting: waiting for a keyframe, the last was 1\d s ago$/u);
    for (let n = 0; n < 1_200; n += 1) {
      await it.wait(100);
      session.packet();
    }
    assert.equal(session.stopped, true, 'given up after two minutes');
    assert.match(
      it.statuses.findLast(({ state }) => state === 'offline')?.message ?? '',
      /^no keyframe came for 120 s/u,
    );
  });

  test('whose pictures cannot be decoded is a fault that names the codec, until one can', async (t) => {
    const it = world(t);
    it.decoders.failure = 'UNDECODABLE';
    it.follow();
    await it.clock.advance(0);
    it.session.play('h265');
    it.session.unit(true, { codec: 'h265' });
    await it.film(it.session, 8);
    assert.match(it.status, /^fault: its H\.265 pictures cannot be decoded: /u);
    assert.equal(it.session.stopped, false);
    it.decoders.failure = null;
    await it.film(it.session, 3);
    assert.match(it.status, /^online: receiving 1280x720 H\.265/u);
    assert.ok(it.ingest.figures().counts.skipped.undecodable >= 3);
  });

  test('makes up for one lost picture soon, not for all when all are lost', async (t) => {
    const it = world(t);
    const session = await it.online('a', {}, 4_000);
    await it.film(session, 10);
    it.decoders.failure = 'DECODER_DIED';
    const before = it.decoders.pictures.length;
    while (it.decoders.pictures.length === before) await it.film(session, 0.1);
    it.decoders.failure = null;
    const [pictures, lostAt] = [it.pictures.length, it.clock.now()];
    await it.film(session, 1.2);
    assert.equal(it.pictures.length, pictures + 1, 'the next keyframe is decoded');
    assert.ok(it.pictures.at(-1)!.at > lostAt);
    it.decoders.failure = 'DECODER_DIED';
    const jobs = it.decoders.pictures.length;
    await it.film(session, 20);
    assert.ok(it.decoders.pictures.length - jobs <= 7, `${it.decoders.pictures.length - jobs} jobs in 20 s`);
  });

  test('gives pictures at once after the clock was set back', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    it.skewMs = -3_600_000;
    await it.wait(4_000);
    assert.equal(session.stopped, true);
    it.session.play();
    it.session.unit(true);
    await it.film(it.session, 4);
    assert.ok(it.pictures.filter(({ at }) => at <= it.machine.now()).length >= 2);
    assert.ok(it.pictures.at(-1)!.at <= it.machine.now());
    await it.clock.advance(11_000);
    assert.equal(it.ingest.figures().cameras, 0, 'its lease runs out as ever');
  });

  test('tells a new size at once', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 12);
    it.decoders.answer = { ...it.decoders.answer, display: { width: 360, height: 640 } };
    await it.film(session, 12);
    assert.match(it.status, /^online: receiving 360x640 H\.264/u);
  });

  test('tells its status again from time to time, for a registry that was restarted', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 15);
    const told = it.statuses.length;
    await it.film(session, 30);
    const again = it.statuses.length - told;
    assert.ok(again >= 2 && again <= 4, `${again} times in 30 s`);
  });
});

describe('long groups of pictures', () => {
  test('give a picture each interval: all units since the last one are decoded', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 19, 200);
    assert.ok(it.pictures.length >= 9, `${it.pictures.length} pictures in 19 s`);
    const jobs = it.decoders.pictures;
    assert.deepEqual([jobs[0]?.units.length, jobs[0]?.continues], [1, false]);
    for (const { units, continues } of jobs.slice(3)) assert.deepEqual([units.length, continues], [20, true]);
    const all = jobs.flatMap(({ units }) => units.map(({ at }) => at));
    assert.equal(new Set(all).size, all.length, 'each unit is decoded once');
  });

  test('are decoded from the keyframe again when the decoder has forgotten the camera', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 15, 300);
    it.decoders.forgetful = true;
    const [pictures, jobs] = [it.pictures.length, it.decoders.pictures.length];
    await it.film(session, 2, 300);
    assert.equal(it.pictures.length, pictures + 1);
    const [failed, again] = it.decoders.pictures.slice(jobs);
    assert.deepEqual([failed?.continues, failed?.units.length], [true, 20]);
    assert.deepEqual([again?.continues, again?.units[0]?.isKey], [false, true]);
    assert.ok(again !== undefined && again.units.length > 150);
    assert.equal(it.ingest.figures().counts.skipped.gone, 0);
  });

  test('wait for the picture before, and then take the newest', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5, 300);
    const gate = Promise.withResolvers<void>();
    it.decoders.gate = gate.promise;
    const jobs = it.decoders.pictures.length;
    await it.film(session, 8, 300);
    assert.equal(it.decoders.pictures.length, jobs + 1, 'one job at a time');
    it.decoders.gate = null;
    gate.resolve();
    await it.clock.advance(0);
    assert.equal(it.decoders.pictures.length, jobs + 2);
    assert.ok(it.ingest.figures().counts.skipped.replaced >= 2);
  });
});

describe('all cameras together', () => {
  test('are counted by state, with what they want', async (t) => {
    const it = world(t);
    await it.online('a');
    it.follow('b', {}, 500);
    await it.clock.advance(0);
    it.session.end();
    const { cameras, states, wantedPerSecond, counts } = it.ingest.figures();
    assert.equal(cameras, 2);
    assert.deepEqual(states, { connecting: 0, online: 1, offline: 1, fault: 0 });
    assert.equal(wantedPerSecond, 2.5);
    assert.equal(counts.sent, 1);
  });

  test('count bytes, lost packets and dropped pictures over all sessions', async (t) => {
    const it = world(t);
    const session = await it.online();
    Object.assign(session, { lost: 3, droppedPictures: 4 });
    await it.film(session, 2);
    session.end();
    await it.clock.advance(600);
    it.session.play();
    it.session.unit(true);
    await it.wait(2_000);
    assert.equal(it.ingest.figures().counts.packetsLost, 3);
    assert.equal(it.ingest.figures().counts.picturesDropped, 4);
    assert.equal(it.ingest.figures().counts.bytes, 22 * 100);
  });
});
