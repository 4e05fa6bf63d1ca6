import type { Metres } from '../../../src/scene/scene.types.ts';
import type { Chance } from './chance.ts';
import { bend, Path } from './path.ts';
import type { Leg, Route, Segment, Walk, World, WorldZone } from './world.types.ts';

const KMH = 3.6;
const LANE = 3.5;

/** Joins segments into a route; `more` fills in what is not by geometry. */
export function routeOf(
  id: string,
  segments: readonly Segment[],
  more: Pick<Route, 'perHour' | 'speed'> & Partial<Route>,
): Route {
  let from = 0;
  const legs: Leg[] = segments.map(({ id: segmentId, path: { length } }) => {
    const leg = { segmentId, from, segmentFrom: 0, length };
    from += length;
    return leg;
  });
  const points = segments.flatMap(({ path }, index) => (index === 0 ? path.points : path.points.slice(1)));
  return { id, path: new Path(points), legs, gates: [], bends: [], isMajor: false, ...more };
}

export const rectangle = (x1: number, y1: number, x2: number, y2: number): readonly Metres[] => [
  [x1, y1],
  [x2, y1],
  [x2, y2],
  [x1, y2],
];

const straight = (id: string, from: Metres, to: Metres): Segment => ({ id, path: new Path([from, to]) });

/**
 * A straight road along the x axis with a zebra crossing, sidewalks, and a stretch where stopping is forbidden.
 * `lanes` each way.
 */
export function street(chance: Chance, lanes: 1 | 2): World {
  const limitKmh = 50;
  const reach = 130;
  const crossingAt = chance.between(-12, 12);
  const half = lanes * LANE;
  const perHour = chance.between(180, 420);
  const isParking = chance.is(0.6);
  const kerb = half + (isParking ? 2.4 : 0);
  const zones: WorldZone[] = [
    { id: 'crossing', kind: 'crossing', polygon: rectangle(crossingAt - 2, -half, crossingAt + 2, half) },
    { id: 'sidewalk-s', kind: 'sidewalk', polygon: rectangle(-reach, -kerb - 2.2, reach, -kerb) },
    { id: 'sidewalk-n', kind: 'sidewalk', polygon: rectangle(-reach, kerb, reach, kerb + 2.2) },
    {
      id: 'no-stopping',
      kind: 'no-stopping',
      polygon: rectangle(crossingAt + 6, -half, crossingAt + 30, -half + LANE),
    },
  ];
  const routes: Route[] = [];
  for (let lane = 0; lane < lanes; lane += 1) {
    for (const way of ['e', 'w'] as const) {
      const y = (lane + 0.5) * LANE * (way === 'e' ? -1 : 1);
      const sign = way === 'e' ? 1 : -1;
      const segment = straight(`${way}${lane}`, [-reach * sign, y], [reach * sign, y]);
      const gate = { id: 'zebra', at: reach + crossingAt * sign - 4 };
      routes.push(
        routeOf(segment.id, [segment], {
          perHour: perHour / lanes,
          speed: limitKmh / KMH,
          gates: [gate],
          isMajor: true,
        }),
      );
      const polygon = rectangle(-reach, y - LANE / 2, reach, y + LANE / 2);
      zones.push({ id: `lane-${segment.id}`, kind: 'lane', polygon, path: segment.path, limitKmh });
    }
  }
  const walkY = kerb + 1.1;
  const walks: Walk[] = [
    {
      path: new Path([
        [-60, walkY],
        [60, walkY],
      ]),
      perHour: 90,
    },
    {
      path: new Path([
        [60, -walkY],
        [-60, -walkY],
      ]),
      perHour: 90,
    },
    ...[1, -1].map((side): Walk => {
      const points: Metres[] = [
        [crossingAt - 25, side * walkY],
        [crossingAt, side * walkY],
        [crossingAt, -side * walkY],
      ];
      const path = new Path([...points, [crossingAt + 25, -side * walkY]]);
      const crossing = { gateId: 'zebra', kerb: 25 + walkY - half - 0.6, end: 25 + walkY + half + 0.4 };
      return { path, perHour: 50, crossing };
    }),
  ];
  const parked = isParking
    ? Array.from({ length: 8 }, (_, index) => ({
        place: [-60 + index * 15 + chance.between(-3, 3), half + 1.2] as const,
        heading: 0,
      }))
    : [];
  const inner = lanes - 1;
  return {
    name: lanes === 1 ? 'street' : 'avenue',
    routes,
    zones,
    walks,
    limitKmh,
    control: 'free',
    stage: { routeId: `e${inner}`, at: reach + crossingAt + 14 },
    illegalStop: { routeId: `e${inner}`, at: reach + crossingAt + 18 },
    ...(lanes === 2 ? { uTurn: uTurnOf(reach, crossingAt + 20, crossingAt, limitKmh / KMH) } : {}),
    kerbs: [
      [crossingAt + 34, -kerb - 0.5],
      [crossingAt + 34, kerb + 0.5],
    ],
    parked: parked.filter(({ place: [x] }) => Math.abs(x - crossingAt) > 9),
  };
}

