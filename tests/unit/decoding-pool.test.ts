import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../src/runtime/testing/manual-clock.ts';
import { burst, cut, fakeDecoders, outcome, picture, units } from '../support/fake-decoders.ts';

const NO_SIGNAL = new AbortController().signal;

/** A pool of one decoder that is ready. */
async function one(burstShare?: number) {
  const pool = fakeDecoders(1, burstShare);
  const [decoder] = pool.opened;
  assert.ok(decoder !== undefined);
  await decoder.ready();
  return { ...pool, decoder };
}

/** Lets the decoder answer all that it gets; returns the cameras in the order of their parts. */
async function answerAll(decoder: Awaited<ReturnType<typeof one>>['decoder'], ms = 5): Promise<string[]> {
  const order: string[] = [];
  while (decoder.parts.length > 0) {
    order.push(decoder.cameras[0] ?? '');
    await decoder.answer(ms);
  }
  return order;
}

test('a decoder has one part in hand and one that waits; the rest goes by urgency', async () => {
  const { decoders, decoder } = await one();
  const work = [
    ...['a', 'b', 'c'].map((id) => decoders.picture(picture(id))),
    decoders.burst(burst('d', 1), NO_SIGNAL),
    decoders.cut(cut('e')),
  ];
  await settle();
  assert.deepEqual(decoder.cameras, ['a', 'b']);
  assert.deepEqual(decoders.stats().waiting, { wanted: 1, due: 1, burst: 1 });
  assert.deepEqual(await answerAll(decoder), ['a', 'b', 'e', 'c', 'd']);
  assert.deepEqual(await Promise.all(work.map(outcome)), Array(5).fill('done'));
});

test('the newest due picture of a camera replaces the one that waits', async () => {
  const { decoders, decoder } = await one();
  const blocking = [decoders.picture(picture('x')), decoders.picture(picture('y'))];
  const older = outcome(decoders.picture(picture('a')));
  const newer = decoders.picture(picture('a', { units: units(1, 7) }));
  assert.equal(await older, 'REPLACED');
  await answerAll(decoder);
  await Promise.all([newer, ...blocking]);
});

test('a replaced picture that others continue is still decoded, with the one that replaces it', async () => {
  const { decoders, decoder } = await one();
  const first = decoders.picture(picture('a', { units: units(2) }));
  await settle();
  await answerAll(decoder);
  await first;
  const blocking = [decoders.picture(picture('x')), decoders.picture(picture('y'))];
  const older = outcome(decoders.picture(picture('a', { units: units(2, 2), continues: true })));
  const newer = decoders.picture(picture('a', { units: units(3, 4), continues: true }));
  assert.equal(await older, 'REPLACED');
  await decoder.answer();
  await decoder.answer();
  const [part] = decoder.parts;
  assert.ok(part?.type === 'decode');
  assert.deepEqual([decoder.units.at(-1), part.wanted, part.context.begin], [5, [4], false]);
  await answerAll(decoder);
  await Promise.all([newer, ...blocking]);
});

test('a job that continues a lost state is told so', async () => {
  const { decoders, decoder } = await one();
  assert.equal(await outcome(decoders.picture(picture('a', { continues: true }))), 'NEEDS_KEYFRAME');
  const first = outcome(decoders.picture(picture('a')));
  await settle();
  assert.ok(decoder.parts[0]?.type === 'decode' && decoder.parts[0].context.keep, 'kept from now on');
  await decoder.answer();
  assert.equal(await first, 'done');
  assert.equal(await outcome(decoders.picture(picture('a', { continues: true, stream: 2 }))), 'NEEDS_KEYFRAME');
  const next = outcome(decoders.picture(picture('a', { continues: true })));
  await settle();
  await decoder.refuse('NEEDS_KEYFRAME');
  assert.equal(await next, 'NEEDS_KEYFRAME');
  assert.equal(await outcome(decoders.picture(picture('a', { continues: true }))), 'NEEDS_KEYFRAME');
});

