import assert from 'node:assert/strict';
import { PLAIN_WAY } from '../../src/actors/camera/camera-way.types.ts';
import { test } from 'node:test';
import { EarlierMoments } from '../../src/actors/camera/earlier-moments.ts';
import { PictureQueue } from '../../src/actors/camera/picture-queue.ts';
import type { BurstOutcome } from '../../src/actors/ingest.types.ts';
import { TrafficCounts } from '../../src/messages/counted-bin.ts';
import { Detection } from '../../src/messages/detection.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { imageMadeAt } from '../../src/messages/ids.ts';
import type { RawDetection } from '../../src/vision/vision.types.ts';
import { watchedIncident } from '../support/fake-watch.ts';
import { countedBin } from '../support/http-samples.ts';
import { until } from '../support/until.ts';

import { AT, cameraWorld, INIT, INPUT, picture } from '../support/camera-world.ts';

const car = (left: number): RawDetection => ({ class: 'car', confidence: 0.9, bbox: [left, 0, left + 0.4, 1] });

test('a camera asks for pictures in the size of its detector, and gives the stream up at a stop', async (t) => {
  const { asked, stop } = await cameraWorld(t, async () => []);
  await until('the request', () => asked.length === 1);
  assert.deepEqual(asked[0], {
    type: 'follow',
    cameraId: 'cam',
    settings: INIT.settings,
    intervalMs: 1_000,
    fit: INPUT,
  });
  await stop();
  assert.deepEqual(asked.slice(1), [{ type: 'unfollow', cameraId: 'cam' }]);
});

test('a camera is done with what an earlier incarnation was sent when it starts, and after each picture', async (t) => {
  const { counts, asked, shown } = await cameraWorld(t, async () => []);
  await until('the request', () => asked.length === 1);
  assert.deepEqual(counts, { done: 1, doneOfBursts: 1 });
  await shown();
  await until('the next may come', () => counts.done === 2);
});

test('a restart keeps the stream', async (t) => {
  const { asked, system } = await cameraWorld(t, async () => []);
  await system.restart('/camera');
  await until('the second request', () => asked.length === 2);
  assert.deepEqual(
    asked.map(({ type }) => type),
    ['follow', 'follow'],
  );
});

test('a frame has the number, time and ids of its picture, and can be asked for before it is published', async (t) => {
  const { shown, remembered, order } = await cameraWorld(t, async () => [car(0.2), car(0.4)]);
  const detection = Detection.parse(await shown());
  const { requestId, frameNumber, imageId, timestamp, trafficGroups } = detection;
  assert.deepEqual([frameNumber, imageId, timestamp], [42, `${requestId}.frame`, new Date(AT).toISOString()]);
  assert.equal(imageMadeAt(`${requestId}.frame`), AT, "the id tells the picture's age");
  assert.deepEqual(order, ['remembered', 'published']);
  const [{ type, regions, ...facts } = assert.fail()] = remembered;
  assert.deepEqual(
    [type, facts],
    [
      'remember',
      { cameraId: 'cam', requestId, at: AT, display: { width: 2, height: 2 }, width: 2, height: 2, isRare: false },
    ],
  );
  assert.deepEqual(
    regions.map(({ groupIndex, marks }) => [`${requestId}.g${groupIndex}`, marks.length]),
    [[trafficGroups[0]?.cropId, 2]],
  );
});

test('boxes of a large picture are in px of one 1,280 px wide', async (t) => {
  const { shown, remembered } = await cameraWorld(t, async ({ display }) => {
    assert.deepEqual(display, { width: 1_280, height: 720 });
    return [];
  });
  const { imageWidth, imageHeight } = await shown({ display: { width: 3_840, height: 2_160 } });
  assert.deepEqual([imageWidth, imageHeight], [1_280, 720]);
  assert.deepEqual(remembered[0]?.display, { width: 3_840, height: 2_160 });
});

test('pictures of a look-back are analysed, and not published where they change nothing', async (t) => {
  const { shown, detections, ref, system, watch, counts } = await cameraWorld(t, async () => [car(0.2)]);
  await shown();
  for (const at of [AT - 500, AT - 400]) ref.tell(picture({ burst: true, at }));
  await until('both were analysed', () => counts.doneOfBursts === 3);
  assert.deepEqual(
    watch.frames.map(({ at, burst }) => [at - AT, burst]),
    [
      [0, false],
      [-500, true],
      [-400, true],
    ],
  );
  assert.equal(detections.length, 1);
  assert.match(JSON.stringify(system.snapshot()), /"burst":2/u);
});

