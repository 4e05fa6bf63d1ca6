import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findWrongWay } from '../../src/events/wrong-way.ts';
import { drive, type FlatScene, START, trafficView } from '../support/road-tracks.ts';

/** A street along x, two lanes of 3.3 m: one to the east below y = 0, one to the west above it. */
const STREET: FlatScene = {
  zones: [
    {
      id: 'east',
      kind: 'lane',
      polygon: [
        [-100, -3.3],
        [100, -3.3],
        [100, 0],
        [-100, 0],
      ],
      direction: 0,
    },
    {
      id: 'west',
      kind: 'lane',
      polygon: [
        [-100, 0],
        [100, 0],
        [100, 3.3],
        [-100, 3.3],
      ],
      direction: 180,
    },
  ],
};
const east = { trackId: 1, place: [-30, 1.65], heading: 0, speed: 10, legs: [{ seconds: 3 }], fps: 1 } as const;
const found = (changes: Partial<Parameters<typeof drive>[0]> = {}, scene = STREET) =>
  findWrongWay(trafficView({ tracks: [drive({ ...east, ...changes })], scene }));

test('a car in the lane of the other direction drives the wrong way', () => {
  const [finding, ...others] = found();
  assert.equal(others.length, 0);
  assert.equal(finding?.kind, 'wrong-way');
  assert.deepEqual(finding.trackIds, [1]);
  assert.equal(finding.zone, 'west');
  assert.equal(finding.onset, START);
  assert.equal(finding.endedAt, null);
  assert.ok(Math.abs(finding.evidence.speedKmh! - 36) < 0.1);
  assert.ok(finding.evidence.degrees! > 179);
});

test('in its own lane, at walking speed or for a moment it does not', () => {
  assert.deepEqual(found({ place: [-30, -1.65] }), []);
  assert.deepEqual(found({ speed: 1.9 }), []);
  assert.equal(found({ speed: 2.2 }).length, 1);
  assert.deepEqual(found({ legs: [{ seconds: 0.9 }], fps: 10 }), []);
  assert.equal(found({ legs: [{ seconds: 1.3 }], fps: 10 }).length, 1);
});

test('crossing the lane is not driving against it', () => {
  assert.deepEqual(found({ place: [0, -10], heading: 90 }), []);
  // 115 degrees off the lane that runs west.
  assert.deepEqual(found({ place: [-20, 0.4], heading: 65, speed: 2.5, fps: 10, legs: [{ seconds: 1.2 }] }), []);
});

test('where the place may be in the other lane as well, nothing is said', () => {
  assert.deepEqual(found({ place: [-30, 0.4], sd: { place: 0.8 } }), []);
  assert.deepEqual(found({ sd: { place: 3 } }), []);
  assert.equal(found({ sd: { place: 1 } }).length, 1);
});

test('a lane without a direction, a bicycle and a doubtful track are no wrong way', () => {
  const { zones = [] } = STREET;
  const open = { zones: zones.map(({ id, kind, polygon }) => ({ id, kind, polygon })) };
  assert.deepEqual(found({}, open), []);
  assert.deepEqual(found({ class: 'bicycle' }), []);
  assert.equal(found({ class: 'motorcycle' }).length, 1);
  assert.deepEqual(found({ confirmed: false }), []);
});

test('it is over when the car is back in its lane', () => {
  const back = drive({
    ...east,
    place: [0, 1.2],
    fps: 10,
    legs: [
      { seconds: 2 },
      { seconds: 0.5, turnDegrees: -30 },
      { seconds: 0.6 },
      { seconds: 0.5, turnDegrees: 30 },
      { seconds: 1 },
    ],
  });
  const [finding] = findWrongWay(trafficView({ tracks: [back], scene: STREET }));
  assert.ok(finding!.endedAt! > START + 2_000 && finding!.endedAt! < START + 3_500);
});

test('the same wherever the street leads, and at any time', () => {
  const rotated: FlatScene = {
    zones: [
      {
        id: 'north',
        kind: 'lane',
        polygon: [
          [3.3, -100],
          [3.3, 100],
          [0, 100],
          [0, -100],
        ],
        direction: 90,
      },
      {
        id: 'south',
        kind: 'lane',
        polygon: [
          [0, -100],
          [0, 100],
          [-3.3, 100],
          [-3.3, -100],
        ],
        direction: 270,
      },
    ],
  };
  const [finding] = found({ place: [-1.65, -30], heading: 90, from: 500 }, rotated);
  assert.equal(finding?.zone, 'south');
  assert.equal(finding.onset, START + 500_000);
});

test('it may be switched off', () => {
  const view = trafficView({ tracks: [drive(east)], scene: STREET, thresholds: { 'wrong-way': { enabled: false } } });
  assert.deepEqual(findWrongWay(view), []);
});

test('a track that drove the other way a moment ago has mixed up two cars', () => {
  const before = drive({ ...east, place: [-20, -1.65], fps: 1, legs: [{ seconds: 2 }] });
  const after = drive({ ...east, place: [-10, -1.65], heading: 180, from: 3, fps: 1, legs: [{ seconds: 3 }] });
  const mixed = { ...after, history: [...before.history, ...after.history] };
  assert.deepEqual(findWrongWay(trafficView({ tracks: [mixed], scene: STREET })), []);
  assert.equal(findWrongWay(trafficView({ tracks: [after], scene: STREET })).length, 1);
});

test('boxes of several cars in a jam are no drive against it', () => {
  // One box each 2.5 s.
  const seldom = drive({ ...east, speed: 5, fps: 0.4, legs: [{ seconds: 10 }] });
  assert.deepEqual(findWrongWay(trafficView({ tracks: [seldom], scene: STREET })), []);
  // Found again after it had been lost elsewhere.
  const stood = drive({ ...east, place: [20, 1.65], speed: 0, legs: [{ seconds: 3 }] });
  const after = drive({ ...east, from: 8, legs: [{ seconds: 3 }] });
  const mixed = { ...after, history: [...stood.history, ...after.history] };
  assert.deepEqual(findWrongWay(trafficView({ tracks: [mixed], scene: STREET })), []);
});