/** From the inner lane of one way to the outer lane of the other. */
function uTurnOf(
  reach: number,
  x: number,
  crossingAt: number,
  speed: number,
): { readonly route: Route; readonly at: number } {
  const [y1, y2] = [-LANE / 2, LANE * 1.5];
  const radius = (y2 - y1) / 2;
  const arc = Array.from({ length: 13 }, (_, index): Metres => {
    const angle = -Math.PI / 2 + (Math.PI * index) / 12;
    return [x + Math.cos(angle) * radius, (y1 + y2) / 2 + Math.sin(angle) * radius];
  });
  const turn = new Path(arc);
  const before = reach + x;
  const points: Metres[] = [[-reach, y1], ...arc, [-reach, y2]];
  const path = new Path(points);
  const legs: Leg[] = [
    { segmentId: 'e0', from: 0, segmentFrom: 0, length: before },
    { segmentId: 'u-turn', from: before, segmentFrom: 0, length: turn.length },
    { segmentId: 'w1', from: before + turn.length, segmentFrom: reach - x, length: reach + x },
  ];
  const bends = [{ from: before - 1, to: before + turn.length, speed: 4.2 }];
  const gates = [{ id: 'zebra', at: before + turn.length + (x - crossingAt) - 4 }];
  return { route: { id: 'u-turn', path, legs, gates, bends, perHour: 0, speed, isMajor: false }, at: before };
}

/** Three lanes and a shoulder each way. */
export function motorway(chance: Chance): World {
  const limitKmh = chance.pick([
    [100, 1],
    [120, 1],
  ] as const);
  const reach = 260;
  const zones: WorldZone[] = [];
  const routes: Route[] = [];
  const perHour = chance.between(250, 600);
  let shoulder: Route | undefined;
  for (const way of ['e', 'w'] as const) {
    const sign = way === 'e' ? 1 : -1;
    for (let lane = 0; lane < 4; lane += 1) {
      const width = lane === 3 ? 3 : 3.6;
      const y = -sign * (lane === 3 ? 2 + 3 * 3.6 + 1.5 : 2 + (lane + 0.5) * 3.6);
      const id = lane === 3 ? `${way}-shoulder` : `${way}${lane}`;
      const segment = straight(id, [-reach * sign, y], [reach * sign, y]);
      const speed = (limitKmh / KMH) * [1.02, 0.92, 0.78, 0.6][lane]!;
      const route = routeOf(id, [segment], { perHour, speed, isMajor: true });
      if (lane < 3) routes.push(route);
      else if (way === 'e') shoulder = route;
      const polygon = rectangle(-reach, y - width / 2, reach, y + width / 2);
      zones.push({ id: `lane-${id}`, kind: lane === 3 ? 'shoulder' : 'lane', polygon, path: segment.path, limitKmh });
    }
  }
  return {
    name: 'motorway',
    routes,
    zones,
    walks: [],
    limitKmh,
    control: 'free',
    stage: { routeId: 'e1', at: reach },
    ...(shoulder === undefined ? {} : { shoulder }),
    kerbs: [
      [10, -16.5],
      [10, -1],
    ],
    parked: [],
  };
}

const ARMS = ['e', 'n', 'w', 's'] as const;
/** From the middle of a crossroads to its edge, and to the stop lines, m. */
const EDGE = 9;
const STOP = 15;