test('look-backs of one camera continue side by side', async () => {
  const { decoders, decoder } = await one(1);
  for (const continues of [false, true])
    for (const stream of [7, 8]) {
      const work = outcome(decoders.burst({ ...burst('a', 1), stream, continues }, NO_SIGNAL));
      await settle();
      const [part] = decoder.parts;
      assert.ok(part?.type === 'decode');
      assert.deepEqual(part.context, { name: `burst:${stream}`, begin: !continues, keep: true });
      await decoder.answer();
      assert.equal(await work, 'done');
    }
});

test('a keyframe alone is decoded with a state that no job continues', async () => {
  const { decoders, decoder } = await one();
  const work = decoders.picture(picture('a'));
  await settle();
  assert.ok(decoder.parts[0]?.type === 'decode');
  assert.equal(decoder.parts[0].context.name, null);
  await decoder.answer();
  assert.equal((await work).display.width, 1_280);
});

test('a long job goes in parts of about 50 ms, and a due picture waits for one part only', async () => {
  const { decoders, decoder } = await one(1);
  const seen: number[] = [];
  const long = decoders.burst(
    burst('slow', 20, (index) => seen.push(index)),
    NO_SIGNAL,
  );
  await settle();
  await decoder.answer(50);
  assert.deepEqual(decoder.units, [5, 5]);
  const due = outcome(decoders.picture(picture('quick')));
  const second = outcome(decoders.burst(burst('other', 1), NO_SIGNAL));
  await settle();
  assert.deepEqual(decoder.cameras, ['slow', 'quick'], 'no second burst behind the first');
  await decoder.answer(5);
  assert.deepEqual(decoder.cameras, ['quick', 'other'], 'bursts in turn');
  await answerAll(decoder);
  assert.deepEqual([await due, await second, await outcome(long)], ['done', 'done', 'done']);
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.ok(Math.max(...decoder.units) > 5, 'parts grow with the measured time');
});

test('bursts together stay within their share of time, and go on when there is room', async () => {
  const { decoders, decoder, clock } = await one();
  const first = outcome(decoders.burst(burst('a', 1), NO_SIGNAL));
  const second = outcome(decoders.burst(burst('b', 1), NO_SIGNAL));
  await settle();
  await decoder.answer(700);
  assert.equal(await first, 'done');
  assert.deepEqual(decoder.cameras, []);
  const due = outcome(decoders.picture(picture('c')));
  await settle();
  await decoder.answer();
  assert.equal(await due, 'done', 'others are not held up');
  await clock.advance(1_800);
  assert.deepEqual(decoder.cameras, []);
  await clock.advance(400);
  await decoder.answer();
  assert.equal(await second, 'done');
  assert.ok(decoders.stats().burstBusy > 0.06);
});

test('a burst that is ended is no longer decoded', async () => {
  const { decoders, decoder } = await one();
  const end = new AbortController();
  const work = outcome(decoders.burst(burst('a', 20), end.signal));
  await settle();
  end.abort();
  assert.equal(await work, 'STOPPED');
  await decoder.answer();
  assert.deepEqual(decoder.parts, []);
  assert.equal(await outcome(decoders.burst(burst('a', 2), end.signal)), 'STOPPED');
});

test('a receiver that fails ends its burst only', async () => {
  const { decoders, decoder } = await one();
  const fail = (): never => {
    throw new Error('no room');
  };
  const work = outcome(decoders.burst(burst('a', 20, fail), NO_SIGNAL));
  await settle();
  await decoder.answer();
  assert.equal(await work, 'STOPPED');
  const next = outcome(decoders.picture(picture('a')));
  await settle();
  await decoder.answer();
  assert.equal(await next, 'done');
});

test('cuts of a picture that is not kept any more are made from its units', async () => {
  const { decoders, decoder } = await one();
  const work = decoders.cut(cut('a', { units: units(2) }));
  await settle();
  await decoder.refuse('MISSING');
  const [part] = decoder.parts;
  assert.ok(part?.type === 'decode');
  assert.deepEqual([part.keepAs, part.fit, part.wanted], [0, null, []]);
  await decoder.answer();
  assert.equal(decoder.parts[0]?.type, 'cut');
  await decoder.answer();
  assert.equal((await work).length, 1);
  const damaged = outcome(decoders.cut(cut('b')));
  await settle();
  await decoder.refuse('MISSING');
  await decoder.answer();
  await decoder.refuse('MISSING');
  assert.equal(await damaged, 'UNDECODABLE');
});

