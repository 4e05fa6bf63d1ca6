import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SceneConfig } from '../../src/messages/scene.ts';
import { checkScene } from '../../src/scene/check-scene.ts';
import { project } from '../../src/scene/homography.ts';
import { pinholeMatrix } from '../../src/scene/pinhole.ts';

const PICTURE = { width: 1280, height: 720 };
const TO_IMAGE = pinholeMatrix({ focal: 1000, pitch: 0.25, roll: 0, yaw: 0, height: 9, x: 0, y: 0 }, PICTURE);
const PAIRS = (
  [
    [-6, 20],
    [6, 20],
    [-8, 60],
    [8, 60],
    [1, 35],
    [-3, 45],
  ] as [number, number][]
).map((road) => ({ image: project(TO_IMAGE, road)!, road }));

type Point = [number, number];
const SQUARE: Point[] = [
  [100, 400],
  [300, 400],
  [300, 600],
  [100, 600],
];
const LANE = { id: 'a', kind: 'lane' as const, polygon: SQUARE };
const config = (change: Partial<SceneConfig>): SceneConfig => SceneConfig.parse({ ...PICTURE, ...change });
const fields = (change: Partial<SceneConfig>): string[] => checkScene(config(change)).issues.map(({ field }) => field);

test('a scene without faults comes with the figures of its calibration', () => {
  const { issues, calibration } = checkScene(
    config({
      calibration: PAIRS,
      zones: [
        {
          ...LANE,
          direction: [
            [200, 410],
            [200, 590],
          ],
        },
      ],
      lines: [
        {
          id: 'b',
          points: [
            [0, 0],
            [1280, 720],
          ],
        },
      ],
    }),
  );
  assert.deepEqual(issues, []);
  assert.equal(calibration?.pairs.length, PAIRS.length);
  assert.ok(calibration.rmsPx < 0.01 && calibration.maxM < 0.01);
  assert.ok(Math.abs(calibration.camera!.heightM - 9) < 0.01);
  assert.equal(checkScene(config({})).calibration, null);
});

test('polygons that cross themselves are refused, with the field and the value', () => {
  const bow: Point[] = [SQUARE[0]!, SQUARE[1]!, SQUARE[3]!, SQUARE[2]!];
  const { issues } = checkScene(config({ zones: [LANE, { ...LANE, id: 'b', polygon: bow }] }));
  assert.equal(issues.length, 1);
  assert.equal(issues[0]!.field, 'zones[1].polygon');
  assert.match(issues[0]!.message, /crosses or touches itself: its edges 1 and 3/u);
  assert.deepEqual(issues[0]!.value, bow);
  const spike: Point[] = [...SQUARE, [100, 500], [100, 650]];
  assert.deepEqual(fields({ zones: [{ ...LANE, polygon: spike }] }), ['zones[0].polygon']);
});

test('polygons without area are refused', () => {
  assert.deepEqual(
    fields({
      zones: [
        {
          ...LANE,
          polygon: [
            [10, 10],
            [200, 10],
            [10, 10.0001],
          ],
        },
      ],
    }),
    ['zones[0].polygon'],
  );
  assert.deepEqual(
    fields({
      zones: [
        {
          ...LANE,
          polygon: [
            [10, 10],
            [20, 20],
            [30, 30],
          ],
        },
      ],
    }),
    ['zones[0].polygon'],
  );
  assert.deepEqual(
    fields({
      zones: [
        {
          ...LANE,
          polygon: [
            [10, 10],
            [10, 10],
            [10, 10],
          ],
        },
      ],
    }),
    ['zones[0].polygon'],
  );
});

test('points outside the picture are refused, each by its own field', () => {
  const out: Point = [1281, 400];
  assert.deepEqual(fields({ zones: [{ ...LANE, polygon: SQUARE.with(2, out) }] }), ['zones[0].polygon[2]']);
  assert.deepEqual(fields({ zones: [{ ...LANE, direction: [[200, 500], out] }] }), [], 'a direction is no place');
  assert.deepEqual(
    fields({
      lines: [
        {
          id: 'l',
          points: [
            [-1, 0],
            [5, 5],
          ],
        },
      ],
    }),
    ['lines[0].points[0]'],
  );
  const calibration = PAIRS.with(1, { ...PAIRS[1]!, image: [-5, 700] });
  assert.ok(fields({ calibration }).includes('calibration[1].image'));
});

test('names are used once in a scene', () => {
  const lines = [
    {
      id: 'a',
      points: [
        [0, 0],
        [9, 9],
      ] as [Point, Point],
    },
  ];
  assert.deepEqual(fields({ zones: [LANE, LANE], lines }), ['zones[1].id', 'lines[0].id']);
});

test('a direction has a length, a kind of zone that it fits, and lies on the road', () => {
  const zone = (change: object): Partial<SceneConfig> => ({ calibration: PAIRS, zones: [{ ...LANE, ...change }] });
  assert.deepEqual(
    fields(
      zone({
        direction: [
          [5, 500],
          [5, 501],
        ],
      }),
    ),
    ['zones[0].direction'],
  );
  assert.deepEqual(
    fields(
      zone({
        kind: 'crossing',
        direction: [
          [5, 500],
          [5, 600],
        ],
      }),
    ),
    ['zones[0].direction'],
  );
  assert.deepEqual(
    fields(
      zone({
        direction: [
          [5, 500],
          [5, 20],
        ],
      }),
    ),
    ['zones[0].direction[1]'],
  );
});

test('zones above the horizon are refused, but for those to ignore', () => {
  const sky: Point[] = [
    [0, 0],
    [1280, 0],
    [1280, 50],
  ];
  const zones = [{ id: 's', kind: 'lane' as const, polygon: sky }];
  assert.deepEqual(fields({ calibration: PAIRS, zones }), ['zones[0].polygon']);
  assert.deepEqual(fields({ zones }), [], 'without a calibration there is no horizon yet');
  assert.deepEqual(fields({ calibration: PAIRS, zones: [{ ...zones[0]!, kind: 'ignore' }] }), []);
});

test('a calibration is refused by its code, at the pair where one is to blame', () => {
  const wrong = PAIRS.with(4, { ...PAIRS[4]!, road: [30, 12] });
  const [issue, ...others] = checkScene(config({ calibration: wrong })).issues;
  assert.deepEqual([issue?.field, issue?.code, others.length], ['calibration[4]', 'BAD_FIT', 0]);
  assert.deepEqual(issue?.value, wrong[4]);
  const line = PAIRS.map(({ image }, i) => ({ image, road: [i, i] as Point }));
  const [collinear] = checkScene(config({ calibration: line })).issues;
  assert.deepEqual([collinear?.field, collinear?.code], ['calibration', 'COLLINEAR']);
});
