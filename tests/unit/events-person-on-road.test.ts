import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPersonOnRoad } from '../../src/events/person-on-road.ts';
import type { Box } from '../../src/messages/detection.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import { drive, type Drive, type FlatScene, START, trafficView } from '../support/road-tracks.ts';

const box = (left: number, bottom: number, right: number, top: number): Metres[] => [
  [left, bottom],
  [right, bottom],
  [right, top],
  [left, top],
];
/**
 * A street from x = -60 to -10 with a sidewalk on each side, and a junction from there to x = 10, whose corners take in
 * pavement: the street goes on to the east, to the north is an arm with a crossing.
 */
const STREET: FlatScene = {
  limitKmh: 50,
  zones: [
    { id: 'west', kind: 'lane', polygon: box(-60, -3.5, -10, 3.5), direction: 180 },
    { id: 'east', kind: 'lane', polygon: box(10, -3.5, 60, 3.5), direction: 0 },
    { id: 'north', kind: 'lane', polygon: box(-3.5, 10, 3.5, 60), direction: 90 },
    { id: 'junction', kind: 'junction', polygon: box(-10, -3.5, 10, 10) },
    { id: 'crossing', kind: 'crossing', polygon: box(-3.5, 6, 3.5, 10) },
    { id: 'walk-west', kind: 'sidewalk', polygon: box(-60, 3.5, -10, 6.5) },
    { id: 'walk-east', kind: 'sidewalk', polygon: box(10, 3.5, 60, 6.5) },
    { id: 'walk-north-west', kind: 'sidewalk', polygon: box(-6.5, 10, -3.5, 60) },
    { id: 'walk-north-east', kind: 'sidewalk', polygon: box(3.5, 10, 6.5, 60) },
  ],
};
const found = (changes: Partial<Drive> = {}, scene = STREET) =>
  findPersonOnRoad(
    trafficView({
      tracks: [
        drive({
          trackId: 4,
          class: 'person',
          place: [-40, 0],
          heading: 0,
          speed: 1.3,
          legs: [{ seconds: 4 }],
          fps: 2,
          ...changes,
        }),
      ],
      scene,
    }),
  );

test('a person who walks on the lane is on the road', () => {
  const [finding] = found();
  assert.deepEqual([finding?.kind, finding?.trackIds, finding?.zone], ['person-on-road', [4], 'west']);
  assert.equal(finding?.onset, START);
  assert.equal(finding?.severity, 'medium');
  assert.ok(Math.abs(finding.evidence.speedKmh! - 4.68) < 0.01);
  assert.equal(found({}, { ...STREET, limitKmh: 80 })[0]?.severity, 'high');
});

test('one on the sidewalk, at its edge, or on the road for a moment is not', () => {
  assert.deepEqual(found({ place: [-40, 5] }), []);
  assert.deepEqual(found({ place: [-40, 3] }), []);
  assert.equal(found({ place: [-40, 2.6] }).length, 1);
  assert.deepEqual(found({ legs: [{ seconds: 1 }] }), []);
  assert.equal(found({ legs: [{ seconds: 2 }] }).length, 1);
});

test('one who crosses on the crossing, or close beside it, is not', () => {
  assert.deepEqual(found({ place: [3, 8], heading: 180 }), []);
  assert.deepEqual(found({ place: [3, 5.5], heading: 180 }), []);
  assert.equal(found({ place: [2, 4], heading: 180, legs: [{ seconds: 3 }] }).length, 1);
});

test('the corners of a junction are pavement, its middle is road', () => {
  // From the end of one sidewalk to the crossing, and waiting there.
  assert.deepEqual(found({ place: [-10, 5], heading: 20 }), []);
  assert.deepEqual(found({ place: [-4.3, 7], speed: 0 }), []);
  const [finding] = found({ place: [-3, 0], heading: 0 });
  assert.equal(finding?.zone, 'junction');
});

test('where the place may be off by as much as the sidewalk is away, nothing is said', () => {
  assert.deepEqual(found({ place: [-40, 2], sd: { place: 1.5 } }), []);
  assert.equal(found({ place: [-40, 0], sd: { place: 1.5 } }).length, 1);
});

test('riders, vehicles and doubtful tracks are none', () => {
  assert.deepEqual(found({ class: 'bicycle' }), []);
  assert.deepEqual(found({ class: 'car' }), []);
  assert.deepEqual(found({ confirmed: false }), []);
  assert.deepEqual(found({ speed: 6 }), []);
  assert.deepEqual(found({}, {}), []);
});

test('it is over when the person has left the road', () => {
  const [finding] = found({ place: [-40, -1], heading: 90, legs: [{ seconds: 6 }] });
  assert.ok(finding!.endedAt! >= START + 2_000 && finding!.endedAt! <= START + 3_500);
});

