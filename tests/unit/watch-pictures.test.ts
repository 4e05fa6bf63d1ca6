import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type WatchPicturesOptions, watchPictures } from '../../src/watch/watch-pictures.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import type { TrackedDetection } from '../../src/tracking/tracking.types.ts';
import { SCENE } from '../support/http-samples.ts';

const AT = Date.UTC(2026, 4, 4);
const SECOND = 1_000;

function watchOf(scene: unknown, over: Partial<WatchPicturesOptions> = {}) {
  const problems: string[] = [];
  const watch = watchPictures({
    scene: scene === null ? null : SceneConfig.parse(scene),
    thresholds: thresholdsWith(),
    picture: { width: 1_280, height: 720 },
    confidence: 0.35,
    idPrefix: 'cam-run-',
    burstFps: 2,
    onProblem: (problem) => problems.push(problem),
    ...over,
  });
  const see = (seconds: number, ...detections: TrackedDetection[]) =>
    watch.observe({ at: AT + seconds * SECOND, detections, burst: false });
  return { watch, problems, see };
}

/** 1.7 m tall, 27 m away, in the middle of the lane. */
const person = (confidence = 0.8): TrackedDetection => ({ class: 'person', confidence, bbox: [710, 436, 735, 500] });

test('a person who stands in the lane of a calibrated scene is an incident in metres', () => {
  const { see } = watchOf(SCENE);
  const found = Array.from({ length: 8 }, (_, second) => see(second, person()).incidents).flat();
  const [incident] = found;
  assert.deepEqual([incident?.kind, incident?.calibrated, incident?.state], ['person-on-road', true, 'open']);
  assert.match(incident?.incidentId ?? '', /^cam-run-/u);
  assert.equal(new Set(found.map(({ incidentId }) => incidentId)).size, 1);
});

test('a scene that is given later counts from then on, with the tracks that there are', () => {
  const { watch, see } = watchOf(null);
  const before = Array.from({ length: 4 }, (_, second) => see(second, person()));
  assert.deepEqual(before.at(-1)?.incidents, []);
  watch.setScene({ scene: SceneConfig.parse(SCENE), thresholds: thresholdsWith() });
  const after = Array.from({ length: 4 }, (_, second) => see(4 + second, person()));
  assert.equal(after.at(-1)?.incidents[0]?.kind, 'person-on-road');
  assert.deepEqual(after.at(-1)?.assignments, before.at(-1)?.assignments);
});

test('a detection begins a track from a tenth above the least confidence of the detector on', () => {
  const { see } = watchOf(null);
  assert.deepEqual(see(0, person(0.44)).assignments, [null]);
  assert.equal(see(1, person(0.46)).assignments[0]?.trackId, 1);
  assert.equal(see(2, person(0.36)).assignments[0]?.trackId, 1, 'a weak one continues it');
});

test('a calibration that cannot be used is told, and the camera goes on without it', () => {
  const calibration = [1, 2, 3, 4].map((n) => ({ image: [n * 100, n * 100], road: [n, n] }));
  const { problems, see } = watchOf({ ...SCENE, calibration });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /calibration is not used/u);
  assert.equal(see(0, person()).assignments.length, 1);
});
