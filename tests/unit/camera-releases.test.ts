import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type CameraWay, PLAIN_WAY, type ShadowPlan } from '../../src/actors/camera/camera-way.types.ts';
import type { CameraInit } from '../../src/actors/camera/camera.types.ts';
import { Detection } from '../../src/messages/detection.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { ReleaseOutcome } from '../../src/messages/release.ts';
import type { Detector, RawDetection } from '../../src/vision/vision.types.ts';
import { AT, cameraWorld, INIT } from '../support/camera-world.ts';
import { drivenFrames, laneScene } from '../support/driven-frames.ts';
import { watchedIncident } from '../support/fake-watch.ts';
import { until } from '../support/until.ts';

const NANO = { ...INIT.model, name: 'nano', path: '/models/nano.onnx' };
const share = (way: 'present' | 'candidate', detector: CameraWay['detector'] = null): CameraWay => ({
  ...PLAIN_WAY,
  detector,
  mark: { releaseId: 'nano', way },
});
const shadow = (over: Partial<ShadowPlan>): CameraWay => ({
  ...PLAIN_WAY,
  shadow: { releaseId: 'nano', thresholds: thresholdsWith(), detector: null, ...over },
});
const settings = (way: CameraWay) => ({ type: 'scene', scene: null, thresholds: thresholdsWith(), way }) as const;
const EVERY = { model: NANO, picturesPerMinute: 6_000, phase: 1 };

/** A car drives against its lane; the camera has the product's watch. */
async function drive(t: TestContext, init: Partial<CameraInit>, over: { candidate?: () => RawDetection[] } = {}) {
  const frames = drivenFrames(AT);
  let shown = -1;
  const seen = (): RawDetection[] => (frames[shown]?.objects ?? []).map((object) => ({ ...object }));
  const detectCandidate: Detector['detect'] = async () => (over.candidate ?? seen)();
  const world = await cameraWorld(
    t,
    async () => seen(),
    { scene: laneScene('against-the-car'), intervalMs: 500, ...init },
    { isReal: true, detectCandidate },
  );
  const display = { width: 1_280, height: 720 };
  // The road is empty until the lanes count what they find.
  for (const second of [-3, -2, -1]) await world.shown({ at: AT + second * 1_000, display });
  for (const [index, { at }] of frames.entries()) {
    shown = index;
    await world.shown({ at, display });
    await new Promise((resolve) => void setImmediate(resolve));
  }
  return { ...world, later: () => world.shown({ at: AT + 14_000, display }) };
}
const incidentsOf = (outcomes: readonly ReleaseOutcome[]) =>
  outcomes.flatMap((outcome) => (outcome.type === 'incident' ? [outcome] : []));
const picturesOf = (outcomes: readonly ReleaseOutcome[], way: string) =>
  outcomes.flatMap((outcome) => (outcome.type === 'pictures' && outcome.way === way ? [outcome] : []));

describe('a camera in a share', () => {
  it('marks its detections, tells each incident once, and its pictures once a minute', async (t) => {
    const { shown, watch, outcomes, stop } = await cameraWorld(t, async () => [], { way: share('present') });
    const old = watchedIncident({ incidentId: 'old', foundAt: new Date(AT - 1).toISOString() });
    watch.find = () => ({ incidents: [old, watchedIncident({ foundAt: new Date(AT).toISOString() })] });
    const first = Detection.parse(await shown());
    assert.deepEqual(first.release, { releaseId: 'nano', way: 'present' });
    for (const second of [1, 30, 60, 61]) await shown({ at: AT + second * 1_000 });
    await stop();
    for (const outcome of outcomes) assert.deepEqual(ReleaseOutcome.parse(outcome), outcome);
    const [incident, ...others] = incidentsOf(outcomes);
    assert.equal(others.length, 0);
    assert.deepEqual(
      [incident?.groupId, incident?.foundBy, incident?.requestId, incident?.cropId],
      ['cam-run-1', ['present'], first.requestId, first.incidents[1]?.cropId],
    );
    assert.deepEqual(
      picturesOf(outcomes, 'present').map(({ pictures, skipped }) => [pictures, skipped]),
      [
        [4, 0],
        [1, 0],
      ],
    );
  });

  it('switches the detector while it runs and back at once; pictures go on, and tracks', async (t) => {
    const looks: string[] = [];
    const car: RawDetection = { class: 'car', confidence: 0.9, bbox: [0, 0, 2, 2] };
    const world = await cameraWorld(
      t,
      async () => [car],
      {},
      { detectCandidate: async () => (looks.push('nano'), [car]) },
    );
    const before = await world.shown();
    world.ref.tell(settings(share('candidate', NANO)));
    const switched = await until('the other detector', async () => {
      const detection = await world.shown({ at: AT + 1_000 * (world.detections.length + 1) });
      return detection.modelType === 'nano' ? detection : null;
    });
    assert.deepEqual(switched.release, { releaseId: 'nano', way: 'candidate' });
    assert.equal(switched.detectedObjects[0]?.trackId, before.detectedObjects[0]?.trackId);
    assert.equal(world.watch.made.length, 1);
    world.ref.tell(settings(PLAIN_WAY));
    const back = await until('the detector of the start', async () => {
      const detection = await world.shown({ at: AT + 1_000 * (world.detections.length + 1) });
      return detection.modelType === 'fake' ? detection : null;
    });
    assert.equal('release' in back, false);
    assert.deepEqual(world.failures, []);
    assert.ok(looks.length > 0);
  });

  it('goes on with its detector, without a mark, when the other one cannot be loaded', async (t) => {
    const broken = { ...NANO, name: 'broken', path: '/models/broken.onnx' };
    const world = await cameraWorld(t, async () => [], { way: share('candidate', broken) });
    const atStart = await world.shown();
    world.ref.tell(settings(share('candidate', broken)));
    const later = await world.shown({ at: AT + 1_000 });
    for (const { modelType, release } of [atStart, later]) assert.deepEqual([modelType, release], ['fake', undefined]);
    assert.deepEqual([world.outcomes, world.failures], [[], []]);
  });
});

