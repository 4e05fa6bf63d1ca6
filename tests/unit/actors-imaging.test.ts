import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { IMAGING, imagingActor } from '../../src/actors/imaging.ts';
import { UnstoredPictures } from '../../src/actors/unstored-pictures.ts';
import { readPicture } from '../../src/actors/scheduler/read-picture.ts';
import { NewestFrame } from '../../src/actors/camera/newest-frame.ts';
import type { EncodedFrame } from '../../src/imaging/encode-job.ts';
import type { Encoder } from '../../src/imaging/jpeg-encoder.ts';
import { awaitImage, imageWaitMs } from '../../src/infra/image-wait.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { cropImageId, frameImageId, imageMadeAt, newRequestId, RequestId } from '../../src/messages/ids.ts';
import { transfer } from '../../src/runtime/transfer.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { NO_METRICS } from '../../src/runtime/metric-sink.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

const JPEG = Uint8Array.of(0xff, 0xd8);
const PATIENCE = { timeoutMs: 60_000 };

/** The imaging actor before an encoder that answers when it is told to. */
async function imagingWorld(t: TestContext, broken = new Set<string>()) {
  const clock = new ManualClock();
  const log = memoryLog();
  const stored: string[] = [];
  const encodings: PromiseWithResolvers<EncodedFrame>[] = [];
  let failed = 0;
  const encoder = {
    waiting: 0,
    encode: (_job: unknown, signal: AbortSignal) => {
      const encoding = Promise.withResolvers<EncodedFrame>();
      signal.addEventListener('abort', () => encoding.reject(new Error('aborted')));
      encodings.push(encoding);
      return encoding.promise;
    },
  } as unknown as Encoder;
  const nats = { down: false };
  const images = {
    put: async (id: string) => {
      if (nats.down) throw new InfraError('BUS_DOWN', 'NATS is reconnecting');
      if (broken.has(id)) throw new Error('no room');
      stored.push(id);
    },
    find: () => Promise.resolve(null),
    get: () => Promise.resolve(null),
  };
  const init = { encoder, images };
  const inc = (name: string, by: number): void => void (failed += name === 'images_failed_total' ? by : 0);
  const system = await startSystem(supervisor('root', [child('imaging', imagingActor, () => init)]), {
    log,
    clock,
    metrics: { ...NO_METRICS, inc },
    onEscalation: (error) => assert.fail(error.message),
  });
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopped ??= system.stop());
  t.after(async () => {
    const stopping = stop();
    await clock.advance(10_000);
    await stopping;
  });
  const store = (requestId: RequestId): Promise<'done'> => {
    const region = { left: 0, top: 0, width: 1, height: 1, groupIndex: 1, marks: [] };
    const data = transfer(new Uint8Array(3));
    return system
      .ref(IMAGING)
      .ask({ type: 'store', requestId, data, width: 1, height: 1, regions: [region] }, PATIENCE);
  };
  return { clock, log, nats, stored, encodings, store, stop, failed: () => failed };
}

test('a JPEG that cannot be stored is counted and logged with its reason, and the others are stored', async (t) => {
  const requestId = newRequestId();
  const world = await imagingWorld(t, new Set([cropImageId(requestId, 1)]));
  const done = world.store(requestId);
  await world.clock.advance(0);
  world.encodings[0]!.resolve({ frame: JPEG, regions: [JPEG] });
  assert.equal(await done, 'done');
  assert.deepEqual(world.stored, [frameImageId(requestId)]);
  assert.equal(world.failed(), 1);
  assert.ok(world.log.lines.some(({ message }) => message.endsWith('.g1 could not be stored: no room')));
});

test('pictures made while NATS is down are stored when it is back, and their camera does not wait', async (t) => {
  const world = await imagingWorld(t);
  world.nats.down = true;
  const ids: RequestId[] = [];
  for (let index = 0; index < 3; index += 1) {
    const requestId = newRequestId();
    ids.push(requestId);
    const done = world.store(requestId);
    await world.clock.advance(0);
    world.encodings[index]!.resolve({ frame: JPEG, regions: [JPEG] });
    assert.equal(await done, 'done');
  }
  await world.clock.advance(20_000);
  assert.deepEqual(world.stored, []);
  world.nats.down = false;
  await world.clock.advance(250);
  const expected = ids.flatMap((id) => [frameImageId(id), cropImageId(id, 1)]);
  assert.deepEqual(world.stored.toSorted(), expected.toSorted(), 'each once');
  assert.equal(world.failed(), 0);
});

test('pictures that NATS has not taken by the stop count as failed', async (t) => {
  const world = await imagingWorld(t);
  world.nats.down = true;
  const done = world.store(newRequestId());
  await world.clock.advance(0);
  world.encodings[0]!.resolve({ frame: JPEG, regions: [JPEG] });
  await done;
  await world.stop();
  assert.equal(world.failed(), 2);
});

test('of more unstored pictures than fit into 64 MB the oldest are given up, and the newest stored first', async () => {
  const clock = new ManualClock();
  const stored: string[] = [];
  const failed: string[] = [];
  let down = true;
  const unstored = new UnstoredPictures({
    clock,
    put: async (id) => {
      if (down) throw new InfraError('BUS_DOWN', 'NATS is reconnecting');
      stored.push(id);
    },
    onFailed: (id) => void failed.push(id),
  });
  const large = new Uint8Array(8 * 1024 * 1024);
  const ids = Array.from({ length: 10 }, () => frameImageId(newRequestId()));
  for (const id of ids) {
    unstored.add(id, large);
    await clock.advance(0);
  }
  // The first one is under way, so it is kept.
  assert.deepEqual(failed, ids.slice(1, 3));
  assert.equal(unstored.size, 8);
  down = false;
  await clock.advance(250);
  assert.deepEqual(stored, [ids[0], ...ids.slice(3).toReversed()]);
  assert.equal(unstored.size, 0);
});