test('an incident that a look-back shows is published with the newest frame, as a frame of its own', async (t) => {
  const { shown, detections, remembered, ref, watch } = await cameraWorld(t, async () => [car(0.2), car(0.4)]);
  const first = await shown({ display: { width: 640, height: 360 } });
  watch.find = () => ({ changed: true, incidents: [watchedIncident({ trackIds: [2, 1] })] });
  ref.tell(picture({ burst: true, at: AT - 500, display: { width: 640, height: 360 } }));
  const again = Detection.parse(await until('it is published', () => detections[1]));
  const { requestId, incidents, ...facts } = again;
  const { requestId: _, incidents: none, traceId, trafficGroups, ...before } = Detection.parse(first);
  assert.deepEqual(none, []);
  assert.notEqual(requestId, first.requestId);
  assert.equal(imageMadeAt(requestId), AT, 'the time of the newest frame');
  assert.deepEqual(
    { ...facts, traceId, trafficGroups },
    {
      ...before,
      traceId,
      trafficGroups,
      frameNumber: 43,
      imageId: `${requestId}.frame`,
    },
  );
  const [incident] = incidents;
  assert.deepEqual(
    [incident?.objects, incident?.subjectIndex, incident?.cropId],
    [[0, 1], 2, `${requestId}.g2`],
    'after the one group',
  );
  const { regions, at, display } = remembered[1] ?? assert.fail();
  assert.deepEqual(
    regions.map(({ groupIndex, marks }) => [groupIndex, marks.length]),
    [
      [1, 2],
      [2, 2],
    ],
  );
  assert.deepEqual([at, display], [AT, { width: 640, height: 360 }]);
  const later = await shown({ at: AT + 1_000, display: { width: 640, height: 360 } });
  assert.deepEqual(later.incidents[0]?.earlier, [{ cropId: `${requestId}.g2`, timestamp: new Date(AT).toISOString() }]);
});

test('a wish of the watch is asked of the ingest, one at a time, and a refusal is no failure', async (t) => {
  const { shown, bursts, answers, watch, failures } = await cameraWorld(t, async () => []);
  const gate = Promise.withResolvers<BurstOutcome>();
  answers.burst = () => gate.promise;
  watch.find = ({ at }) => ({ burst: { from: at - 1_000, to: at, fps: 5 } });
  await shown();
  await shown({ at: AT + 1_000 });
  await until('the first wish', () => bursts.length === 1);
  assert.deepEqual({ ...bursts[0] }, { type: 'burst', cameraId: 'cam', from: AT - 1_000, to: AT, fps: 5 });
  gate.reject(new Error('too many'));
  await until('the next wish', async () => {
    await shown({ at: AT + 2_000 + bursts.length });
    return bursts.length > 1;
  });
  assert.deepEqual(failures, []);
});

test('a changed scene goes to the watch, and the stream goes on', async (t) => {
  const { shown, ref, watch, asked } = await cameraWorld(t, async () => []);
  await shown();
  const settings = {
    scene: { width: 640, height: 360, zones: [], lines: [], speedLimitKmh: 50 },
    thresholds: thresholdsWith({ speeding: { minLimitRatio: 2 } }),
  };
  ref.tell({ type: 'scene', ...settings, way: PLAIN_WAY });
  await shown({ at: AT + 1_000 });
  assert.deepEqual(watch.scenes, [settings]);
  assert.deepEqual([watch.made.length, asked.length], [1, 1]);
});

test('finished minutes of counts are told, also at a change of size and at the end, each with an own id', async (t) => {
  const { shown, watch, counted, stop } = await cameraWorld(t, async () => []);
  const [first, second, third] = ['00', '01', '02'].map((minute) => countedBin(`2026-05-04T00:${minute}:00.000Z`));
  watch.find = () => (watch.frames.length === 1 ? { counts: [first!] } : {});
  await shown();
  await until('the first', () => counted.length === 1);
  watch.rest.push(second!);
  await shown({ at: AT + 1_000, display: { width: 4, height: 4 } });
  await until('the second', () => counted.length === 2);
  watch.rest.push(third!);
  await stop();
  assert.deepEqual(
    counted.map((counts) => [counts.cameraId, counts.start, TrafficCounts.parse(counts).lines]),
    [first!, second!, third!].map(({ start, lines }) => ['cam', start, lines]),
  );
  assert.equal(new Set(counted.map(({ countId }) => countId)).size, 3);
});

