import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCollisions } from '../../src/events/collision.ts';
import { interests } from '../../src/events/interest.ts';
import { findNearMisses } from '../../src/events/near-miss.ts';
import type { RoadTrack } from '../../src/tracking/tracking.types.ts';
import { sameHoweverSeen } from '../support/event-invariance.ts';
import { drive, START, trafficView, type ViewOptions } from '../support/road-tracks.ts';

const found = (options: ViewOptions) => findNearMisses(trafficView(options));

/** One stops at 7 m/s², the other behind it a second later, `gap` m apart at first. */
function following(gap: number, deceleration = 7, harder = 8.5) {
  return [
    drive({
      trackId: 1,
      place: [0, 0],
      heading: 0,
      speed: 13,
      legs: [{ seconds: 1.5 }, { seconds: 13 / deceleration, acceleration: -deceleration }, { seconds: 2 }],
    }),
    drive({
      trackId: 2,
      place: [-gap - 4.4, 0],
      heading: 0,
      speed: 13,
      legs: [{ seconds: 2.3 }, { seconds: 13 / harder, acceleration: -harder }, { seconds: 1.5 }],
    }),
  ];
}

/** Both at 12 m/s; the second comes to the spot `pet` s after the first has left it. `degrees` between their ways. */
function crossing(pet: number, degrees = 90, speed = 12) {
  // The first leaves when its rear has passed the side of the second; the second comes with its front.
  const apart = (4.4 / 2 + 1.8 / 2) * 2;
  const radians = (degrees * Math.PI) / 180;
  const back = 2 * speed + apart + pet * speed;
  return [
    drive({ trackId: 1, place: [-2 * speed, 0], heading: 0, speed, legs: [{ seconds: 4 }] }),
    drive({
      trackId: 2,
      place: [-back * Math.cos(radians), -back * Math.sin(radians)],
      heading: degrees,
      speed,
      legs: [{ seconds: 4 }],
    }),
  ];
}

test('two who brake hard just in time are a near miss, with the least time to collision', () => {
  const [finding, ...others] = sameHoweverSeen(findNearMisses, { tracks: following(9.5) });
  assert.deepEqual(others, []);
  assert.deepEqual(finding?.trackIds, [1, 2]);
  const { ttc, pet, distanceM, decelerationMps2 } = finding.evidence;
  assert.ok(ttc! > 0.2 && ttc! < 1.5, `TTC ${ttc} s`);
  assert.equal(pet, null);
  assert.ok(distanceM! > 0 && distanceM! < 4, `${distanceM} m`);
  assert.ok(decelerationMps2! > 5);
  assert.deepEqual(findCollisions(trafficView({ tracks: following(9.5) })), []);
});

test('two who slow down together, or far apart, are none', () => {
  assert.deepEqual(found({ tracks: following(20) }), []);
  assert.deepEqual(found({ tracks: following(9.5, 3, 3) }), []);
});

test('paths that cross with less than a second between them are a near miss, with their PET', () => {
  const [finding] = sameHoweverSeen(findNearMisses, { tracks: crossing(0.5) });
  assert.ok(Math.abs(finding!.evidence.pet! - 0.5) <= 0.15, `PET ${finding!.evidence.pet} s`);
  assert.ok(finding!.onset > START + 1500 && finding!.onset < START + 3000);
  assert.equal(finding!.severity, 'high');
  assert.equal(found({ tracks: crossing(0.8) })[0]?.severity, 'medium');
});

test('with more than a second between them they are none, but a wider limit goes on for an open one', () => {
  const tracks = crossing(1);
  assert.deepEqual(found({ tracks }), []);
  assert.equal(found({ tracks, open: [{ kind: 'near-miss', trackIds: [2] }] }).length, 1);
  assert.deepEqual(found({ tracks: crossing(1.6) }), []);
});

test('ways that hardly cross are none', () => {
  assert.deepEqual(found({ tracks: crossing(0.5, 20) }), []);
});

test('a pair that was seen once a second is looked at again before it is believed', () => {
  const tracks = crossing(0.5).map((track) => ({
    ...track,
    history: track.history.filter((_, i) => i % 10 === 0),
    hits: 5,
  }));
  const view = trafficView({ tracks, at: 4 });
  assert.deepEqual(findNearMisses(view), []);
  const [interest] = interests(view);
  assert.ok(interest !== undefined && interest.value > 0.4);
  assert.ok(interest.from < START + 2000 && interest.to > START + 2500 && interest.to <= START + 5000);
});

test('one road user with two tracks, one after the other, does not miss itself', () => {
  const [first, second] = crossing(0.5);
  const middle = START + 2400;
  const early = { ...first!, history: first!.history.filter(({ at }) => at < middle), seenAt: middle - 100 };
  const late = { ...second!, history: second!.history.filter(({ at }) => at >= middle), bornAt: middle };
  assert.deepEqual(findNearMisses({ ...trafficView({ tracks: [first!] }), tracks: [early, late] }), []);
});

/** As it was seen: only at the seconds for which `keep` is true. */
function seenWhen(track: RoadTrack, keep: (seconds: number) => boolean): RoadTrack {
  const history = track.history.filter(({ at }) => keep((at - START) / 1000));
  return { ...track, history, bornAt: history[0]!.at, hits: history.length };
}

test('a crossing whose moments were not seen, or of one lost for seconds before, is none', () => {
  const [first, second] = crossing(0.5);
  const blind = seenWhen(second!, (seconds) => seconds < 2.3 || seconds > 3.2);
  assert.deepEqual(found({ tracks: [first!, blind] }), []);
  const lost = seenWhen(second!, (seconds) => seconds === 0 || seconds > 2.1);
  assert.deepEqual(found({ tracks: [first!, lost] }), []);
});

test('one that has hardly moved since it was seen whole crosses no way', () => {
  const [first, second] = crossing(0.5);
  // It seems to set off from beside the other's way while that passes before it, as when its box is covered in part.
  const history = second!.history.map((point) => {
    const seconds = Math.max(0, (point.at - START) / 1000 - 1.8);
    const velocity = [0, Math.min(3 * seconds, 2.5)] as const;
    return { ...point, place: [0, -3.6 + Math.min(1.5 * seconds ** 2, 1.2)] as const, velocity };
  });
  assert.deepEqual(found({ tracks: [first!, { ...second!, history }] }), []);
});

test('the thresholds are those of the camera, and may be off', () => {
  const tracks = crossing(0.8);
  assert.deepEqual(found({ tracks, thresholds: { 'near-miss': { maxPetSeconds: 0.5 } } }), []);
  assert.deepEqual(found({ tracks, thresholds: { 'near-miss': { enabled: false } } }), []);
});
