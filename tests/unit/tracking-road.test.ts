import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { OBJECT_CLASSES } from '../../src/messages/scene-constants.ts';
import type { ObjectClass } from '../../src/messages/detection.ts';
import type { Metres, Pixel, Scene, SceneZone } from '../../src/scene/scene.types.ts';
import { SIZES } from '../../src/scene/sizes.ts';
import { createRoadTracker } from '../../src/tracking/road-tracker.ts';
import { HISTORY_SECONDS } from '../../src/tracking/tracking.types.ts';
import type { Assignment, RoadTracker, TrackedDetection } from '../../src/tracking/tracking.types.ts';

/** Seen from straight above: 10 px are 1 m, `away` is up in the picture, which is the y axis of the road. */
const PX = 10;
const TOP = 2000;
const lane = (x1: number, y1: number, x2: number, y2: number, direction: Metres, speedLimitKmh = 50): SceneZone => {
  const contains = ([x, y]: Pixel): boolean => {
    const [roadX, roadY] = [x / PX, (TOP - y) / PX];
    return roadX >= x1 && roadX <= x2 && roadY >= y1 && roadY <= y2;
  };
  return { id: `lane-${y1}`, kind: 'lane', polygon: [], direction, speedLimitKmh, contains, distanceTo: () => 99 };
};
function sceneOf(zones: readonly SceneZone[] = [], ignored: (pixel: Pixel) => boolean = () => false): Scene {
  const toImage = ([x, y]: Metres): Pixel => [x * PX, TOP - y * PX];
  const zonesAt: Scene['zonesAt'] = (place, kind) =>
    zones.filter((zone) => (kind === undefined || zone.kind === kind) && zone.contains(toImage(place)));
  return {
    plane: {
      calibrated: true,
      version: 1,
      toRoad: ([x, y]) => (y < 0 ? null : [x / PX, (TOP - y) / PX]),
      toImage,
      metresPerPixel: ([, y]) => (y < 0 ? null : { along: 1 / PX, across: 1 / PX, away: [0, 1] }),
    },
    zones,
    lines: [],
    zonesAt,
    limitKmhAt: (place) => zonesAt(place)[0]?.speedLimitKmh ?? null,
    ignores: ignored,
    learn: () => null,
  };
}

/** The box of one whose footprint's middle is at a place, heading along the x axis. */
function at(x: number, y: number, name: ObjectClass = 'car', confidence = 0.8): TrackedDetection {
  const { length, width } = SIZES[name];
  const bottom = TOP - (y - width / 2) * PX;
  return {
    class: name,
    confidence,
    bbox: [(x - length / 2) * PX, bottom - width * PX, (x + length / 2) * PX, bottom],
  };
}
const ids = (assignments: readonly (Assignment | null)[]): (number | null)[] =>
  assignments.map((assignment) => assignment?.trackId ?? null);
const EAST = lane(-50, 0, 400, 4, [1, 0]);
const WEST = lane(-50, 4, 400, 8, [-1, 0]);
const seconds = (count: number, fps: number): number[] => Array.from({ length: count * fps + 1 }, (_, i) => i / fps);

