import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTailgating } from '../../src/events/tailgating.ts';
import { sameHoweverSeen } from '../support/event-invariance.ts';
import { drive, START, trafficView, type ViewOptions } from '../support/road-tracks.ts';

const found = (options: ViewOptions) => findTailgating(trafficView(options));
/** One behind the other, `gap` m apart. */
const pair = ({ gap = 8, speed = 20, beside = 0, heading = 0, seconds = 4.5, fps = 10 } = {}) => {
  const legs = [{ seconds }];
  return [
    drive({ trackId: 1, place: [-gap - 4.4, 0], heading: 0, speed, legs, fps }),
    drive({ trackId: 2, place: [0, beside], heading, speed, legs, fps }),
  ];
};

test('a headway under 0.7 s for more than 3 s at speed is tailgating', () => {
  const [finding, ...others] = sameHoweverSeen(findTailgating, { tracks: pair() });
  assert.deepEqual(others, []);
  assert.deepEqual(finding?.trackIds, [1, 2], 'the one behind first');
  assert.equal(finding.onset, START);
  assert.ok(Math.abs(finding.evidence.headwayS! - 0.4) < 0.02);
  assert.ok(Math.abs(finding.evidence.distanceM! - 8) < 0.2);
  assert.equal(finding.severity, 'medium');
  assert.equal(found({ tracks: pair({ gap: 13 }) })[0]?.severity, 'low');
});

test('pictures once a second are enough', () => {
  assert.equal(found({ tracks: pair({ fps: 1 }) }).length, 1);
});

test('further behind, slower, in the next lane, the other way or for a moment it is not', () => {
  assert.deepEqual(found({ tracks: pair({ gap: 16 }) }), []);
  assert.deepEqual(found({ tracks: pair({ gap: 4, speed: 10 }) }), []);
  assert.deepEqual(found({ tracks: pair({ beside: 3.5 }) }), []);
  assert.deepEqual(found({ tracks: pair({ heading: 180 }) }), []);
  assert.deepEqual(found({ tracks: pair({ seconds: 2.5 }) }), []);
});

test('an open one goes on at a slightly longer headway', () => {
  const tracks = pair({ gap: 15 });
  assert.deepEqual(found({ tracks }), []);
  assert.equal(found({ tracks, open: [{ kind: 'tailgating', trackIds: [1] }] }).length, 1);
});

test('one vehicle with two boxes does not follow itself', () => {
  assert.deepEqual(found({ tracks: pair({ gap: -2 }) }), []);
});
