import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../src/runtime/testing/manual-clock.ts';
import { burst, type FakeDecoder, fakeDecoders, outcome, picture, units } from '../support/fake-decoders.ts';

const NO_SIGNAL = new AbortController().signal;
const PART_LIMIT_MS = 5_200;

async function started(count = 1) {
  const pool = fakeDecoders(count);
  await pool.opened[0]?.ready();
  /** The newest decoder, ready after a replacement. */
  const replaced = async (ms = 0): Promise<FakeDecoder> => {
    await pool.clock.advance(ms);
    const decoder = pool.opened.at(-1);
    assert.ok(decoder !== undefined);
    await decoder.ready();
    return decoder;
  };
  return { ...pool, first: pool.opened[0]!, replaced };
}

test('a decoder that dies costs the picture in hand; those behind it go to its replacement', async () => {
  const { decoders, first, replaced, log } = await started();
  const [inHand, behind, waiting] = ['bad', 'b', 'c'].map((id) => outcome(decoders.picture(picture(id))));
  await settle();
  await first.die();
  assert.equal(await inHand, 'DECODER_DIED');
  const next = await replaced();
  assert.deepEqual(next.cameras.toSorted(), ['b', 'c']);
  await next.answer();
  await next.answer();
  assert.deepEqual([await behind, await waiting], ['done', 'done']);
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields['cameraId']]),
    [['error', 'bad']],
  );
  assert.equal(decoders.stats().died, 1);
});

test('a picture that takes too long costs that picture, and the decoder is replaced', async () => {
  const { decoders, first, replaced, clock } = await started();
  const [slow, behind] = ['slow', 'b'].map((id) => outcome(decoders.picture(picture(id))));
  await settle();
  await clock.advance(PART_LIMIT_MS - 1);
  assert.ok(!first.isKilled);
  await clock.advance(1);
  assert.ok(first.isKilled);
  assert.equal(await slow, 'TIMED_OUT');
  await (await replaced()).answer();
  assert.equal(await behind, 'done');
});

test('the limit of time counts from the answer before', async () => {
  const { decoders, first, clock } = await started();
  const work = ['a', 'b'].map((id) => outcome(decoders.picture(picture(id))));
  await settle();
  await clock.advance(4_000);
  await first.answer();
  await clock.advance(4_000);
  assert.ok(!first.isKilled);
  await first.answer();
  assert.deepEqual(await Promise.all(work), ['done', 'done']);
});

test('a job that continues is told that the state is lost, also when it only waited', async () => {
  const { decoders, first, replaced } = await started();
  const begun = outcome(decoders.picture(picture('a', { units: units(2) })));
  await settle();
  await first.answer();
  assert.equal(await begun, 'done');
  const bad = outcome(decoders.picture(picture('bad')));
  const next = outcome(decoders.picture(picture('a', { continues: true })));
  await settle();
  await first.die();
  assert.deepEqual([await bad, await next], ['DECODER_DIED', 'NEEDS_KEYFRAME']);
  assert.equal(await outcome(decoders.picture(picture('a', { continues: true }))), 'NEEDS_KEYFRAME');
  await replaced();
});

test('a burst between two parts begins anew and gives no picture twice', async () => {
  const { decoders, first, replaced } = await started();
  const seen: number[] = [];
  const work = outcome(
    decoders.burst(
      burst('a', 12, (index) => seen.push(index)),
      NO_SIGNAL,
    ),
  );
  await settle();
  const bad = outcome(decoders.picture(picture('bad')));
  await settle();
  await first.answer(50);
  assert.deepEqual(first.cameras, ['bad', 'a']);
  await first.die();
  assert.equal(await bad, 'DECODER_DIED');
  const next = await replaced();
  assert.ok(next.parts[0]?.type === 'decode' && next.parts[0].context.begin);
  while (next.parts.length > 0) await next.answer();
  assert.equal(await work, 'done');
  assert.deepEqual(
    seen,
    Array.from({ length: 12 }, (_, index) => index),
  );
});

test('a decoder that gives its memory back is nobody’s fault and costs no picture', async () => {
  const { decoders, first, replaced } = await started();
  const work = outcome(decoders.picture(picture('a')));
  await settle();
  await first.die(true);
  await (await replaced()).answer();
  assert.equal(await work, 'done');
  assert.deepEqual(decoders.stats().isolated, []);
});

test('a camera that ends a decoder again gets one of its own, and shares one again after ten minutes', async () => {
  const { decoders, first, replaced, clock, opened, log } = await started();
  let decoder = first;
  for (let death = 0; death < 2; death += 1) {
    const work = outcome(decoders.picture(picture('bad')));
    await settle();
    await decoder.die();
    assert.equal(await work, 'DECODER_DIED');
    if (death === 0) decoder = await replaced();
  }
  assert.deepEqual(decoders.stats().isolated, ['bad']);
  const own = opened.at(-1)!;
  await own.ready();
  await clock.advance(300);
  const shared = await replaced();
  assert.notEqual(shared, own);
  const work = ['bad', 'good'].map((id) => outcome(decoders.picture(picture(id))));
  await settle();
  assert.deepEqual([own.cameras, shared.cameras], [['bad'], ['good']]);
  await own.answer();
  await shared.answer();
  assert.deepEqual(await Promise.all(work), ['done', 'done']);
  await clock.advance(610_000);
  assert.deepEqual(decoders.stats().isolated, []);
  const again = outcome(decoders.picture(picture('bad')));
  await settle();
  assert.deepEqual(shared.cameras, ['bad']);
  await shared.answer();
  assert.equal(await again, 'done');
  assert.ok(log.lines.some(({ fields, level }) => level === 'info' && fields['cameraId'] === 'bad'));
});

test('a decoder that fails to start is tried again with growing pauses, and one that hangs is ended', async () => {
  const { opened, clock, log } = fakeDecoders();
  const startedAt: number[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    startedAt.push(clock.now());
    await opened.at(-1)?.die();
    const before = opened.length;
    while (opened.length === before) await clock.advance(50);
  }
  const pauses = startedAt.slice(1).map((at, index) => at - startedAt[index]!);
  assert.deepEqual(pauses, [50, 250, 500, 1_000, 2_000, 4_000, 8_000]);
  await clock.advance(20_300);
  assert.ok(opened.at(-2)?.isKilled);
  assert.match(JSON.stringify(log.lines.at(-1)), /did not start within 20 s/u);
});