describe('following road users', () => {
  for (const fps of [0.5, 1, 10]) {
    it(`a car keeps its track and shows its speed and heading at ${fps} pictures a second`, () => {
      const tracker = createRoadTracker(sceneOf([EAST]));
      for (const t of seconds(12, fps)) assert.deepEqual(ids(tracker.update([at(12 * t, 2)], t * 1000)), [1], `${t} s`);
      const [track] = tracker.tracks;
      const point = track!.history.at(-1)!;
      assert.ok(Math.abs(point.velocity[0] - 12) < 0.5, `${point.velocity[0]} m/s`);
      assert.ok(Math.hypot(point.place[0] - 144, point.place[1] - 2) < 0.5, `at ${point.place.join()}`);
      assert.ok(Math.abs(track!.heading!) < 0.05);
      assert.ok(track!.confirmed && track!.class === 'car' && track!.kind === 'vehicle');
    });
  }

  it('two that meet keep their tracks, though each is then where the other would be', () => {
    const tracker = createRoadTracker(sceneOf([EAST, WEST]));
    for (const t of seconds(10, 1)) {
      const [east, west] = [at(12 * t, 2), at(120 - 12 * t, 6)];
      const tracked = ids(tracker.update(t % 2 === 0 ? [east, west] : [west, east], t * 1000));
      assert.deepEqual(tracked, t % 2 === 0 ? [1, 2] : [2, 1], `${t} s`);
    }
  });

  it('one that is not seen for 4 seconds is itself again where its speed takes it', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    for (const t of seconds(12, 1)) {
      const seen = t > 4 && t < 8 ? [] : [at(10 * t, 2)];
      assert.deepEqual(
        ids(tracker.update(seen, t * 1000)),
        seen.map(() => 1),
      );
    }
  });

  it('one that brakes as hard as it can between two frames keeps its track', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    const [speed, from, braking] = [14, 5.1, 8.5];
    const way = (t: number): number => {
      const since = Math.min(Math.max(0, t - from), speed / braking);
      return speed * Math.min(t, from + since) - (braking * since ** 2) / 2;
    };
    for (const t of seconds(9, 1)) assert.deepEqual(ids(tracker.update([at(way(t), 2)], t * 1000)), [1], `${t} s`);
  });

  it('a car that is mostly taken for a bus stays a car, as it has the size of one', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    for (const t of seconds(9, 1)) {
      tracker.update([{ ...at(12 * t, 2), class: t % 3 === 0 ? 'car' : 'bus' }], t * 1000);
    }
    assert.equal(tracker.tracks[0]!.class, 'car');
  });

  it('one that the edge of the picture cuts is where the rest of it shows it to be', () => {
    const picture = { width: 2000, height: TOP };
    const tracker = createRoadTracker(sceneOf([EAST]), { picture });
    for (const t of seconds(10, 1)) {
      const car = at(150 + 5 * t, 2);
      const [x1, y1, x2, y2] = car.bbox;
      // The box ends 1 px before the edge.
      tracker.update([{ ...car, bbox: [x1, y1, Math.min(x2, picture.width - 1), y2] }], t * 1000);
    }
    const point = tracker.tracks[0]!.history.at(-1)!;
    assert.ok(Math.abs(point.place[0] - 200) < 0.5, `${point.place[0]} m`);
    assert.ok(Math.abs(point.velocity[0] - 5) < 0.5, `${point.velocity[0]} m/s`);
  });

  it('one that stands and is hidden for 25 seconds is itself again, and one that passes is another', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    for (const t of seconds(10, 1)) tracker.update([at(100, 2)], t * 1000);
    for (const t of seconds(24, 1)) tracker.update([], 11_000 + t * 1000);
    assert.deepEqual(ids(tracker.update([at(100, 2)], 36_000)), [1]);
    assert.deepEqual(ids(tracker.update([at(100, 2), at(60, 2)], 37_000)), [1, 2]);
    // The one that passes hides the other.
    assert.deepEqual(ids(tracker.update([at(72, 2)], 38_000)), [2]);
    assert.deepEqual(ids(tracker.update([at(84, 2), at(100, 2)], 39_000)), [2, 1]);
  });

  it('while it is not seen its place is predicted, and less sure from second to second', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    for (const t of seconds(5, 1)) tracker.update([at(10 * t, 2)], t * 1000);
    const sds = [6000, 7000].map((time) => {
      tracker.update([], time);
      const point = tracker.tracks[0]!.history.at(-1)!;
      assert.deepEqual([point.at, point.box], [time, null]);
      assert.ok(Math.abs(point.place[0] - time / 100) < 2);
      return point.sd.place;
    });
    assert.ok(sds[1]! > sds[0]!, sds.join());
  });

  it('a class that flickers does not change the track, and the class is voted', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    const names: readonly ObjectClass[] = ['truck', 'car', 'car', 'bus', 'car', 'car'];
    for (const [t, name] of names.entries()) {
      const { bbox } = at(10 * t, 2);
      assert.deepEqual(ids(tracker.update([{ class: name, confidence: 0.7, bbox }], t * 1000)), [1], `${t} s`);
    }
    assert.equal(tracker.tracks[0]!.class, 'car');
  });

  it('hard braking is seen at 10 pictures a second', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    for (const t of seconds(4, 10)) tracker.update([at(15 * t - 3.5 * Math.max(0, t - 2) ** 2, 2)], t * 1000);
    const least = Math.min(...tracker.tracks[0]!.history.map(({ acceleration }) => acceleration));
    assert.ok(least < -5 && least > -9, `${least} m/s²`);
  });
});

