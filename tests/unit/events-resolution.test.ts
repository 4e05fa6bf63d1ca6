import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventKind } from '../../src/messages/scene-constants.ts';
import { isFineEnough } from '../../src/events/resolution.ts';
import { drive, START, trafficView } from '../support/road-tracks.ts';

const view = trafficView({
  tracks: [drive({ trackId: 3, place: [0, 0], heading: 0, speed: 5, legs: [{ seconds: 4 }] })],
});

/** Of an event of track 3 in a picture with so many metres in one px. */
function isFine(kind: EventKind, along: number, calibrated = false, trackIds = [3]): boolean {
  const plane = {
    ...view.scene.plane,
    calibrated,
    metresPerPixel: () => ({ along, across: along / 4, away: [0, 1] as const }),
  };
  const finding = { kind, trackIds, onset: START + 2_000, endedAt: null, zone: null, evidence: {} };
  return isFineEnough({ ...finding, severity: 'low' }, { ...view, scene: { ...view.scene, plane } });
}

test('without calibration, conflicts and turns far away are not told: a px is more than a metre there', () => {
  assert.equal(isFine('u-turn', 1.6), false);
  assert.equal(isFine('near-miss', 1.6), false);
  assert.equal(isFine('u-turn', 0.6), true);
  assert.equal(isFine('near-miss', 0.6), true);
});

test('a calibration, and events of long times, need no such picture', () => {
  assert.equal(isFine('u-turn', 1.6, true), true);
  assert.equal(isFine('stopped-vehicle', 1.6), true);
  assert.equal(isFine('queue', 1.6), true);
});

test('braking is not told where a px is more than 1.25 m, even with a calibration', () => {
  assert.equal(isFine('hard-braking', 1.4, true), false);
  assert.equal(isFine('hard-braking', 1.1, true), true);
  assert.equal(isFine('hard-braking', 1.1), false);
});

test('road users who take no part count for nothing', () => {
  assert.equal(isFine('u-turn', 1.6, false, [4]), true);
});
