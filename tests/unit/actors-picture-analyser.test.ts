import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PictureAnalyser, type PictureAnalyserOptions } from '../../src/actors/camera/picture-analyser.ts';
import { DetectedObject, TrafficGroup } from '../../src/messages/detection.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { MeasuredIncident } from '../../src/messages/incident.ts';
import type { Frame } from '../../src/vision/frame.ts';
import { markedCrops } from '../../src/vision/crop.ts';
import type { Detector, RawDetection } from '../../src/vision/vision.types.ts';
import { FakeWatch, watchedIncident } from '../support/fake-watch.ts';

const frame = { data: new Uint8Array(1280 * 720 * 3), width: 1280, height: 720 };
const native = <T>(work: () => Promise<T>): Promise<T> => work();
const settings = { scene: null, thresholds: thresholdsWith() };

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

function world(detector: Detector, over: Partial<PictureAnalyserOptions> = {}) {
  const watch = new FakeWatch();
  const analyser = new PictureAnalyser({
    detector,
    cameraId: 'cam',
    run: 'run',
    ...settings,
    watch: watch.make,
    ...over,
  });
  const look = async (picture: Frame, at: number) => (await analyser.analyse(picture, at, false, native)).newest;
  const lookBack = (picture: Frame, at: number) => analyser.analyse(picture, at, true, native);
  return { watch, analyser, look, lookBack };
}