describe('boxes', () => {
  it('a weak one begins no track, but continues one', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    assert.deepEqual(ids(tracker.update([at(0, 2, 'car', 0.36)], 0)), [null]);
    tracker.update([at(10, 2)], 1000);
    assert.deepEqual(ids(tracker.update([at(20, 2, 'car', 0.36)], 2000)), [1]);
  });

  it('two of one vehicle, of different classes, are one track', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    const twin: TrackedDetection = { ...at(0.1, 2), class: 'truck', confidence: 0.5 };
    assert.deepEqual(ids(tracker.update([twin, at(0, 2)], 0)), [null, 1]);
    assert.equal(tracker.tracks.length, 1);
  });

  it('a rider whose bicycle is missed for a while stays one', () => {
    const tracker = createRoadTracker(sceneOf());
    for (const t of seconds(8, 2)) {
      const bicycle = at(10 + 3 * t, 10, 'bicycle');
      const [x1, y1, x2, y2] = bicycle.bbox;
      const rider: TrackedDetection = { class: 'person', confidence: 0.8, bbox: [x1 + 5, y1 - 12, x2 - 5, y2 - 2] };
      tracker.update(t > 6 ? [rider] : [bicycle, rider], t * 1000);
    }
    assert.equal(tracker.tracks.find(({ kind }) => kind === 'person')?.isRider, true);
  });

  it('one that stands is told of for longer while another hides it', () => {
    for (const hidden of [true, false]) {
      const tracker = createRoadTracker(sceneOf());
      const bus = at(30, hidden ? 9 : -20, 'bus');
      for (const t of seconds(4, 1)) tracker.update([at(30, 10), bus], t * 1000);
      for (const t of seconds(30, 1)) tracker.update([bus], 5_000 + t * 1000);
      assert.equal(tracker.tracks.length, hidden ? 2 : 1);
    }
  });

  it('one that leaves is not taken for one that comes in the lane of the other direction', () => {
    const tracker = createRoadTracker(sceneOf([EAST, WEST]));
    for (const t of seconds(4, 2)) tracker.update([at(20 + 14 * t, 2)], t * 1000);
    const [first] = ids(tracker.update([at(88, 5)], 5_200));
    assert.notEqual(first, 1);
  });

  it('a person on a bicycle is its rider, one beside it is not', () => {
    const tracker = createRoadTracker(sceneOf());
    for (const t of seconds(3, 1)) {
      const bicycle = at(50 + 4 * t, 20, 'bicycle');
      const [x1, y1, x2, y2] = bicycle.bbox;
      const rider: TrackedDetection = { class: 'person', confidence: 0.8, bbox: [x1 + 5, y1 - 12, x2 - 5, y2 - 2] };
      tracker.update([bicycle, rider, at(10 + t, 20, 'person')], t * 1000);
    }
    const riders = tracker.tracks.filter(({ kind }) => kind === 'person').map(({ isRider }) => isRider);
    assert.deepEqual(riders.toSorted(), [false, true]);
  });

  it('those in a zone to ignore have no track; fixtures have a name, but none on the road', () => {
    const tracker = createRoadTracker(sceneOf([], ([x]) => x > 1000));
    const light: TrackedDetection = { class: 'traffic light', confidence: 0.9, bbox: [300, 10, 310, 40] };
    assert.deepEqual(ids(tracker.update([at(120, 2), light], 0)), [null, 1]);
    assert.deepEqual(ids(tracker.update([light], 1000)), [1]);
    assert.deepEqual(tracker.tracks, []);
  });
});

describe('late frames', () => {
  /** Two cars and a person, with some misses. */
  const frameAt = (t: number): TrackedDetection[] => [
    ...(t % 0.7 < 0.5 ? [at(11 * t, 2)] : []),
    ...(t % 1.1 < 0.9 ? [at(200 - 9 * t, 6)] : []),
    at(50 + 1.3 * t, 30, 'person'),
  ];
  const play = (tracker: RoadTracker, times: readonly number[]): void => {
    for (const t of times) tracker.update(frameAt(t), Math.round(t * 1000));
  };
  const shown = (tracker: RoadTracker): unknown =>
    tracker.tracks.map(({ kind, hits, history }) => ({ kind, hits, history })).toSorted((a, b) => a.hits - b.hits);

  it('give the same as the same frames in their order', () => {
    const times = seconds(9, 2);
    fc.assert(
      fc.property(fc.shuffledSubarray(times.slice(1, -1), { maxLength: 8 }), (late) => {
        const tracker = createRoadTracker(sceneOf([EAST, WEST]));
        play(tracker, [...times.filter((t) => !late.includes(t)), ...late]);
        const inOrder = createRoadTracker(sceneOf([EAST, WEST]));
        play(inOrder, times);
        assert.deepEqual(shown(tracker), shown(inOrder));
      }),
      { numRuns: 20 },
    );
  });

  it('leave the names of tracks as they were published', () => {
    const tracker = createRoadTracker(sceneOf([EAST, WEST]));
    const published = seconds(6, 1).map((t) => ({ t, names: ids(tracker.update(frameAt(t), t * 1000)) }));
    for (const t of [3.1, 3.2, 3.3, 0.5, 5.5]) tracker.update(frameAt(t), t * 1000);
    for (const { t, names } of published) assert.deepEqual(ids(tracker.assignmentsAt(t * 1000)!), names, `${t} s`);
  });

  it('older than the look-back are not taken', () => {
    const tracker = createRoadTracker(sceneOf([EAST]));
    tracker.update([at(0, 2)], 20_000);
    assert.deepEqual(ids(tracker.update([at(0, 2)], 7_999)), [null]);
    assert.equal(tracker.newestAt, 20_000);
    assert.equal(tracker.assignmentsAt(7_999), null);
  });
});

