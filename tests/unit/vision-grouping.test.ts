import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { OBJECT_CLASSES, TrafficGroup } from '../../src/messages/detection.ts';
import type { Box, DetectedObject, ObjectClass } from '../../src/messages/detection.ts';
import { cropRectangle } from '../../src/vision/crop.ts';
import { groupObjects } from '../../src/vision/grouping.ts';

interface Traits {
  readonly class?: ObjectClass;
  readonly size?: [number, number];
  readonly velocity?: [number, number] | null;
  readonly confidence?: number;
}
type Item = readonly [x: number, y: number, traits?: Traits];
const scene = (...items: Item[]): DetectedObject[] =>
  items.map(([x, y, { size: [w, h] = [20, 10], ...traits } = {}], objectId): DetectedObject => ({
    objectId,
    trackId: objectId + 1,
    class: 'car',
    confidence: 0.8,
    bbox: [x - w / 2, y - h / 2, x + w / 2, y + h / 2],
    velocity: null,
    ...traits,
  }));
const featuresOf = (...items: Item[]) => groupObjects(scene(...items), 1280)[0]!.features;
const centre = ({ bbox }: DetectedObject): [number, number] => [(bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2];
const gapOf = (...items: Item[]): number | null => featuresOf(...items).minPersonVehicleDistance;
const moving = (a: [number, number] | null, b: [number, number] | null) =>
  featuresOf([100, 100, { velocity: a }], [200, 100, { velocity: b }]);
const members = (objects: DetectedObject[], width = 1280): number[][] =>
  groupObjects(objects, width).map((group) => group.memberIndices);

describe('grouping road users', () => {
  it('links centres up to 150 px apart in a frame 1280 px wide, and no further', () => {
    assert.deepEqual(members(scene([100, 100], [250, 100])), [[0, 1]]);
    assert.deepEqual(members(scene([100, 100], [250.1, 100])), []);
  });

  it('the distance grows and shrinks with the width of the frame', () => {
    assert.deepEqual(members(scene([100, 100], [175, 100]), 640), [[0, 1]]);
    assert.deepEqual(members(scene([100, 100], [176, 100]), 640), []);
    assert.deepEqual(members(scene([100, 100], [325, 100]), 1920), [[0, 1]]);
  });

  it('a chain is one group; groups stand in the order of their first member', () => {
    const objects = scene([1000, 500], [100, 100], [400, 100], [1100, 500], [250, 100]);
    assert.deepEqual(members(objects), [
      [0, 3],
      [1, 2, 4],
    ]);
    assert.deepEqual(
      groupObjects(objects, 1280).map((group) => group.groupIndex),
      [1, 2],
    );
  });

  it('lights and signs neither make a group nor join two', () => {
    assert.deepEqual(
      members(scene([100, 100, { class: 'traffic light' }], [120, 100, { class: 'traffic light' }])),
      [],
    );
    assert.deepEqual(members(scene([100, 100], [200, 100, { class: 'stop sign' }], [300, 100])), []);
  });

  it('agrees with comparing every pair, whatever the scene', () => {
    const object = fc.tuple(
      fc.double({ min: 0, max: 1280, noNaN: true }),
      fc.double({ min: 0, max: 720, noNaN: true }),
      fc.constantFrom(...OBJECT_CLASSES),
    );
    fc.assert(
      fc.property(fc.array(object, { maxLength: 60 }), fc.constantFrom(320, 640, 1280, 1920), (raw, width) => {
        const objects = scene(...raw.map(([x, y, name]) => [x, y, { class: name }] as const));
        const users = objects.filter((one) => one.class !== 'traffic light' && one.class !== 'stop sign');
        const groupOf = new Map(users.map((one) => [one.objectId, one.objectId]));
        for (const a of users) {
          for (const b of users) {
            const [ax, ay] = centre(a);
            const [bx, by] = centre(b);
            if (Math.hypot(ax - bx, ay - by) > (150 * width) / 1280) continue;
            const [keep, drop] = [
              Math.min(groupOf.get(a.objectId)!, groupOf.get(b.objectId)!),
              Math.max(groupOf.get(a.objectId)!, groupOf.get(b.objectId)!),
            ];
            for (const [id, group] of groupOf) if (group === drop) groupOf.set(id, keep);
          }
        }
        const expected = Map.groupBy(groupOf, ([, group]) => group);
        assert.deepEqual(
          members(objects, width),
          [...expected.values()].map((entries) => entries.map(([id]) => id)).filter((ids) => ids.length > 1),
        );
      }),
    );
  });
});

describe('what a group tells', () => {
  it('box, classes, confidence and counts', () => {
    const [group] = groupObjects(
      scene(
        [100, 100, { confidence: 0.5 }],
        [160, 180, { class: 'person', size: [20, 60], confidence: 0.75 }],
        [100, 150, { class: 'bus', confidence: 1 }],
      ),
      1280,
    );
    assert.deepEqual(group!.bbox, [90, 95, 170, 210]);
    assert.deepEqual(group!.classes, ['bus', 'car', 'person']);
    assert.equal(group!.averageConfidence, 0.75);
    assert.deepEqual(
      {
        objectCount: group!.objectCount,
        vehicleCount: group!.features.vehicleCount,
        personCount: group!.features.personCount,
      },
      { objectCount: 3, vehicleCount: 2, personCount: 1 },
    );
    assert.equal(group!.features.density, Number(((3 / (80 * 115)) * 10_000).toFixed(4)));
    assert.ok(TrafficGroup.omit({ groupId: true }).safeParse(group).success);
  });

  it('spacing between centres, gap between the boxes of a person and a vehicle', () => {
    const [group] = groupObjects(scene([100, 100], [130, 100], [130, 140, { class: 'person', size: [10, 30] }]), 1280);
    assert.equal(group!.features.minSpacing, 30);
    assert.equal(group!.features.meanSpacing, Number(((30 + 40 + 50) / 3).toFixed(1)));
    assert.equal(group!.features.minPersonVehicleDistance, 20);
  });

  it('no person, no vehicle, or only a rider on their own bicycle: no person-vehicle distance', () => {
    const rider: Item = [100, 100, { class: 'person', size: [20, 60] }];
    assert.equal(gapOf([0, 0], [50, 0]), null);
    assert.equal(gapOf(rider, [150, 100, { class: 'person' }]), null);
    assert.equal(gapOf(rider, [100, 120, { class: 'bicycle', size: [40, 30] }]), null);
    assert.equal(gapOf(rider, [100, 120, { class: 'bicycle', size: [40, 30] }], [150, 100]), 30);
    assert.equal(gapOf(rider, [100, 100]), 0);
  });

  it('speeds, and how fast two come closer', () => {
    assert.deepEqual(
      { maxSpeed: moving([30, 40], null).maxSpeed, maxClosingSpeed: moving([30, 40], null).maxClosingSpeed },
      { maxSpeed: 50, maxClosingSpeed: null },
    );
    assert.deepEqual(
      { maxSpeed: moving(null, null).maxSpeed, maxClosingSpeed: moving(null, null).maxClosingSpeed },
      { maxSpeed: null, maxClosingSpeed: null },
    );
    assert.equal(moving([30, 0], [-20, 0]).maxClosingSpeed, 50);
    assert.equal(moving([30, 0], [30, 0]).maxClosingSpeed, 0);
    assert.equal(moving([-30, 0], [20, 0]).maxClosingSpeed, 0);
    assert.equal(moving([0, 30], [0, 0]).maxClosingSpeed, 0);
  });
});

describe('the crop of a group', () => {
  it('has the margin around it, in whole pixels', () => {
    assert.deepEqual(cropRectangle([100.4, 50.6, 200.2, 80], 1280, 720), { left: 88, top: 38, width: 125, height: 54 });
  });

  it('always lies inside the frame, holds the box, and is not empty', () => {
    const box = fc.tuple(
      fc.double({ min: 0, max: 640, noNaN: true }),
      fc.double({ min: 0, max: 360, noNaN: true }),
      fc.double({ min: 0, max: 640, noNaN: true }),
      fc.double({ min: 0, max: 360, noNaN: true }),
    );
    fc.assert(
      fc.property(box, ([a, b, c, d]) => {
        const bbox: Box = [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
        const { left, top, width, height } = cropRectangle(bbox, 640, 360);
        assert.ok([left, top, width, height].every(Number.isInteger));
        assert.ok(left >= 0 && top >= 0 && width >= 1 && height >= 1 && left + width <= 640 && top + height <= 360);
        assert.ok(left <= bbox[0] && top <= bbox[1] && left + width >= bbox[2] && top + height >= bbox[3]);
      }),
    );
  });
});
