import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTrafficCounter, BIN_DELAY_SECONDS } from '../../src/counting/traffic-counter.ts';
import { longestQueue } from '../../src/counting/queue-length.ts';
import { CountedBin } from '../../src/messages/counted-bin.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import {
  count,
  crossingsOf,
  flatScene,
  type MadeTrack,
  madeTrack,
  START,
  type Step,
} from '../support/counted-traffic.ts';

/** Upwards through the scene at x = 50; left of it are smaller x. */
const LINE = ['gate', [50, 0], [50, 40]] as const;
const scene = flatScene({ lines: [LINE] });

/** Straight on at a constant speed, a step a second. */
const straight = (from: Metres, velocity: Metres, seconds: number, begin = 0): Step[] =>
  Array.from({ length: seconds + 1 }, (_, i) => [begin + i, from[0] + i * velocity[0], from[1] + i * velocity[1]]);

describe('the bins', () => {
  it('are minutes of the clock, finished once the last moments are settled, and tell how long was watched', () => {
    const counter = createTrafficCounter();
    const found: { readonly at: number; readonly bin: CountedBin }[] = [];
    for (let second = 30; second <= 300; second += 1) {
      if (second > 130 && second < 250) continue;
      for (const bin of counter.observe({ tracks: [], at: START + second * 1_000, scene }))
        found.push({ at: second, bin });
    }
    assert.deepEqual(
      found.map(({ at, bin }) => [at, bin.start.slice(14, 19), bin.observedSeconds]),
      [
        [60 + BIN_DELAY_SECONDS, '00:00', 30],
        [120 + BIN_DELAY_SECONDS > 130 ? 250 : 120 + BIN_DELAY_SECONDS, '01:00', 60],
        [250, '02:00', 10],
      ],
    );
    assert.deepEqual(
      counter.finish().map(({ start, observedSeconds }) => [start.slice(14, 19), observedSeconds]),
      [['04:00', 50]],
    );
    for (const { bin } of found) CountedBin.parse(bin);
  });

  it('put a crossing into the minute in which it was', () => {
    const tracks = [
      { id: 1, steps: straight([20, 10], [12, 0], 6, 56) },
      { id: 2, steps: straight([20, 10], [12, 0], 6, 58) },
    ];
    const { bins } = count(scene, tracks, 120);
    assert.deepEqual(
      bins.slice(0, 2).map((bin) => crossingsOf(bin, 'gate')),
      [['left-to-right car 1'], ['left-to-right car 1']],
    );
  });

  it('go on when the clock was set back by an hour', () => {
    const counter = createTrafficCounter();
    const at = (second: number): readonly CountedBin[] =>
      counter.observe({ tracks: [], at: START + second * 1_000, scene });
    for (let second = 0; second <= 30; second += 1) at(second);
    assert.deepEqual(
      at(-3_600).map(({ start, observedSeconds }) => [start, observedSeconds]),
      [[new Date(START).toISOString(), 30]],
    );
    const bins = [];
    for (let second = -3_599; second < -3_500; second += 1) bins.push(...at(second));
    assert.deepEqual(
      bins.map(({ start }) => start),
      [new Date(START - 3_600_000).toISOString()],
    );
  });

  it('name lines that are not on the road', () => {
    const sky = flatScene({ lines: [LINE, ['sky', [0, 90], [30, 90]]] });
    const cut = { ...sky, plane: { ...sky.plane, toRoad: (p: Metres) => (p[1] < 0 ? null : sky.plane.toRoad(p)) } };
    const { all } = count(cut, [{ id: 1, steps: straight([20, 10], [12, 0], 6) }]);
    assert.deepEqual([all.notOnRoad, all.lines.map(({ lineId }) => lineId)], [['sky'], ['gate']]);
  });

  it('leave out road users over the bound, and say so', () => {
    const counter = createTrafficCounter();
    const tracks = Array.from({ length: 1_010 }, (_, i) => madeTrack({ id: i + 1, steps: [[0, i, 1]] }));
    counter.observe({ tracks, at: START, scene });
    counter.observe({ tracks: [], at: START + 1_000, scene });
    assert.equal(counter.finish()[0]?.leftOut, 10);
  });
});