describe('bounds', () => {
  it('no more tracks than allowed, those seen last', () => {
    const tracker = createRoadTracker(sceneOf(), { maxTracks: 3 });
    for (const t of seconds(3, 1)) tracker.update([at(40 * t, 50), at(40 * t, 120)], t * 1000);
    assert.ok(tracker.tracks.length <= 3);
    assert.equal(tracker.tracks.filter(({ seenAt }) => seenAt === 3000).length, 2);
  });

  it('no more history than the stated time, and old moments are fewer', () => {
    const tracker = createRoadTracker(sceneOf());
    for (const t of seconds(60, 10)) tracker.update([at(100, 50)], t * 1000);
    const { history } = tracker.tracks[0]!;
    assert.ok(history[0]!.at >= 60_000 - HISTORY_SECONDS * 1000 && history[0]!.at < 30_000, `${history[0]!.at}`);
    assert.ok(history.length < 260, `${history.length}`);
    assert.ok(history.every(({ at: time }, i) => i === 0 || time > history[i - 1]!.at));
  });

  it('any boxes: no track twice in a frame, finite numbers, the same again for the same frames', () => {
    const detection = fc
      .tuple(
        fc.integer({ min: -50, max: 400 }),
        fc.integer({ min: -300, max: 2000 }),
        fc.constantFrom(...OBJECT_CLASSES),
        fc.integer({ min: 1, max: 80 }),
      )
      .map(([x, y, name, size]): TrackedDetection => ({
        class: name,
        confidence: 0.5,
        bbox: [x, y, x + size, y + size],
      }));
    const frames = fc.array(fc.array(detection, { maxLength: 8 }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.integer({ min: 0, max: 3000 }), (all, interval) => {
        const run = (): unknown[] => {
          const tracker = createRoadTracker(sceneOf([EAST]), { picture: { width: 400, height: 2000 } });
          return all.map((detections, i) => {
            const tracked = ids(tracker.update(detections, i * interval));
            assert.equal(tracked.length, detections.length);
            const named = tracked.filter((id) => id !== null);
            assert.equal(new Set(named).size, named.length);
            return tracker.tracks.map(({ trackId, history }) => ({ trackId, history }));
          });
        };
        const first = run();
        assert.ok(!/null,null|NaN/u.test(JSON.stringify(first)));
        assert.deepEqual(run(), first);
      }),
      { numRuns: 60 },
    );
  });
});

describe('another scene', () => {
  it('places are computed again from the boxes, and tracks keep their names', () => {
    const scene = sceneOf([EAST]);
    const tracker = createRoadTracker(scene);
    for (const t of seconds(6, 1)) tracker.update([at(6 * t, 2)], t * 1000);
    const twice: Scene = {
      ...scene,
      plane: {
        ...scene.plane,
        version: 2,
        toRoad: ([x, y]) => [(2 * x) / PX, (2 * (TOP - y)) / PX],
        metresPerPixel: () => ({ along: 2 / PX, across: 2 / PX, away: [0, 1] }),
      },
    };
    tracker.setScene(twice);
    const [track] = tracker.tracks;
    assert.equal(track!.trackId, 1);
    assert.ok(Math.abs(track!.history.at(-1)!.velocity[0] - 12) < 0.5, `${track!.history.at(-1)!.velocity[0]} m/s`);
    assert.deepEqual(ids(tracker.update([at(42, 2)], 7000)), [1]);
  });
});