test('a picture in which nothing moves is published without the detector, and counted', async (t) => {
  let looks = 0;
  const detect = async (): Promise<RawDetection[]> => {
    looks += 1;
    return [car(0.2), car(0.4)];
  };
  const { shown, system } = await cameraWorld(t, detect, { stillSeconds: 10 });
  const first = await shown();
  const still = await shown({ at: AT + 1_000 });
  assert.deepEqual([looks, still.frameNumber], [1, first.frameNumber + 1]);
  assert.deepEqual(
    still.detectedObjects.map(({ bbox }) => bbox),
    first.detectedObjects.map(({ bbox }) => bbox),
  );
  assert.match(JSON.stringify(system.snapshot()), /"still":1/u);
  await shown({ at: AT + 2_000, data: new Uint8Array(12).fill(90) });
  await shown({ at: AT + 12_000, data: new Uint8Array(12).fill(90) });
  assert.equal(looks, 2, 'light alone is no motion, ten seconds are up');
});

test("a detection carries the camera's settings, the earlier crops of its groups, and names of this run", async (t) => {
  const own = { freshnessSeconds: 1.5, prompt: 'a school crossing' };
  let frames = 0;
  // A third car is there in every second frame, so that the group is never unchanged.
  const detect = async (): Promise<RawDetection[]> =>
    frames++ % 2 === 0 ? [car(0.2), car(0.4)] : [car(0.2), car(0.4), car(0.6)];
  const { shown } = await cameraWorld(t, detect, own);
  const moments = new EarlierMoments();
  for (const at of [0, 500, 1_000, 1_500]) {
    const detection = Detection.parse(await shown({ at: AT + at }));
    const { requestId, timestamp, trafficGroups, freshnessSeconds, prompt } = detection;
    assert.deepEqual({ freshnessSeconds, prompt }, own);
    assert.match(trafficGroups[0]?.groupId ?? '', /^g1-[0-9a-z]{5}$/);
    const subjects = trafficGroups.map((each) => ({ ...each, id: each.groupId, subjectIndex: each.groupIndex }));
    const [expected] = moments.add(requestId, subjects, Date.parse(timestamp));
    assert.deepEqual(trafficGroups[0]?.earlier ?? [], expected);
    assert.equal(expected?.length, Math.min(2, at / 500));
  }
});

test('the analysis in progress at a stop is still published', async (t) => {
  const analysing = Promise.withResolvers<void>();
  const analysed = Promise.withResolvers<[]>();
  const { detections, ref, stop } = await cameraWorld(t, () => {
    analysing.resolve();
    return analysed.promise;
  });
  ref.tell(picture());
  await analysing.promise;
  const stopped = stop();
  analysed.resolve([]);
  await stopped;
  assert.equal(detections.length, 1);
});

test('an analysis that throws fails the actor', async (t) => {
  const { failures, detections, ref } = await cameraWorld(t, () => Promise.reject(new Error('broken')));
  ref.tell(picture());
  await until('the failure', () => failures.length > 0);
  assert.deepEqual(failures, ['/camera']);
  assert.equal(detections.length, 0);
});

test('the newest picture replaces the one that waits, and each is taken once', async () => {
  const pictures = new PictureQueue();
  const display = { width: 1, height: 1 };
  const frame = { data: new Uint8Array(3), width: 1, height: 1, display };
  const put = (at: number, burst = false): void => pictures.put({ frame, display, at, burst, times: null });
  const first = pictures.take();
  for (const at of [1, 2, 3]) put(at);
  assert.equal((await first)?.at, 1, 'a taker that waits gets the next one');
  assert.equal((await pictures.take())?.at, 3);
  assert.equal(pictures.replaced, 1);
  for (const at of [11, 12, 13, 14, 15]) put(at, true);
  put(4);
  const taken: (number | undefined)[] = [];
  for (let n = 0; n < 5; n += 1) taken.push((await pictures.take())?.at);
  assert.deepEqual(taken, [4, 11, 12, 13, 14], 'regular ones first, those of look-backs in order');
  assert.equal(pictures.dropped, 1);
  const last = pictures.take();
  pictures.close();
  assert.equal(await last, null);
  put(5);
  put(16, true);
  assert.equal(await pictures.take(), null);
});
