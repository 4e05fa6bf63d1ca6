import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import type { IngestOptions } from '../../src/ingest/ingest-cameras.ts';
import { fakeMp4, IngestWorld } from '../support/ingest-world.ts';

function world(t: TestContext, over: Partial<IngestOptions> = {}): IngestWorld {
  const made = new IngestWorld(over);
  t.after(() => made.ingest.stop());
  return made;
}

/** Lets the film go on until `work` is settled, at most `seconds`. */
async function meanwhile<T>(it: IngestWorld, work: Promise<T>, seconds: number, gop = 10): Promise<T> {
  const settled = work.then(
    () => true,
    () => true,
  );
  for (let n = 0; n < seconds * 2; n += 1) {
    await it.film(it.session, 0.5, gop);
    if (await Promise.race([settled, Promise.resolve(false)])) break;
  }
  return work;
}

describe('parts of a picture', () => {
  const cuts = [{ left: 0, top: 0, width: 8, height: 6, maxSide: 640 }];

  test('are cut from the picture of that time, decoded from its keyframe', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    const at = it.clock.now() - 700;
    const [picture] = await it.ingest.cut('a', at, cuts);
    assert.deepEqual([picture?.width, picture?.height], [8, 6]);
    const [job] = it.decoders.cuts;
    assert.deepEqual(job?.picture, { cameraId: 'a', at });
    assert.deepEqual([job?.units[0]?.isKey, job?.units.at(-1)?.at, job?.continues], [true, at, false]);
  });

  test('are refused for a picture that is gone, and for a camera that is not read', async (t) => {
    const it = world(t);
    const session = await it.online();
    const first = it.clock.now();
    await it.film(session, 20);
    await assert.rejects(it.ingest.cut('a', first, cuts), {
      code: 'GONE',
      message: /^the picture of 2027-.* is gone: /,
    });
    it.decoders.kept.add(first);
    await assert.doesNotReject(it.ingest.cut('a', first, cuts), 'the decoder still has it');
    await assert.rejects(it.ingest.cut('b', first, cuts), { code: 'UNKNOWN_CAMERA' });
    it.decoders.failure = 'TOO_MANY';
    await assert.rejects(it.ingest.cut('a', it.clock.now(), cuts), { code: 'TOO_MANY' });
  });
});

describe('a look-back', () => {
  test('gives past pictures at the wanted rate, from the keyframe before', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 10);
    const to = it.clock.now() - 1_000;
    const outcome = await it.ingest.burst('a', to - 2_000, to, 5);
    assert.deepEqual(outcome, { sent: 11, missed: { gone: 0, undecodable: 0, overBudget: 0 } });
    const sent = it.pictures.filter(({ burst }) => burst).map(({ at }) => at);
    assert.deepEqual(
      sent,
      Array.from({ length: 11 }, (_, n) => to - 2_000 + n * 200),
    );
    assert.equal(it.decoders.bursts[0]?.units[0]?.isKey, true);
  });

  test('gives coming pictures as they come, each unit decoded once', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 3);
    const from = it.clock.now() - 1_000;
    const outcome = await meanwhile(it, it.ingest.burst('a', from, from + 4_000, 5), 6);
    assert.equal(outcome.sent, 21);
    const sent = it.pictures.filter(({ burst }) => burst).map(({ at }) => at);
    assert.deepEqual(sent, sent.toSorted());
    const decoded = it.decoders.bursts.flatMap(({ units }) => units.map(({ at }) => at));
    assert.equal(new Set(decoded).size, decoded.length);
    for (const { units, continues } of it.decoders.bursts) assert.equal(units[0]?.isKey, !continues);
    const streams = new Set(it.decoders.bursts.map(({ stream }) => stream));
    for (const { stream } of it.decoders.pictures) assert.ok(!streams.has(stream), 'the regular pictures go on apart');
  });

  test('counts pictures from before the ring as gone, and gives the others', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 20);
    const now = it.clock.now();
    const { sent, missed } = await it.ingest.burst('a', now - 20_000, now, 1);
    assert.ok(sent >= 12 && sent <= 14 && sent + missed.gone === 21, JSON.stringify({ sent, missed }));
  });

  test('never asks for more than a camera sends or the bound allows', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    const now = it.clock.now();
    const { sent, missed } = await it.ingest.burst('a', now - 2_000, now, 100);
    assert.deepEqual([sent, missed.gone], [21, 0]);
  });

  test('begins at a keyframe again when its decoder forgot it', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 3, 100);
    const from = it.clock.now();
    const work = it.ingest.burst('a', from, from + 3_000, 5);
    await it.film(session, 1, 100);
    it.decoders.forgetful = true;
    const outcome = await meanwhile(it, work, 5, 100);
    assert.deepEqual(outcome, { sent: 16, missed: { gone: 0, undecodable: 0, overBudget: 0 } });
  });

  test('counts pictures that the decoders could not or would not decode', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    const now = it.clock.now();
    it.decoders.failure = 'DECODER_DIED';
    const died = await it.ingest.burst('a', now - 1_000, now, 10);
    assert.deepEqual([died.sent, died.missed.undecodable], [0, 11]);
    it.decoders.failure = 'TOO_MANY';
    const refused = await it.ingest.burst('a', now - 1_000, now, 10);
    assert.deepEqual([refused.sent, refused.missed.overBudget], [0, 11]);
    assert.deepEqual(it.ingest.figures().burst, { sent: 0, gone: 0, undecodable: 11, overBudget: 11 });
  });

  test('ends when its camera goes', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    const from = it.clock.now();
    const work = it.ingest.burst('a', from - 1_000, from + 20_000, 1);
    await it.film(session, 2);
    it.ingest.unfollow('a');
    await it.clock.advance(3_000);
    const { sent, missed } = await work;
    assert.ok(sent >= 3 && missed.gone === 22 - sent, JSON.stringify({ sent, missed }));
  });

  test('ends when the decoders are too busy to finish it', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 5);
    it.decoders.gate = new Promise(() => undefined);
    const now = it.clock.now();
    const work = it.ingest.burst('a', now - 1_000, now, 10);
    await it.film(session, 16);
    assert.deepEqual(await work, { sent: 0, missed: { gone: 0, undecodable: 0, overBudget: 11 } });
  });

  test('is refused with times that are wrong, and when too many run', async (t) => {
    const it = world(t);
    await it.online();
    const now = it.clock.now();
    const wrong: readonly (readonly [number, number, number])[] = [
      [now, now - 1, 5],
      [NaN, now, 5],
      [now - 61_000, now, 5],
      [now, now + 31_000, 5],
      [now - 1_000, now, 0],
      [now - 1_000, now, NaN],
    ];
    for (const args of wrong) await assert.rejects(it.ingest.burst('a', ...args), { code: 'BAD_SPAN' });
    const running = Array.from({ length: 8 }, () => it.ingest.burst('a', now, now + 20_000, 1));
    await assert.rejects(it.ingest.burst('a', now, now, 1), { code: 'TOO_MANY' });
    it.ingest.unfollow('a');
    await it.clock.advance(3_000);
    await Promise.all(running);
  });
});