test('one who was never seen to walk must be seen well and long', () => {
  const standing = { speed: 0, confidence: 0.5, legs: [{ seconds: 9 }] };
  assert.deepEqual(found(standing), []);
  assert.equal(found({ ...standing, confidence: 0.7 }).length, 1);
  assert.deepEqual(found({ ...standing, confidence: 0.7, legs: [{ seconds: 4 }] }), []);
});

test('one that was lost for long counts from where it was found again: it may be another', () => {
  const walker = drive({
    trackId: 4,
    class: 'person',
    place: [-40, 10],
    heading: -90,
    speed: 1.3,
    legs: [{ seconds: 12 }],
    fps: 2,
  });
  const foundAgain = (from: number, at: number) => {
    const history = walker.history.filter((point) => point.at <= START + 3_000 || point.at >= START + from);
    return findPersonOnRoad(trafficView({ tracks: [{ ...walker, history }], scene: STREET, at }));
  };
  assert.equal(foundAgain(5_500, 7.5).length, 1);
  assert.deepEqual(foundAgain(7_500, 7.5), []);
  assert.equal(foundAgain(7_500, 9.5).length, 1);
});

test('a thing that takes the place of a person who was lost must be seen for as long as any thing', () => {
  const walks = drive({
    trackId: 4,
    class: 'person',
    place: [-40, 5],
    heading: 0,
    speed: 1,
    legs: [{ seconds: 20 }],
    fps: 2,
  });
  const stands = drive({
    trackId: 4,
    class: 'person',
    place: [-18, 0],
    heading: 0,
    speed: 0,
    from: 28,
    legs: [{ seconds: 8 }],
    fps: 2,
  });
  const tracks = [{ ...walks, history: [...walks.history, ...stands.history], hits: 100 }];
  const foundBy = (at: number) => findPersonOnRoad(trafficView({ tracks, scene: STREET, at })).length;
  assert.equal(foundBy(31), 0);
  assert.equal(foundBy(34), 1);
});

test('one whose feet were always hidden may ride, and one that was seen on wheels half of the time does', () => {
  const walker = drive({
    trackId: 4,
    class: 'person',
    place: [-40, 0],
    heading: 0,
    speed: 1.3,
    legs: [{ seconds: 4 }],
    fps: 2,
  });
  const foundWith = (isRiding: (index: number) => boolean | null) => {
    const history = walker.history.map((point, index) => ({ ...point, isRiding: isRiding(index) }));
    return findPersonOnRoad(trafficView({ tracks: [{ ...walker, history }], scene: STREET })).length;
  };
  assert.equal(
    foundWith(() => null),
    0,
  );
  assert.equal(
    foundWith((index) => index % 2 === 0),
    0,
  );
  assert.equal(
    foundWith((index) => (index > 5 ? false : null)),
    1,
  );
});

test('one look elsewhere makes no walker of a false box that stays where it is', () => {
  const walker = drive({
    trackId: 4,
    class: 'person',
    place: [-40, 0],
    heading: 0,
    speed: 1.3,
    legs: [{ seconds: 3 }],
    fps: 2,
    confidence: 0.5,
  });
  const boxAt = (index: number) => walker.history[index]?.box ?? null;
  const foundWith = (isFalse: (index: number) => boolean, other: number) => {
    // The places are smoothed: they move though the boxes do not.
    const history = walker.history.map((point, index) => (isFalse(index) ? { ...point, box: boxAt(other) } : point));
    return findPersonOnRoad(trafficView({ tracks: [{ ...walker, history }], scene: STREET })).length;
  };
  assert.equal(
    foundWith((index) => index < 6, 0),
    0,
  );
  assert.equal(
    foundWith((index) => index > 0, 6),
    0,
  );
  assert.equal(
    foundWith(() => false, 0),
    1,
  );
});

test('a box that is far too small for a person tells nothing', () => {
  const walker = drive({
    trackId: 4,
    class: 'person',
    place: [-40, 0],
    heading: 0,
    speed: 1.3,
    legs: [{ seconds: 4 }],
    fps: 2,
  });
  const foundWith = (pixels: number) => {
    const history = walker.history.map((point) => {
      const [x1 = 0, , x2 = 0, y2 = 0] = point.box ?? [];
      const low: Box = [x1, y2 - pixels, x2, y2];
      return { ...point, box: low };
    });
    return findPersonOnRoad(trafficView({ tracks: [{ ...walker, history }], scene: STREET })).length;
  };
  assert.equal(foundWith(2), 0);
  assert.equal(foundWith(5), 1);
});
