import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { IMAGING } from '../../src/actors/imaging.types.ts';
import type { AnalysedFrame } from '../../src/actors/imaging.types.ts';
import { imagingActor } from '../../src/actors/imaging.ts';
import { PictureOrders } from '../../src/actors/imaging/picture-orders.ts';
import type { IngestMessage } from '../../src/actors/ingest.types.ts';
import { DecodeError, type DecodedPicture } from '../../src/decoding/decoding.types.ts';
import type { EncodeJob } from '../../src/imaging/encode-job.ts';
import { cropOf, marksInCrop, wholePicture } from '../../src/imaging/picture-cuts.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { cropImageId, frameImageId, newRequestId } from '../../src/messages/ids.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import type { Deferred } from '../../src/runtime/message.ts';
import type { MetricLabels } from '../../src/runtime/metric-sink.ts';
import { NO_METRICS } from '../../src/runtime/metric-sink.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';

type Cut = Extract<IngestMessage, { type: 'cut' }>;
const JPEG = Uint8Array.of(0xff, 0xd8);
const GROUPS = [1, 2];

const frameAt = (at: number, isRare = false): AnalysedFrame => ({
  isRare,
  cameraId: 'cam',
  requestId: newRequestId(at),
  at,
  display: { width: 1_920, height: 1_080 },
  width: 1_280,
  height: 720,
  regions: GROUPS.map((groupIndex) => ({ groupIndex, left: 0, top: 0, width: 64, height: 36, marks: [] })),
});

const decoded = ({ cuts }: Cut): DecodedPicture[] =>
  cuts.map(() => ({ data: new Uint8Array(3), width: 1, height: 1, display: { width: 1_920, height: 1_080 } }));

