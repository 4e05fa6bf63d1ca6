import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTogether } from '../../src/actors/scheduler/read-picture.ts';
import { awaitImages, imageWaitMs, type ImageSource } from '../../src/infra/image-wait.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { cropImageId, frameImageId, imageMadeAt, newRequestId, RequestId } from '../../src/messages/ids.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

const JPEG = Uint8Array.of(0xff, 0xd8);

/** A store whose images the test puts in; it can be deaf to watches, and down. */
function fakeSource({ deaf = false } = {}) {
  const stored = new Map<string, Uint8Array>();
  const watches = new Map<string, (jpeg: Uint8Array) => void>();
  const wanted: (readonly string[])[] = [];
  const world = { looks: 0, down: false };
  const source: ImageSource = {
    find: async (id) => {
      world.looks += 1;
      if (world.down) throw new InfraError('BUS_DOWN', 'NATS is reconnecting');
      return stored.get(id) ?? null;
    },
    want: (ids) => void wanted.push(ids),
    watch: (id, onStored) => {
      watches.set(id, onStored);
      return () => void watches.delete(id);
    },
  };
  const put = (id: string): void => {
    stored.set(id, JPEG);
    if (!deaf) watches.get(id)?.(JPEG);
  };
  return { source, put, wanted, watches, world };
}

/** The outcome of a promise so far. */
function outcome<T>(reading: Promise<T> | undefined): () => T | 'waiting' | Error {
  let value: T | 'waiting' | Error = 'waiting';
  void reading?.then(
    (result) => (value = result),
    (error: Error) => (value = error),
  );
  return () => value;
}

test('a request id tells when it was made; an image is waited for as long as it can be made', () => {
  const now = Date.parse('2026-05-04T03:02:01.234Z');
  const id = newRequestId(now);
  assert.ok(RequestId.safeParse(id).success, id);
  assert.equal(imageMadeAt(cropImageId(id, 1)), now);
  const waits = [0, 11_000, 12_001, -60_000].map((age) => imageWaitMs(frameImageId(id), now + age));
  assert.deepEqual(waits, [5_000, 5_000, 200, 5_000]);
  assert.equal(imageWaitMs(frameImageId('3f2c1a7e-9b4d-4c7e-8f00-0123456789ab'), now), 0, 'version 4 tells no time');
});

test('images that are not stored are asked for in one message, and come as soon as they are stored', async () => {
  const clock = new ManualClock();
  const { source, put, wanted, watches, world } = fakeSource();
  const requestId = newRequestId(clock.now());
  const ids = [1, 2, 3].map((group) => cropImageId(requestId, group));
  put(ids[1]!);
  const outcomes = awaitImages(ids, source, clock).map(outcome);
  await settle();
  assert.deepEqual(
    outcomes.map((each) => each()),
    ['waiting', JPEG, 'waiting'],
  );
  assert.deepEqual(wanted, [[ids[0], ids[2]]]);
  put(ids[0]!);
  await settle();
  assert.equal(outcomes[0]!(), JPEG);
  assert.equal(world.looks, 3, 'no further look was needed');
  await clock.advance(5_000);
  assert.equal(outcomes[2]!(), null);
  assert.deepEqual(wanted.slice(1), [[ids[2]]], 'asked once more, after a second');
  assert.equal(watches.size, 0);
});

test('a reader that gets no word of it looks again, in growing pauses', async () => {
  const clock = new ManualClock();
  const { source, put, world } = fakeSource({ deaf: true });
  const id = frameImageId(newRequestId(clock.now()));
  const read = outcome(awaitImages([id], source, clock)[0]);
  await clock.advance(200);
  put(id);
  await clock.advance(149);
  assert.equal(read(), 'waiting');
  await clock.advance(1);
  assert.equal(read(), JPEG);
  assert.equal(world.looks, 4, 'at 0, 50, 150 and 350 ms');
});

test('an old image is looked for, and not asked for', async () => {
  const clock = new ManualClock();
  const { source, wanted } = fakeSource();
  const read = outcome(awaitImages([frameImageId(newRequestId(clock.now() - 60_000))], source, clock)[0]);
  await clock.advance(200);
  assert.equal(read(), null);
  assert.deepEqual(wanted, []);
});

test('a reader that leaves ends its wait, with its reason, and so does a store that is down', async () => {
  const clock = new ManualClock();
  const { source, watches, world } = fakeSource();
  const [gone, id] = [new AbortController(), frameImageId(newRequestId(clock.now()))];
  const left = outcome(awaitImages([id], source, clock, gone.signal)[0]);
  await settle();
  gone.abort(new Error('left'));
  await settle();
  assert.equal(String(left()), 'Error: left');
  world.down = true;
  const refused = outcome(awaitImages([id], source, clock)[0]);
  await settle();
  assert.match(String(refused()), /NATS is reconnecting/u);
  assert.equal(watches.size, 0);
});

test("a task's picture is waited for until the deadline or the close, also with the store down", async () => {
  const clock = new ManualClock();
  const { source, put, world } = fakeSource();
  const [closing, enough] = [new AbortController(), new AbortController()];
  const images = {
    get: async (id: string, signal?: AbortSignal) => (await awaitImages([id], source, clock, signal)[0]) ?? null,
    getAll: (ids: readonly string[], signal?: AbortSignal) => awaitImages(ids, source, clock, signal),
  };
  const reading = { images, clock, log: memoryLog(), closing: closing.signal };
  const read = (forMs: number) => {
    const ids = [1, 2].map((group) => cropImageId(newRequestId(clock.now()), group));
    const outcomes = readTogether(ids, clock.now() + forMs, enough.signal, reading).map(outcome);
    return { ids, results: () => outcomes.map((each) => each()) };
  };

  const missing = read(1_000);
  await clock.advance(999);
  assert.deepEqual(missing.results(), ['waiting', 'waiting']);
  await clock.advance(1);
  assert.deepEqual(missing.results(), [null, null]);

  world.down = true;
  const [short, long] = [read(1_000), read(5_000)];
  await clock.advance(1_100);
  assert.deepEqual(
    [short.results(), long.results()],
    [
      [null, null],
      ['waiting', null],
    ],
  );
  world.down = false;
  put(long.ids[0]!);
  await clock.advance(250);
  assert.deepEqual(long.results(), [JPEG, null]);

  const satisfied = read(5_000);
  enough.abort();
  await settle();
  assert.deepEqual(satisfied.results(), [null, null]);
  closing.abort();
  const closed = read(5_000);
  await settle();
  assert.deepEqual(closed.results(), [null, null]);
});
