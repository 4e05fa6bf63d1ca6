import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findHardBraking } from '../../src/events/hard-braking.ts';
import { sameHoweverSeen } from '../support/event-invariance.ts';
import { drive, START, trafficView, type Drive, type ViewOptions } from '../support/road-tracks.ts';

/** Drives on for 3 s, brakes, and stands or goes on for a second. */
const braking = (deceleration: number, seconds: number, changes: Partial<Drive> = {}) =>
  drive({
    trackId: 7,
    place: [0, 0],
    heading: 0,
    speed: 14,
    legs: [{ seconds: 3 }, { seconds, acceleration: -deceleration }, { seconds: 1 }],
    ...changes,
  });
const found = (options: ViewOptions) => findHardBraking(trafficView(options));

test('an emergency stop is hard braking, from when the speed began to fall, however it is seen', () => {
  const [finding, ...others] = sameHoweverSeen(findHardBraking, { tracks: [braking(8, 1.75)] });
  assert.deepEqual(others, []);
  assert.deepEqual(finding?.trackIds, [7]);
  assert.ok(Math.abs(finding.onset - START - 3000) < 300, `onset after ${finding.onset - START} ms`);
  assert.ok(Math.abs(finding.evidence.decelerationMps2! - 8) < 1.2, `${finding.evidence.decelerationMps2} m/s²`);
  assert.ok(Math.abs(finding.evidence.speedKmh! - 50.4) < 3, `${finding.evidence.speedKmh} km/h`);
  assert.equal(finding.severity, 'medium');
});

test('it is found while the vehicle still brakes, and is over a second after it', () => {
  assert.equal(found({ tracks: [braking(8, 1.75)], at: 4.4 })[0]?.endedAt, null);
  const [over] = found({
    tracks: [braking(8, 1.75, { legs: [{ seconds: 2 }, { seconds: 1.75, acceleration: -8 }, { seconds: 2 }] })],
  });
  assert.ok(Math.abs(over!.endedAt! - START - 3750) < 400);
});

test('ordinary braking, a touch of the brake and a turn are not', () => {
  assert.deepEqual(found({ tracks: [braking(3.3, 4)] }), []);
  assert.deepEqual(found({ tracks: [braking(8, 0.4)] }), []);
  const turning = braking(0, 0, { legs: [{ seconds: 2 }, { seconds: 3, turnDegrees: 90 }, { seconds: 1 }] });
  assert.deepEqual(found({ tracks: [turning] }), []);
});

test('near the threshold an open incident goes on, but none begins', () => {
  const tracks = [braking(4, 3)];
  assert.deepEqual(found({ tracks }), []);
  assert.equal(found({ tracks, open: [{ kind: 'hard-braking', trackIds: [7] }] }).length, 1);
});

test('the threshold is that of the camera, and may be off', () => {
  const tracks = [braking(6, 2)];
  assert.equal(found({ tracks }).length, 1);
  assert.deepEqual(found({ tracks, thresholds: { 'hard-braking': { minDecelerationMps2: 9 } } }), []);
  assert.deepEqual(found({ tracks, thresholds: { 'hard-braking': { enabled: false } } }), []);
});

test('neither a person nor a track that is not confirmed brakes hard', () => {
  assert.deepEqual(found({ tracks: [braking(8, 1.75, { class: 'person' })] }), []);
  assert.deepEqual(found({ tracks: [braking(8, 1.75, { confirmed: false })] }), []);
});

test('a car that was just seen first may have been another one', () => {
  const legs = [{ seconds: 0.3 }, { seconds: 1.75, acceleration: -8 }, { seconds: 1 }];
  assert.deepEqual(found({ tracks: [braking(8, 1.75, { legs })] }), []);
});

test('unseen as it begins to brake, it may have braked less hard for longer', () => {
  const track = braking(8, 1.75);
  const seen = (from: number, to: number) => {
    const history = track.history.filter(({ at }) => at <= START + from || at >= START + to);
    return found({ tracks: [{ ...track, history, hits: history.length }] });
  };
  assert.equal(seen(2600, 3300).length, 1);
  assert.deepEqual(seen(2400, 3600), []);
});

test('a car that is found far aside of its way after a gap is another one', () => {
  const track = braking(8, 1.75);
  const aside = (metres: number) => {
    const history = track.history
      .filter(({ at }) => at <= START + 3_400 || at >= START + 4_700)
      .map((point): typeof point => {
        const { place, box } = point;
        if (point.at < START + 4_000 || box === null) return point;
        const [x1, y1, x2, y2] = box;
        return { ...point, place: [place[0], place[1] + metres], box: [x1, y1 - 10 * metres, x2, y2 - 10 * metres] };
      });
    return found({ tracks: [{ ...track, history, hits: history.length }] });
  };
  assert.equal(aside(0).length, 1);
  assert.deepEqual(aside(3), []);
});