describe('analysing pictures', () => {
  it('objects and groups are of the protocol, with readable numbers', async () => {
    const { look } = world(scripted([car(100, 100), car(160, 100), car(900, 500)]));
    const { objects, groups } = await look(frame, 0);
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
      [[1, 'g1-run', [0, 1]]],
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
    const whole = await world(scripted(cars)).look(frame, 0);
    const scaled = await world(scripted(cars)).look(small, 0);
    assert.equal(whole.groups.length, 1);
    assert.deepEqual(scaled, whole);
  });

  it('each crop is marked with the boxes and ids of its own members, of forty at most', async () => {
    const crowd = Array.from({ length: 45 }, (_, n) => car(20 + (n % 9) * 45, 300 + Math.floor(n / 9) * 35));
    const { look, watch } = world(scripted([car(900, 100), car(945, 100), ...crowd]));
    watch.find = () => ({ incidents: [watchedIncident({ trackIds: [2, 99], bbox: [945, 100, 985.1, 130] })] });
    const analysis = await look(frame, 0);
    const crops = markedCrops(analysis, frame.width, frame.height);
    assert.deepEqual(
      crops.map(({ groupIndex }) => groupIndex),
      [1, 2, 3],
      'the incident goes on after the groups',
    );
    const marks = [
      { box: analysis.objects[0]?.bbox, label: 0 },
      { box: analysis.objects[1]?.bbox, label: 1 },
    ];
    const [pair, alone] = crops.filter(({ left }) => left > 800);
    assert.deepEqual(pair?.marks, marks);
    assert.deepEqual(alone?.marks, marks.slice(1));
    const most = crops.find(({ left }) => left < 100);
    assert.equal(most?.marks.length, 40);
  });

  it('incidents name their objects in the frame, and lie within it', async () => {
    const { look, watch } = world(scripted([car(100, 100), car(900, 500)], []));
    const history = [{ velocity: [3, 4] }];
    watch.find = () => ({
      incidents: [watchedIncident({ trackIds: [2, 7], bbox: [899.97, 500, 1_300, 900] })],
      tracks: [{ trackId: 2, history }] as never,
    });
    const { incidents } = await look(frame, 0);
    const [incident] = incidents;
    assert.deepEqual(MeasuredIncident.omit({ cropId: true }).parse(incident), incident);
    assert.deepEqual(
      [incident?.objects, incident?.subjectIndex, incident?.bbox, incident?.speedsKmh],
      [[1], 1, [900, 500, 1_280, 720], [18, null]],
    );
    assert.deepEqual((await look(frame, 1_000)).incidents[0]?.objects, [], 'not seen in this one');
  });

  it('a hundred incidents at once are told, twenty with their trajectories', async () => {
    const { look, watch } = world(scripted([]));
    const many = Array.from({ length: 150 }, (_, n) =>
      watchedIncident({ incidentId: `cam-${n}`, ...(n < 10 ? {} : { trajectories: [{ trackId: 1, points: [] }] }) }),
    );
    watch.find = () => ({ incidents: many });
    const { incidents } = await look(frame, 0);
    assert.deepEqual(incidents.map(({ subjectIndex }) => subjectIndex).slice(-1), [100]);
    const told = incidents.flatMap(({ trajectories }, index) => (trajectories === undefined ? [] : [index]));
    assert.deepEqual([told.length, told[0]], [20, 10]);
  });

  it('weak detections that continue no track are no objects', async () => {
    const { look, watch } = world(scripted([car(100, 100), car(300, 100), car(500, 100)]));
    watch.find = () => ({ assignments: [{ trackId: 4, velocity: [1.26, 0] }, null, { trackId: 9, velocity: null }] });
    const { objects, groups } = await look(frame, 0);
    assert.deepEqual(
      objects.map(({ objectId, trackId, velocity }) => [objectId, trackId, velocity]),
      [
        [0, 4, [1.3, 0]],
        [1, 9, null],
      ],
    );
    assert.deepEqual(groups, []);
  });

  it('the colours of objects go to the watch', async () => {
    const red = { ...frame, data: frame.data.map((_, i) => (i % 3 === 0 ? 255 : 0)) };
    const { look, watch } = world(scripted([car(100, 100), { ...car(0, 0), bbox: [0, 0, 5, 5] }]));
    await look(red, 0);
    const [seen, tiny] = watch.frames[0]?.detections ?? [];
    assert.equal(seen?.appearance?.indexOf(1), 48, 'all in the bin of the reddest');
    assert.equal(tiny !== undefined && 'appearance' in tiny, false);
  });

  it('a group in which nothing changes says since when', async () => {
    const parked = [car(100, 100), car(200, 100)];
    const { look } = world(scripted(parked, parked, [car(100, 100), car(240, 100)], parked));
    const found: (string | undefined)[] = [];
    for (const timeMs of [10_000, 11_000, 12_000]) {
      const { groups } = await look(frame, timeMs);
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
    const { look, analyser, watch } = world(detector, { stillSeconds: 10 });
    const at = (seconds: number, picture = scene) => look(picture, (now = seconds * 1000));
    const first = await at(0);
    for (const second of [2, 4, 6, 8]) {
      const { objects, groups } = await at(second);
      assert.deepEqual(objects, first.objects);
      assert.equal(groups[0]?.groupId, first.groups[0]?.groupId);
    }
    assert.deepEqual([looks, analyser.stillFrames], [[0], 4]);
    assert.equal(watch.frames.length, 5, 'tracks go on');
    await at(10);
    await at(12, { ...scene, data: scene.data.map((value, i) => (i < 30_000 ? 200 : value)) });
    assert.deepEqual([looks, analyser.stillFrames], [[0, 10_000, 12_000], 4]);
  });

  it('a picture that the detector failed on is not remembered as seen', async () => {
    let calls = 0;
    const detect: Detector['detect'] = () =>
      calls++ === 0 ? Promise.reject(new Error('broken')) : Promise.resolve([]);
    const { look, analyser } = world({ ...scripted(), detect }, { stillSeconds: 10 });
    await assert.rejects(look(frame, 0), /broken/);
    await look(frame, 1_000);
    await look(frame, 2_000);
    assert.deepEqual([calls, analyser.stillFrames], [2, 1]);
  });

  it('a box that is nothing at a tenth of a pixel is no object', async () => {
    const { look } = world(scripted([{ class: 'car', confidence: 0.9, bbox: [10.01, 10, 10.04, 20] }]));
    assert.deepEqual((await look(frame, 0)).objects, []);
  });
});

describe('pictures of look-backs', () => {
  it('change incidents of the newest frame, and not its objects', async () => {
    const { look, lookBack, watch } = world(scripted([car(100, 100), car(200, 100)], [car(90, 100)]));
    const newest = await look(frame, 10_000);
    watch.find = ({ burst }) => ({ incidents: [watchedIncident()], changed: burst });
    const found = await lookBack(frame, 9_000);
    assert.deepEqual([found.isNewest, found.changed], [false, true]);
    assert.deepEqual([found.newest.objects, found.newest.groups], [newest.objects, newest.groups]);
    assert.deepEqual(found.newest.incidents[0]?.objects, [0]);
    assert.deepEqual(
      watch.frames.map(({ at, burst }) => [at, burst]),
      [
        [10_000, false],
        [9_000, true],
      ],
    );
  });

  it('are the newest frame when they come after it, but those that the watch had already', async () => {
    const { look, lookBack, watch } = world(scripted([car(100, 100)], [car(110, 100)], [car(111, 100)], []));
    await look(frame, 10_000);
    const later = await lookBack(frame, 10_500);
    assert.deepEqual([later.isNewest, later.newest.objects[0]?.bbox[0]], [true, 110]);
    watch.find = ({ detections }) => ({ assignments: detections.map(() => null) });
    const again = await lookBack(frame, 10_520);
    assert.deepEqual([again.isNewest, again.newest.objects[0]?.bbox[0]], [false, 110]);
    assert.equal((await lookBack(frame, 10_600)).isNewest, true, 'an empty road');
  });

  it('are seen by the detector, also when nothing moves after them', async () => {
    const { look, lookBack, analyser } = world(scripted([car(100, 100)], [car(90, 100)]), { stillSeconds: 10 });
    await look(frame, 10_000);
    await lookBack(frame, 9_000);
    const { objects } = await look(frame, 11_000);
    assert.equal(analyser.stillFrames, 1);
    assert.equal(objects[0]?.bbox[0], 100, 'those of the newest picture, not of the look-back');
  });
});

describe('the scene of a camera', () => {
  it('changes while tracks go on; pictures of another size begin anew', async () => {
    const cars = [car(100, 100), car(160, 100)];
    const { look, analyser, watch } = world(scripted(cars, cars, cars), { burstFps: 2 });
    const scene = { width: 640, height: 360, zones: [], lines: [] };
    const before = await look(frame, 0);
    assert.deepEqual(before.groups[0]?.groupId, 'g1-run');
    analyser.setScene({ ...settings, scene });
    await look(frame, 1_000);
    assert.deepEqual(watch.scenes, [{ ...settings, scene }]);
    const { groups } = await look({ ...frame, width: 640, height: 1440 }, 2_000);
    const made = watch.made.map(({ picture, idPrefix, burstFps, scene: of }) => [
      picture.width,
      idPrefix,
      burstFps,
      of,
    ]);
    assert.deepEqual(made, [
      [1_280, 'cam-run-', 2, null],
      [640, 'cam-run1-', 2, scene],
    ]);
    assert.equal(groups[0]?.groupId, 'g1-run1', 'its tracks are others');
  });
});