describe('a camera in the shadow', () => {
  it('compares thresholds on the same detections: the same incident is found by both', async (t) => {
    const { outcomes, detections, later, stop } = await drive(t, {
      thresholds: thresholdsWith(),
      way: shadow({ thresholds: thresholdsWith({ speeding: { enabled: false } }) }),
    });
    await later();
    await stop();
    const [incident, ...others] = incidentsOf(outcomes);
    assert.equal(others.length, 0);
    assert.deepEqual([incident?.kind, incident?.foundBy], ['wrong-way', ['present', 'candidate']]);
    const frame = detections.find(({ requestId }) => requestId === incident?.requestId);
    assert.ok(
      frame?.incidents.some(({ cropId }) => cropId === incident?.cropId),
      'a crop that the frame has',
    );
    assert.ok(detections.every(({ release }) => release === undefined));
    assert.equal(picturesOf(outcomes, 'candidate')[0]?.pictures, 17);
  });

  it('tells an incident that only one of them finds, and shows nothing of the candidate', async (t) => {
    const off = { 'wrong-way': { enabled: false } };
    const { outcomes, detections, later, stop } = await drive(t, { thresholds: thresholdsWith(off), way: shadow({}) });
    await later();
    await stop();
    const [incident, ...others] = incidentsOf(outcomes);
    assert.equal(others.length, 0);
    assert.deepEqual([incident?.kind, incident?.foundBy], ['wrong-way', ['candidate']]);
    assert.ok(
      detections.some(({ imageId }) => imageId === incident?.cropId),
      'the frame in which it was found',
    );
    assert.ok(detections.every(({ incidents }) => incidents.length === 0));
  });

  it('has the other detector look at its pictures after they were shown; it may find nothing', async (t) => {
    const looked: number[] = [];
    const { outcomes, order, later, stop } = await drive(
      t,
      { way: shadow({ detector: EVERY }) },
      { candidate: () => (looked.push(1), []) },
    );
    await later();
    await stop();
    assert.deepEqual(
      incidentsOf(outcomes).map(({ foundBy }) => foundBy),
      [['present']],
    );
    assert.ok(looked.length > 5, `${looked.length} pictures`);
    const [told] = picturesOf(outcomes, 'candidate');
    assert.equal((told?.pictures ?? 0) + (told?.skipped ?? 0), 17, 'each was judged or left out');
    assert.equal(order[1], 'published');
  });

  it('keeps its pace when the other detector hangs, and leaves out pictures meanwhile', async (t) => {
    const hung = Promise.withResolvers<RawDetection[]>();
    const world = await cameraWorld(
      t,
      async () => [],
      { way: shadow({ detector: EVERY }) },
      { detectCandidate: () => hung.promise },
    );
    for (const second of [0, 1, 2, 3, 4]) await world.shown({ at: AT + second * 1_000 });
    assert.equal(world.detections.length, 5);
    hung.resolve([]);
    await world.stop();
    assert.deepEqual(
      picturesOf(world.outcomes, 'present').map(({ pictures }) => pictures),
      [5],
    );
    assert.ok((picturesOf(world.outcomes, 'candidate')[0]?.skipped ?? 0) >= 3);
  });

  it('looks at nothing while the processors have no time to spare', async (t) => {
    let looks = 0;
    const world = await cameraWorld(
      t,
      async () => [],
      { way: shadow({ detector: EVERY }) },
      { detectCandidate: async () => ((looks += 1), []), hasSpareTime: () => false },
    );
    for (const second of [0, 1, 2]) await world.shown({ at: AT + second * 1_000 });
    await world.stop();
    assert.equal(looks, 0);
    assert.deepEqual(
      picturesOf(world.outcomes, 'candidate').map(({ pictures, skipped }) => [pictures, skipped]),
      [[0, 3]],
    );
  });

  it('loses the shadow by a failure, and nothing else', async (t) => {
    for (const detector of [{ ...EVERY, model: { ...NANO, name: 'broken' } }, EVERY]) {
      const world = await cameraWorld(
        t,
        async () => [],
        { way: shadow({ detector }) },
        { detectCandidate: () => Promise.reject(new Error('out of memory')) },
      );
      await world.shown();
      await until('the last figures', () => picturesOf(world.outcomes, 'present').length === 1);
      await world.shown({ at: AT + 1_000 });
      await world.stop();
      assert.equal(world.outcomes.length, 1);
      assert.deepEqual(world.failures, []);
    }
  });

  it('begins the shadow anew with the next settings after a failure', async (t) => {
    let looks = 0;
    const detectCandidate = async (): Promise<RawDetection[]> => {
      looks += 1;
      if (looks === 1) throw new Error('out of memory');
      return [];
    };
    const way = shadow({ detector: EVERY });
    const world = await cameraWorld(t, async () => [], { way }, { detectCandidate });
    await world.shown();
    await until('the end of the first shadow', () => picturesOf(world.outcomes, 'present').length === 1);
    world.ref.tell(settings(way));
    await world.shown({ at: AT + 1_000 });
    await world.stop();
    assert.equal(looks, 2);
    assert.equal(picturesOf(world.outcomes, 'candidate').length, 1);
  });
});