/** Four arms of a lane each way, with crossings and signals, or a major road along the x axis. */
export function crossroads(chance: Chance, control: 'signals' | 'yield'): World {
  const limitKmh = 50;
  const reach = 110;
  // Signals let about 260 an hour and arm pass.
  const perHour = control === 'yield' ? chance.between(300, 520) : chance.between(110, 200);
  const turned = ([x, y]: Metres, arm: number): Metres => {
    const [c, s] = [Math.round(Math.cos((arm * Math.PI) / 2)), Math.round(Math.sin((arm * Math.PI) / 2))];
    return [c * x - s * y, s * x + c * y];
  };
  const zones: WorldZone[] = [{ id: 'junction', kind: 'junction', polygon: rectangle(-EDGE, -EDGE, EDGE, EDGE) }];
  const [ins, outs]: [Segment[], Segment[]] = [[], []];
  const walks: Walk[] = [];
  for (const [arm, name] of ARMS.entries()) {
    const turn = (points: readonly Metres[]): readonly Metres[] => points.map((point) => turned(point, arm));
    const into = {
      id: `${name}-in`,
      path: new Path(
        turn([
          [reach, LANE / 2],
          [EDGE, LANE / 2],
        ]),
      ),
    };
    const out = {
      id: `${name}-out`,
      path: new Path(
        turn([
          [EDGE, -LANE / 2],
          [reach, -LANE / 2],
        ]),
      ),
    };
    ins.push(into);
    outs.push(out);
    zones.push(
      { id: into.id, kind: 'lane', polygon: turn(rectangle(EDGE, 0, reach, LANE)), path: into.path, limitKmh },
      { id: out.id, kind: 'lane', polygon: turn(rectangle(EDGE, -LANE, reach, 0)), path: out.path, limitKmh },
      { id: `crossing-${name}`, kind: 'crossing', polygon: turn(rectangle(EDGE + 0.5, -LANE, EDGE + 4.5, LANE)) },
      { id: `sidewalk-${name}-l`, kind: 'sidewalk', polygon: turn(rectangle(EDGE, LANE, reach, LANE + 2.2)) },
      { id: `sidewalk-${name}-r`, kind: 'sidewalk', polygon: turn(rectangle(EDGE, -LANE - 2.2, reach, -LANE)) },
    );
    if (control === 'yield') continue;
    const y = LANE + 1.1;
    for (const side of [1, -1]) {
      const x = EDGE + 2.5;
      const path = new Path(
        turn([
          [x + 25, side * y],
          [x, side * y],
          [x, -side * y],
          [x + 25, -side * y],
        ]),
      );
      walks.push({ path, perHour: 40, crossing: { gateId: 'walk', kerb: 25.6, end: 25 + y + LANE + 0.4 } });
    }
  }
  const routes = ARMS.flatMap((name, from) =>
    ARMS.flatMap((other, to): Route[] => {
      const turns = (to - from + 4) % 4;
      const [into, out] = [ins[from], outs[to]];
      const isMajor = from % 2 === 0;
      if (turns === 0 || into === undefined || out === undefined) return [];
      // Nobody waits in the middle for a gap.
      if (control === 'yield' && isMajor && turns !== 2) return [];
      const way = { id: `${name}>${other}`, path: new Path(bend(into.path.at(into.path.length), out.path.at(0))) };
      const begin = into.path.length;
      return [
        routeOf(way.id, [into, way, out], {
          perHour: perHour * (turns === 2 ? 0.6 : 0.2) * (control === 'yield' && !isMajor ? 0.3 : 1),
          speed: limitKmh / KMH,
          gates: control === 'yield' && isMajor ? [] : [{ id: `stop-${name}`, at: begin - (STOP - EDGE) }],
          bends: turns === 2 ? [] : [{ from: begin, to: begin + way.path.length, speed: turns === 1 ? 5 : 6.5 }],
          isMajor,
        }),
      ];
    }),
  );
  return {
    name: control === 'signals' ? 'crossroads' : 'priority',
    routes,
    zones: [...zones, { id: 'no-stopping', kind: 'no-stopping', polygon: rectangle(22, -LANE, 42, 0) }],
    walks,
    limitKmh,
    control,
    stage: { routeId: 'w>e', at: reach + EDGE + 25 },
    illegalStop: { routeId: 'w>e', at: reach + EDGE + 21 },
    kerbs: [
      [36, -LANE - 0.5],
      [36, LANE + 0.5],
    ],
    parked: [],
  };
}
