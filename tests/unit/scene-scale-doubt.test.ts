import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CalibrationPair } from '../../src/messages/scene.ts';
import { fitPlane } from '../../src/scene/fit-plane.ts';
import { isFault, project } from '../../src/scene/homography.ts';
import { pinholeMatrix } from '../../src/scene/pinhole.ts';
import { scaleDoubtOf } from '../../src/scene/scale-doubt.ts';

const PICTURE = { width: 1280, height: 720 };
const CAMERA = { focal: 1000, pitch: 0.25, roll: 0, yaw: 0, height: 8, x: 0, y: 0 };
/** Of places 15 to 60 m away, each off by `share` of its distance, to and fro. */
const pairs = (share: number): CalibrationPair[] =>
  [15, 25, 40, 60].flatMap((away, row) =>
    [-1, 1].map((side): CalibrationPair => {
      const place: [number, number] = [side * away * 0.3, away];
      const [x, y] = project(pinholeMatrix(CAMERA, PICTURE), place) ?? [0, 0];
      const off = away * share * (row % 2 === 0 ? side : -1);
      return { image: [x, y], road: [place[0], place[1] + off] };
    }),
  );
const doubtAt = (share: number, away: number): number => {
  const fit = fitPlane(pairs(share), PICTURE);
  assert.ok(!isFault(fit));
  return scaleDoubtOf(pairs(share), PICTURE, fit)(project(fit.toImage, [0, away]) ?? [0, 0]);
};

test('exact pairs leave no doubt of lengths', () => {
  assert.equal(doubtAt(0, 60), 0);
});

test('pairs that are off leave some, more where they are off by more, and far away', () => {
  assert.ok(doubtAt(0.03, 60) > 0.03 && doubtAt(0.03, 60) < 0.5, `${doubtAt(0.03, 60)}`);
  assert.ok(doubtAt(0.03, 60) > doubtAt(0.015, 60));
  assert.ok(doubtAt(0.03, 90) > doubtAt(0.03, 30));
});