/** The imaging actor between a bus and an ingest that answers when the test says so. */
async function imagingWorld(t: TestContext) {
  const clock = new ManualClock();
  const log = memoryLog();
  const bus = new FakeTaskBus(clock);
  const stored: string[] = [];
  const jobs: EncodeJob[] = [];
  const cuts: { readonly message: Cut; readonly answer: Deferred<readonly DecodedPicture[]> }[] = [];
  const counted: Record<string, number> = {};
  const nats = { down: false };
  const ingest = defineActor<Cut>()<null>({
    kind: 'ingest',
    mailbox: { capacity: 100, overflow: 'refuse' },
    start: (ctx) => ({
      handlers: {
        cut: (message) => {
          const answer = ctx.defer<readonly DecodedPicture[]>();
          cuts.push({ message, answer });
          return answer;
        },
      },
    }),
  });
  const encoder = {
    waiting: 0,
    encode: (job: EncodeJob) => {
      jobs.push(job);
      return Promise.resolve(JPEG);
    },
    shrink: (jpeg: Uint8Array) => Promise.resolve(jpeg),
  };
  const images = {
    put: async (id: string) => {
      if (nats.down) throw new InfraError('BUS_DOWN', 'NATS is reconnecting');
      stored.push(id);
    },
  };
  const parts = [child('ingest', ingest, () => null), child('imaging', imagingActor, () => ({ encoder, images, bus }))];
  const inc = (name: string, by: number, labels: MetricLabels = {}): void => {
    const series = [name, ...Object.values(labels)].join(' ');
    counted[series] = (counted[series] ?? 0) + by;
  };
  const system = await startSystem(supervisor('root', parts), {
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
  const remember = async (isRare = false): Promise<AnalysedFrame> => {
    const frame = frameAt(clock.now(), isRare);
    system.ref(IMAGING).tell({ type: 'remember', ...frame });
    await clock.advance(0);
    return frame;
  };
  const want = async (...imageIds: string[]): Promise<void> => {
    bus.broadcast(subjects.picturesWanted, { imageIds });
    await clock.advance(0);
  };
  const cut = async (index: number): Promise<void> => {
    const one = cuts[index] ?? assert.fail(`no cut ${index}`);
    one.answer.resolve(decoded(one.message));
    for (let turn = 0; turn < 4; turn += 1) await clock.advance(0);
  };
  return { clock, log, nats, stored, jobs, cuts, counted, remember, want, cut, stop };
}

test('nothing is made of a frame until somebody asks; then only the pictures asked for', async (t) => {
  const world = await imagingWorld(t);
  const { requestId, at } = await world.remember();
  assert.equal(world.cuts.length, 0);
  await world.want(cropImageId(requestId, 2), frameImageId(requestId));
  assert.equal(world.cuts.length, 1, 'those of one frame together');
  const { cuts, ...named } = world.cuts[0]!.message;
  assert.deepEqual(named, { type: 'cut', cameraId: 'cam', at });
  assert.deepEqual(cuts, [
    { left: 0, top: 0, width: 96, height: 54, maxSide: 640 },
    { left: 0, top: 0, width: 1_920, height: 1_080, maxSide: 1_280 },
  ]);
  await world.cut(0);
  assert.deepEqual(world.stored, [cropImageId(requestId, 2), frameImageId(requestId)]);
  assert.deepEqual(world.counted, { 'pictures_made_total crop': 1, 'pictures_made_total frame': 1 });
});

test('the JPEG of a rare frame is made at once', async (t) => {
  const world = await imagingWorld(t);
  const { requestId } = await world.remember(true);
  await world.cut(0);
  assert.deepEqual(world.stored, [frameImageId(requestId)]);
});

test('pictures of other nodes and those that cannot exist are not asked of the ingest', async (t) => {
  const world = await imagingWorld(t);
  const { requestId } = await world.remember();
  await world.want(frameImageId(newRequestId()), cropImageId(requestId, 3));
  assert.equal(world.cuts.length, 0);
});

test('a picture is made once, however often it is asked for, but again when it could not be stored', async (t) => {
  const world = await imagingWorld(t);
  const id = frameImageId((await world.remember()).requestId);
  await world.want(id);
  await world.want(id, id);
  world.nats.down = true;
  await world.cut(0);
  assert.deepEqual([world.cuts.length, world.stored], [1, []]);
  assert.deepEqual(world.counted, { images_failed_total: 1 });
  assert.ok(world.log.lines.some(({ message }) => message === `image ${id} could not be stored: NATS is reconnecting`));
  world.nats.down = false;
  await world.want(id);
  await world.cut(1);
  await world.want(id);
  assert.deepEqual([world.cuts.length, world.stored], [2, [id]]);
});

test('at most six frames are cut at once; further ones are made in turn, while somebody waits for them', async (t) => {
  const world = await imagingWorld(t);
  const ids: string[] = [];
  for (let index = 0; index < 14; index += 1) ids.push(frameImageId((await world.remember()).requestId));
  await world.want(...ids);
  assert.equal(world.cuts.length, 6);
  await world.cut(0);
  assert.deepEqual([world.cuts.length, world.stored], [7, ids.slice(0, 1)]);
  // The ingest does not answer in time, twice: nobody waits for the last order any more.
  await world.clock.advance(4_000);
  assert.deepEqual([world.cuts.length, world.counted['pictures_missed_total busy']], [13, 6]);
  await world.clock.advance(4_000);
  assert.deepEqual([world.cuts.length, world.counted['pictures_missed_total busy']], [13, 13]);
});

for (const { code, reason } of [
  { code: 'GONE', reason: 'gone' },
  { code: 'UNKNOWN_CAMERA', reason: 'gone' },
  { code: 'UNDECODABLE', reason: 'undecodable' },
  { code: 'TOO_MANY', reason: 'busy' },
]) {
  test(`a refusal ${code} of the ingest counts as ${reason}, with a line in the log`, async (t) => {
    const world = await imagingWorld(t);
    const { requestId } = await world.remember();
    await world.want(frameImageId(requestId), cropImageId(requestId, 1));
    const message = 'not here';
    const error =
      code === 'UNDECODABLE' || code === 'TOO_MANY'
        ? new DecodeError(code, message)
        : Object.assign(new Error(message), { code });
    world.cuts[0]!.answer.reject(error);
    await world.clock.advance(0);
    assert.deepEqual(world.counted, { [`pictures_missed_total ${reason}`]: 2 });
    assert.equal(world.log.lines.filter(({ message: line }) => line.endsWith('cannot be made: not here')).length, 1);
  });
}

test('at a stop, pictures that are being made are still stored, for at most two seconds', async (t) => {
  const world = await imagingWorld(t);
  const ids = [frameImageId((await world.remember()).requestId), frameImageId((await world.remember()).requestId)];
  await world.want(...ids);
  const stopped = world.stop();
  await world.clock.advance(1_000);
  await world.cut(0);
  await world.clock.advance(1_000);
  await stopped;
  assert.deepEqual(world.stored, ids.slice(0, 1));
});

test('orders are bounded: frames are forgotten by age and number', () => {
  const orders = new PictureOrders({ rememberMs: 1_000, mostFrames: 3, mostPictures: 2, patienceMs: 500 });
  const frames = [0, 1, 2, 3, 1_003].map((at) => frameAt(at));
  for (const frame of frames.slice(0, 4)) orders.remember(frame, frame.at);
  assert.equal(orders.remembered, 3);
  const ids = frames.map(({ requestId }) => frameImageId(requestId));
  orders.want(ids, 4);
  assert.deepEqual([orders.waiting, orders.next(4)?.imageIds], [3, [ids[1]]]);
  orders.remember(frames[4]!, 1_003);
  assert.equal(orders.remembered, 2, 'the one of 1,000 ms ago stays');
  assert.deepEqual([orders.next(600), orders.givenUp], [null, 2], 'after 500 ms nobody waits');
});

test('pictures of a frame beyond the bound of an order are the next order', () => {
  const orders = new PictureOrders({ rememberMs: 1_000, mostFrames: 3, mostPictures: 2, patienceMs: 500 });
  const frame = frameAt(0);
  const ids = [frameImageId(frame.requestId), ...GROUPS.map((group) => cropImageId(frame.requestId, group))];
  orders.remember(frame, 0);
  orders.want(ids, 0);
  assert.deepEqual(
    [orders.next(0)?.imageIds, orders.next(0)?.imageIds, orders.next(0)],
    [ids.slice(0, 2), ids.slice(2), null],
  );
});

test('the cut of a crop covers its region in the full picture, and marks keep their place in it', () => {
  const [from, full] = [
    { width: 1_280, height: 720 },
    { width: 3_840, height: 2_160 },
  ];
  const marks = [{ box: [110, 60, 200, 120], label: 1 }] as const;
  const region = { left: 100, top: 50, width: 400, height: 300, marks };
  const cut = cropOf(region, from, full);
  assert.deepEqual(cut, { left: 300, top: 150, width: 1_200, height: 900, maxSide: 640 });
  const [mark] = marksInCrop(region, from, full, { width: 640, height: 480 });
  assert.deepEqual(mark, { box: [16, 16, 160, 112], label: 1 });
  const odd = cropOf({ left: 0, top: 0, width: 1_280, height: 1 }, from, { width: 640, height: 360 });
  assert.deepEqual([odd.width, odd.height], [640, 1]);
  assert.equal(wholePicture({ width: 720, height: 1_280 }, 1_280).maxSide, 1_280, 'a high picture keeps its size');
  assert.equal(wholePicture({ width: 2_560, height: 5_120 }, 1_280).maxSide, 2_560, 'the width counts');
});