test('a frame that cannot be encoded is counted and logged with its reason', async (t) => {
  const world = await imagingWorld(t);
  const requestId = newRequestId();
  const done = world.store(requestId);
  await world.clock.advance(0);
  world.encodings[0]!.reject(new Error('the queue is full'));
  assert.equal(await done, 'done');
  assert.equal(world.failed(), 1);
  assert.ok(world.log.lines.some(({ message }) => message.endsWith('could not be encoded: the queue is full')));
});

test('at a stop, pictures that are being encoded are still stored', async (t) => {
  const world = await imagingWorld(t);
  const requestId = newRequestId();
  void world.store(requestId).catch(() => undefined);
  await world.clock.advance(0);
  const stopped = world.stop();
  await world.clock.advance(1_000);
  world.encodings[0]!.resolve({ frame: JPEG, regions: [JPEG] });
  await stopped;
  assert.deepEqual(world.stored.toSorted(), [frameImageId(requestId), cropImageId(requestId, 1)].toSorted());
});

test('a stop waits at most two seconds for pictures, and what is left counts as failed', async (t) => {
  const world = await imagingWorld(t);
  void world.store(newRequestId()).catch(() => undefined);
  await world.clock.advance(0);
  const stopped = world.stop();
  await world.clock.advance(2_000);
  await stopped;
  assert.equal(world.failed(), 1);
});

test('the newest frame replaces the one that waits, and each is taken once', async () => {
  const frames = new NewestFrame();
  const frame = { data: new Uint8Array(3), width: 1, height: 1 };
  const first = frames.take();
  for (const at of [1, 2, 3]) frames.put({ frame, at });
  assert.equal((await first)?.at, 1, 'a taker that waits gets the next one');
  assert.equal((await frames.take())?.at, 3);
  assert.equal(frames.replaced, 1);
  const last = frames.take();
  frames.close();
  assert.equal(await last, null);
  frames.put({ frame, at: 4 });
  assert.equal(await frames.take(), null);
});

test('a request id tells when it was made, and its images are waited for until they are 5 s old', () => {
  const now = Date.parse('2026-05-04T03:02:01.234Z');
  const id = newRequestId(now);
  assert.ok(RequestId.safeParse(id).success, id);
  assert.equal(imageMadeAt(cropImageId(id, 1)), now);
  const waits = [0, 1_000, 4_900, 60_000, -60_000].map((age) => imageWaitMs(frameImageId(id), now + age));
  assert.deepEqual(waits, [5_000, 4_000, 200, 200, 5_000]);
  assert.equal(imageWaitMs(frameImageId('3f2c1a7e-9b4d-4c7e-8f00-0123456789ab'), now), 0, 'version 4 tells no time');
});

test('a reader of an image looks until it is stored, and not when it is old', async () => {
  const clock = new ManualClock();
  const storedAt = clock.now() + 300;
  let looks = 0;
  const find = async () => {
    looks += 1;
    return clock.now() >= storedAt ? JPEG : null;
  };
  const young = awaitImage(frameImageId(newRequestId(clock.now())), find, clock);
  await clock.advance(1_000);
  assert.equal(await young, JPEG);
  assert.equal(looks, 5, 'after 0, 20, 60, 140 and 300 ms');
  const old = awaitImage(frameImageId(newRequestId(clock.now() - 60_000)), async () => null, clock);
  await clock.advance(200);
  assert.equal(await old, null);
});

test('a picture is waited for until it is stored, the deadline or the close, also with the store down', async () => {
  const clock = new ManualClock();
  let answer: () => Promise<Uint8Array | null> = () => Promise.resolve(null);
  const closing = new AbortController();
  const source = {
    images: {
      get: (id: string, signal?: AbortSignal) => awaitImage(id, answer, clock, signal),
      find: () => Promise.resolve(null),
    },
    clock,
    log: memoryLog(),
    closing: closing.signal,
  };
  const read = (forMs: number): Promise<Uint8Array | null> =>
    readPicture(frameImageId(newRequestId(clock.now())), clock.now() + forMs, source);
  const outcome = (reading: Promise<Uint8Array | null>): (() => Uint8Array | null | 'reading') => {
    let value: Uint8Array | null | 'reading' = 'reading';
    void reading.then((jpeg) => (value = jpeg));
    return () => value;
  };

  const missing = outcome(read(1_000));
  await clock.advance(999);
  assert.equal(missing(), 'reading');
  await clock.advance(1);
  assert.equal(missing(), null);

  answer = () => Promise.reject(new InfraError('BUS_DOWN', 'NATS is reconnecting'));
  const [down, back] = [outcome(read(1_000)), outcome(read(5_000))];
  await clock.advance(1_100);
  assert.deepEqual([down(), back()], [null, 'reading']);
  answer = () => Promise.resolve(JPEG);
  await clock.advance(250);
  assert.equal(back(), JPEG);

  answer = () => Promise.resolve(null);
  const closed = outcome(read(5_000));
  closing.abort();
  await settle();
  assert.equal(closed(), null);
});