test('jobs beyond all bounds are refused', async () => {
  const { decoders } = await one();
  const large = [{ ...units(1)[0]!, data: new Uint8Array(17 * 1024 * 1024) }];
  assert.equal(await outcome(decoders.picture(picture('a', { units: large }))), 'UNDECODABLE');
  assert.equal(await outcome(decoders.picture(picture('a', { units: [] }))), 'UNDECODABLE');
  assert.equal(await outcome(decoders.picture(picture('a', { units: units(4_001) }))), 'NEEDS_KEYFRAME');
  const cuts = Array(65).fill(cut('a').cuts[0]);
  assert.equal(await outcome(decoders.cut(cut('a', { cuts }))), 'TOO_MANY');
  const bursts = Array.from({ length: 4 }, () => outcome(decoders.burst(burst('a', 1), NO_SIGNAL)));
  assert.equal(await bursts[3], 'TOO_MANY');
});

test('a further decoder starts when all are busy, and takes over cameras whose own has no room', async () => {
  const { decoders, opened } = fakeDecoders(2);
  await opened[0]?.ready();
  const work = ['a', 'b', 'c', 'd'].map((id) => outcome(decoders.picture(picture(id))));
  await settle();
  assert.equal(opened.length, 2);
  await opened[1]?.ready();
  assert.deepEqual(
    [opened[0]?.cameras, opened[1]?.cameras],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  );
  for (const decoder of opened) for (let left = 2; left > 0; left -= 1) await decoder.answer();
  assert.deepEqual(await Promise.all(work), Array(4).fill('done'));
  const cuts = ['d', 'a'].map((id) => outcome(decoders.cut(cut(id))));
  await settle();
  assert.deepEqual([opened[0]?.cameras, opened[1]?.cameras], [['a'], ['d']], 'where their pictures are kept');
  for (const decoder of opened) await decoder.answer();
  await Promise.all(cuts);
});

test('jobs of a camera with state wait for its own decoder', async () => {
  const { decoders, opened } = fakeDecoders(2);
  const [first] = opened;
  await first?.ready();
  const begun = outcome(decoders.picture(picture('a', { units: units(2) })));
  await settle();
  await first?.answer();
  assert.equal(await begun, 'done');
  const work = ['x', 'y'].map((id) => outcome(decoders.picture(picture(id))));
  const next = outcome(decoders.picture(picture('a', { continues: true })));
  await settle();
  await opened[1]?.ready();
  assert.deepEqual([first?.cameras, opened[1]?.cameras], [['x', 'y'], []]);
  await first?.answer();
  assert.deepEqual(first?.cameras, ['y', 'a']);
  await first?.answer();
  await first?.answer();
  assert.deepEqual(await Promise.all([...work, next]), ['done', 'done', 'done']);
});

test('a camera that is forgotten gets no further answers, and its memory is freed', async () => {
  const { decoders, decoder } = await one();
  const work = [decoders.picture(picture('a')), decoders.cut(cut('a')), decoders.burst(burst('a', 2), NO_SIGNAL)];
  const outcomes = Promise.all(work.map(outcome));
  await settle();
  decoders.forget('a');
  assert.deepEqual(await outcomes, ['STOPPED', 'STOPPED', 'STOPPED']);
  assert.deepEqual(decoder.forgotten, ['a']);
  await decoder.answer();
  await decoder.answer();
  assert.deepEqual(decoders.stats().waiting, { wanted: 0, due: 0, burst: 0 });
});

test('a stop rejects all jobs and ends all decoders', async () => {
  const { decoders, opened, clock } = fakeDecoders(1);
  await opened[0]?.ready();
  const work = ['a', 'b', 'c'].map((id) => outcome(decoders.picture(picture(id))));
  await settle();
  await decoders.stop();
  assert.deepEqual(await Promise.all(work), Array(3).fill('STOPPED'));
  assert.equal(await outcome(decoders.picture(picture('a'))), 'STOPPED');
  await clock.advance(20_000);
  assert.equal(opened.length, 1, 'none is started again');
  assert.equal(clock.pending, 0);
});
