import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DetectedObject, TrafficGroup } from '../../src/messages/detection.ts';
import { createAnalyser } from '../../src/vision/analyse.ts';
import { markedCrops } from '../../src/vision/crop.ts';
import type { Detector, RawDetection } from '../../src/vision/vision.types.ts';

const frame = { data: new Uint8Array(1280 * 720 * 3), width: 1280, height: 720 };
const native = <T>(work: () => Promise<T>): Promise<T> => work();

/** A detector that sees what it is told. */
function scripted(...frames: RawDetection[][]): Detector {
  let at = 0;
  return {
    modelType: 'scripted',
    inputSize: { width: 448, height: 336 },
    detect: async () => frames[at++] ?? [],
    release: async () => {},
  };
}
const car = (x: number, y: number): RawDetection => ({
  class: 'car',
  confidence: 0.123456,
  bbox: [x + 0.04, y + 0.06, x + 40.11111, y + 30],
});

describe('analysing frames', () => {
  it('objects and groups are of the protocol, with readable numbers', async () => {
    const analyser = createAnalyser({ detector: scripted([car(100, 100), car(160, 100), car(900, 500)]) });
    const { objects, groups } = await analyser.analyse(frame, 0, native);
    for (const object of objects) assert.deepEqual(DetectedObject.parse(object), object);
    for (const group of groups) assert.deepEqual(TrafficGroup.parse(group), group);
    assert.deepEqual(
      objects.map((object) => object.objectId),
      [0, 1, 2],
    );
    assert.deepEqual(objects[0], {
      objectId: 0,
      trackId: 1,
      class: 'car',
      confidence: 0.1235,
      bbox: [100, 100.1, 140.1, 130],
      velocity: null,
    });
    assert.deepEqual(
      groups.map((group) => [group.groupIndex, group.groupId, group.memberIndices]),
      [[1, 'g1', [0, 1]]],
    );
  });

  it('a frame that was scaled down gives the groups of the picture as shown', async () => {
    const small = {
      data: new Uint8Array(448 * 252 * 3),
      width: 448,
      height: 252,
      display: { width: 1280, height: 720 },
    };
    const cars = [car(100, 100), car(160, 100), car(900, 500)];
    const whole = await createAnalyser({ detector: scripted(cars) }).analyse(frame, 0, native);
    const scaled = await createAnalyser({ detector: scripted(cars) }).analyse(small, 0, native);
    assert.equal(whole.groups.length, 1);
    assert.deepEqual(scaled, whole);
  });

  it('each crop is marked with the boxes and ids of its own members, of forty at most', async () => {
    const crowd = Array.from({ length: 45 }, (_, n) => car(20 + (n % 9) * 45, 300 + Math.floor(n / 9) * 35));
    const analyser = createAnalyser({ detector: scripted([car(900, 100), car(945, 100), ...crowd]) });
    const analysis = await analyser.analyse(frame, 0, native);
    const crops = markedCrops(analysis, frame.width, frame.height);
    assert.deepEqual(
      crops.map(({ groupIndex }) => groupIndex),
      analysis.groups.map(({ groupIndex }) => groupIndex),
    );
    const pair = crops.find(({ left }) => left > 800);
    assert.deepEqual(pair?.marks, [
      { box: analysis.objects[0]?.bbox, label: 0 },
      { box: analysis.objects[1]?.bbox, label: 1 },
    ]);
    const most = crops.find(({ left }) => left < 100);
    assert.equal(most?.marks.length, 40);
  });

  it('tracks, speeds and names of groups go on from frame to frame', async () => {
    const analyser = createAnalyser({
      detector: scripted([car(100, 100), car(200, 100)], [], [car(240, 100), car(110, 100)]),
    });
    await analyser.analyse(frame, 10_000, native);
    assert.deepEqual(await analyser.analyse(frame, 11_000, native), { objects: [], groups: [] });
    const { objects, groups } = await analyser.analyse(frame, 12_000, native);
    assert.deepEqual(
      objects.map(({ trackId, velocity }) => ({ trackId, velocity })),
      [
        { trackId: 2, velocity: [20, 0] },
        { trackId: 1, velocity: [5, 0] },
      ],
    );
    assert.equal(groups[0]!.groupId, 'g1');
    assert.equal(groups[0]!.features.maxSpeed, 20);
    assert.equal(groups[0]!.features.maxClosingSpeed, 0);
  });

  it('a group in which nothing changes says since when', async () => {
    const parked = [car(100, 100), car(200, 100)];
    const analyser = createAnalyser({ detector: scripted(parked, parked, [car(100, 100), car(240, 100)], parked) });
    const found: (string | undefined)[] = [];
    for (const timeMs of [10_000, 11_000, 12_000]) {
      const { groups } = await analyser.analyse(frame, timeMs, native);
      for (const group of groups) found.push(TrafficGroup.parse(group).unchangedSince);
    }
    assert.deepEqual(found, [undefined, '1970-01-01T00:00:10.000Z', undefined]);
  });

  it('a picture in which nothing moves is not given to the detector, but one in so many seconds', async () => {
    const scene = { data: new Uint8Array(448 * 252 * 3).fill(90), width: 448, height: 252 };
    const looks: number[] = [];
    let now = 0;
    const detector: Detector = {
      ...scripted(),
      detect: async () => {
        looks.push(now);
        return [car(100, 100), car(160, 100)];
      },
    };
    const analyser = createAnalyser({ detector, stillSeconds: 10 });
    const at = (seconds: number, picture = scene) => analyser.analyse(picture, (now = seconds * 1000), native);
    const first = await at(0);
    for (const second of [2, 4, 6, 8]) {
      const { objects, groups } = await at(second);
      assert.deepEqual(
        objects.map(({ trackId, bbox, velocity }) => ({ trackId, bbox, velocity })),
        first.objects.map(({ trackId, bbox }) => ({ trackId, bbox, velocity: [0, 0] })),
      );
      assert.equal(groups[0]?.groupId, first.groups[0]?.groupId);
    }
    assert.deepEqual([looks, analyser.stillFrames], [[0], 4]);
    await at(10);
    await at(12, { ...scene, data: scene.data.map((value, i) => (i < 30_000 ? 200 : value)) });
    assert.deepEqual([looks, analyser.stillFrames], [[0, 10_000, 12_000], 4]);
  });

  it('a picture that the detector failed on is not remembered as seen', async () => {
    let calls = 0;
    const detect: Detector['detect'] = () =>
      calls++ === 0 ? Promise.reject(new Error('broken')) : Promise.resolve([]);
    const analyser = createAnalyser({ detector: { ...scripted(), detect }, stillSeconds: 10 });
    await assert.rejects(analyser.analyse(frame, 0, native), /broken/);
    await analyser.analyse(frame, 1_000, native);
    await analyser.analyse(frame, 2_000, native);
    assert.deepEqual([calls, analyser.stillFrames], [2, 1]);
  });

  it('a box that is nothing at a tenth of a pixel is no object', async () => {
    const analyser = createAnalyser({
      detector: scripted([{ class: 'car', confidence: 0.9, bbox: [10.01, 10, 10.04, 20] }]),
    });
    assert.deepEqual((await analyser.analyse(frame, 0, native)).objects, []);
  });

  it("a failure of the detector is the caller's", async () => {
    const detector: Detector = { ...scripted(), detect: () => Promise.reject(new Error('broken')) };
    await assert.rejects(createAnalyser({ detector }).analyse(frame, 0, native), /broken/);
  });
});
