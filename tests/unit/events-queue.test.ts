import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Box } from '../../src/messages/detection.ts';
import { findQueues } from '../../src/events/queue.ts';
import type { RoadTrack } from '../../src/tracking/tracking.types.ts';
import { drive, type FlatScene, START, trafficView } from '../support/road-tracks.ts';

const ROAD: FlatScene = {
  zones: [
    {
      id: 'right',
      kind: 'lane',
      polygon: [
        [-200, -3.5],
        [60, -3.5],
        [60, 0],
        [-200, 0],
      ],
      direction: 0,
    },
    {
      id: 'left',
      kind: 'lane',
      polygon: [
        [-200, 0],
        [60, 0],
        [60, 3.5],
        [-200, 3.5],
      ],
      direction: 0,
    },
  ],
};
/** `count` cars that come to stand at second 4.5 one behind the other, `apart` metres from middle to middle. */
const cars = (
  count: number,
  { y = -1.75, apart = 8, first = 1, speed = 10, legs = STOP, parked = false } = {},
): RoadTrack[] =>
  Array.from({ length: count }, (_, i) => {
    const track = drive({ trackId: first + i, place: [-i * apart, y], heading: 0, speed, legs, fps: 1 });
    return parked ? { ...track, heading: null } : track;
  });
const STOP = [{ seconds: 2 }, { seconds: 2.5, acceleration: -4 }, { seconds: 30 }];
const found = (tracks: readonly RoadTrack[], at = 24, scene: FlatScene = ROAD, open: number[] = []) =>
  findQueues(trafficView({ tracks, scene, at, open: open.length > 0 ? [{ kind: 'queue', trackIds: open }] : [] }));

test('five vehicles that stand one behind the other for fifteen seconds are a queue', () => {
  assert.deepEqual(found(cars(5), 17), []);
  const [finding, ...others] = found(cars(5));
  assert.equal(others.length, 0);
  assert.deepEqual(finding?.trackIds.toSorted(), [1, 2, 3, 4, 5]);
  assert.equal(finding.zone, 'right');
  assert.equal(finding.evidence.vehicles, 5);
  assert.ok(Math.abs(finding.evidence.lengthM! - 36.4) < 0.1);
  assert.ok(Math.abs(finding.onset - START - 4_500) <= 3_000);
});

test('a vehicle hidden by the next counts where there is room for it', () => {
  const [first, , ...others] = cars(5);
  // Its box reaches 12 m back.
  const hiding = {
    ...first!,
    history: first!.history.map((point) => {
      const [x1, y1, x2, y2] = point.box!;
      return { ...point, box: [x1 - 100, y1, x2, y2] satisfies Box };
    }),
  };
  assert.equal(found([hiding, ...others]).length, 1);
  assert.deepEqual(found([first!, ...others]), []);
  assert.deepEqual(found([hiding, ...others.slice(1)]), []);
});

test('four, with wide gaps, or moving, are none', () => {
  assert.deepEqual(found(cars(4)), []);
  assert.equal(found(cars(5, { apart: 18 })).length, 1);
  assert.deepEqual(found(cars(5, { apart: 20 })), []);
  assert.deepEqual(found(cars(5, { speed: 2, legs: [{ seconds: 34 }] })), []);
  assert.equal(found(cars(5, { speed: 1, legs: [{ seconds: 34 }] })).length, 1);
});

test('while it is open, one vehicle less keeps it', () => {
  assert.equal(found(cars(4), 24, ROAD, [1]).length, 1);
  assert.deepEqual(found(cars(3), 24, ROAD, [1]), []);
});

test('queues side by side are one, those of other approaches are others', () => {
  const beside = found([...cars(6), ...cars(5, { y: 1.75, first: 11 })]);
  assert.equal(beside.length, 1);
  assert.equal(beside[0]?.evidence.vehicles, 11);
  // A short lane beside it adds nothing.
  assert.equal(found([...cars(6), ...cars(3, { y: 1.75, first: 11 })])[0]?.evidence.vehicles, 6);
  const far = {
    zones: [
      ...(ROAD.zones ?? []),
      {
        id: 'far',
        kind: 'lane' as const,
        polygon: [
          [-200, 50],
          [60, 50],
          [60, 54],
          [-200, 54],
        ] as const,
        direction: 0,
      },
    ],
  };
  assert.equal(found([...cars(5), ...cars(5, { y: 52, first: 11 })], 24, far).length, 2);
});

test('cars beside the lanes, and a row of parked cars, are none', () => {
  assert.deepEqual(found(cars(6, { y: -6 })), []);
  assert.deepEqual(found(cars(6, { parked: true, speed: 0 })), []);
  assert.deepEqual(found(cars(6, { parked: true, speed: 0 }), 24, {}), []);
});

test('without zones the headings tell who stands behind whom', () => {
  const [finding] = found(cars(5), 24, {});
  assert.equal(finding?.evidence.vehicles, 5);
  assert.equal(finding.zone, null);
  const [one, two, three, four, five] = cars(5);
  const turned = drive({
    trackId: 3,
    place: [three!.history.at(-1)!.place[0], -34.25],
    heading: 90,
    speed: 10,
    legs: STOP,
    fps: 1,
  });
  assert.deepEqual(found([one!, two!, turned, four!, five!], 24, {}), []);
});