describe('a clip', () => {
  test('waits for its end and begins with the keyframe at or before its start', async (t) => {
    let muxed: readonly AccessUnit[] = [];
    const muxMp4: IngestOptions['muxMp4'] = (units) => {
      muxed = units;
      return Promise.resolve(fakeMp4(units));
    };
    const it = world(t, { muxMp4 });
    const session = await it.online();
    await it.film(session, 8.5);
    const alert = it.clock.now();
    const outcome = await meanwhile(it, it.ingest.clip('a', alert - 5_000, alert + 5_000), 8);
    assert.ok(outcome.ok);
    assert.deepEqual([outcome.from, outcome.to, outcome.mp4.length], [alert - 5_500, alert + 5_000, 106]);
    assert.equal(muxed[0]?.isKey, true);
    assert.ok(it.clock.now() <= alert + 6_000);
  });

  test('keeps its beginning while it waits, though the ring forgets it', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 12);
    const now = it.clock.now();
    const outcome = await meanwhile(it, it.ingest.clip('a', now - 11_000, now + 10_000), 14);
    assert.ok(outcome.ok);
    assert.equal(outcome.from, now - 11_000);
  });

  test('is of one session: that of most of its time', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 3);
    session.end();
    await it.wait(600);
    it.session.play();
    it.session.unit(true);
    const again = it.clock.now();
    await it.film(it.session, 6);
    const outcome = await it.ingest.clip('a', again - 2_000, again + 5_000);
    assert.ok(outcome.ok);
    assert.equal(outcome.from, again);
  });

  test('tells why there is none', async (t) => {
    const it = world(t, { muxMp4: () => Promise.reject(new Error('MJPEG cannot be put into an MP4')) });
    const session = await it.online();
    await it.film(session, 20);
    const now = it.clock.now();
    assert.deepEqual(await it.ingest.clip('a', now - 2_000, now), {
      ok: false,
      reason: 'MJPEG cannot be put into an MP4',
    });
    const early = await it.ingest.clip('a', now - 60_000, now - 50_000);
    assert.deepEqual(early, { ok: false, reason: 'the video of that time is no longer kept, or the camera sent none' });
    await assert.rejects(it.ingest.clip('nobody', now, now), { code: 'UNKNOWN_CAMERA' });
  });

  test('does not wait for ever for a camera that sends nothing', async (t) => {
    const it = world(t);
    const session = await it.online();
    await it.film(session, 6);
    const now = it.clock.now();
    const work = it.ingest.clip('a', now - 5_000, now + 5_000);
    await it.wait(7_000);
    const outcome = await work;
    assert.ok(outcome.ok);
    assert.equal(outcome.to, now);
  });

  test('is bounded in number', async (t) => {
    const it = world(t);
    await it.online();
    const now = it.clock.now();
    const waiting = Array.from({ length: 8 }, () => it.ingest.clip('a', now, now + 5_000));
    await assert.rejects(it.ingest.clip('a', now, now), { code: 'TOO_MANY' });
    await it.wait(8_000);
    await Promise.all(waiting);
    await assert.doesNotReject(it.ingest.clip('a', now, now));
  });
});