describe('a lane', () => {
  const EAST: readonly Metres[] = [
    [0, 8],
    [100, 8],
    [100, 12],
    [0, 12],
  ];
  const WEST: readonly Metres[] = [
    [0, 12],
    [100, 12],
    [100, 16],
    [0, 16],
  ];
  const road = flatScene({
    lanes: [
      ['east', EAST, [1, 0]],
      ['west', WEST, [-1, 0]],
    ],
  });
  const laneOf = (tracks: readonly MadeTrack[], laneId: string, seconds = 60) =>
    count(road, tracks, seconds).bins[0]?.lanes.find((lane) => lane.laneId === laneId);

  it('has flow, both mean speeds and occupancy', () => {
    const tracks = [
      { id: 1, steps: straight([0, 10], [20, 0], 5) },
      { id: 2, steps: straight([0, 10], [10, 0], 10, 10) },
      { id: 3, class: 'person' as const, steps: straight([45, 10], [1, 0], 10) },
    ];
    const lane = laneOf(tracks, 'east');
    assert.deepEqual([lane?.vehicles, lane?.flowPerHour, lane?.timeMeanSpeedKmh], [2, 120, 54]);
    // 200 m in 15 s.
    assert.equal(lane?.spaceMeanSpeedKmh, 48);
    // A car of 4.4 m over a loop of 2 m: .32 s and .64 s.
    assert.equal(lane?.occupancy, 0.016);
    assert.equal(laneOf(tracks, 'west')?.vehicles, 0);
  });

  it('is occupied for as long as a vehicle stands in its middle', () => {
    const steps: Step[] = [
      ...straight([10, 10], [10, 0], 4),
      ...Array.from({ length: 30 }, (_, i): Step => [5 + i, 51, 10]),
    ];
    assert.ok(Math.abs((laneOf([{ id: 1, steps }], 'east')?.occupancy ?? 0) - 30 / 60) < 0.02);
  });

  it('measures the longest queue', () => {
    const standing = (id: number, x: number): MadeTrack => ({
      id,
      steps: [...straight([x - 24, 10], [8, 0], 3), ...Array.from({ length: 30 }, (_, i): Step => [4 + i, x, 10])],
    });
    const lane = laneOf([standing(1, 90), standing(2, 83), standing(3, 76), standing(4, 40)], 'east');
    assert.equal(lane?.queueVehicles, 3);
    assert.ok(Math.abs((lane?.queueMetres ?? 0) - 18.4) < 0.1, `${lane?.queueMetres}`);
  });

  it('does not take vehicles that go against it', () => {
    assert.equal(laneOf([{ id: 1, steps: straight([100, 10], [-10, 0], 10) }], 'east')?.vehicles, 0);
  });
});

describe('a queue', () => {
  it('breaks at a gap of 15 m between bodies, and leaves out those that move', () => {
    const car = (position: number, speed = 0) => ({ position, length: 4, speed });
    assert.deepEqual(longestQueue([]), { vehicles: 0, metres: 0 });
    assert.deepEqual(longestQueue([car(0)]), { vehicles: 1, metres: 4 });
    assert.deepEqual(longestQueue([car(60), car(41), car(0), car(8)]), { vehicles: 2, metres: 12 });
    assert.deepEqual(longestQueue([car(0), car(18.9), car(37.8), car(30, 3)]), { vehicles: 3, metres: 41.8 });
  });
});

describe('a turning movement', () => {
  /** Roads from the west and the south meet; two lanes leave to the east. */
  const lanes = [
    [
      'in',
      [
        [0, 20],
        [40, 20],
        [40, 24],
        [0, 24],
      ],
      [1, 0],
    ],
    [
      'out',
      [
        [60, 20],
        [100, 20],
        [100, 24],
        [60, 24],
      ],
      [1, 0],
    ],
    [
      'out-2',
      [
        [60, 16],
        [100, 16],
        [100, 20],
        [60, 20],
      ],
      [1, 0],
    ],
    [
      'south',
      [
        [46, 0],
        [50, 0],
        [50, 12],
        [46, 12],
      ],
      [0, -1],
    ],
  ] as const;
  const junction = flatScene({ lanes });
  const movements = (tracks: readonly MadeTrack[]): string[] =>
    count(junction, tracks).all.movements.map(({ from, to, class: c, count: n }) => `${from} ${to} ${c} ${n}`);

  it('goes from the lane of entry to the lane of exit, through the junction', () => {
    const ahead = straight([5, 22], [10, 0], 9);
    const right: Step[] = [
      [0, 10, 22],
      [1, 20, 22],
      [2, 30, 22],
      [3, 38, 22],
      [4, 45, 20],
      [5, 48, 13],
      [6, 48, 8],
      [7, 48, 3],
    ];
    assert.deepEqual(
      movements([
        { id: 1, steps: ahead },
        { id: 2, class: 'truck', steps: right },
      ]),
      ['in out car 1', 'in south truck 1'],
    );
  });

  it('is no change between lanes beside each other, and none for one that only touches a lane', () => {
    const change = straight([62, 22], [6, -0.8], 6);
    const touch: Step[] = [
      [0, 62, 22],
      [1, 70, 20.5],
      [2, 78, 19.8],
      [3, 86, 20.5],
      [4, 94, 22],
    ];
    assert.deepEqual(
      movements([
        { id: 1, steps: change },
        { id: 2, steps: touch },
      ]),
      [],
    );
  });

  it('goes on when the track is lost in the junction', () => {
    assert.deepEqual(
      movements([
        { id: 1, steps: straight([5, 22], [10, 0], 4) },
        { id: 2, steps: straight([65, 22], [10, 0], 3, 6) },
      ]),
      ['in out car 1'],
    );
  });
});
