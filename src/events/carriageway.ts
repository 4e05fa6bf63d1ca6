import type { Metres, RoadPlane, Scene, SceneZone } from '../scene/scene.types.ts';
import { borderDistance, flat } from '../scene/polygon.ts';
import { distance, nearest, shifted, zonesOf } from './places.ts';

/** Between places along the border of a junction, m. */
const STEP_METRES = 1;
/** A zone that begins so near to a junction's border touches it, m. */
const TOUCHES_METRES = 0.6;
/** A crossing that begins at a corner has an end so near to the corner of the lane, m. */
const CROSSING_METRES = 5;
const MOST_PLACES = 400;

/** The part of the road that vehicles use. */
export interface Carriageway {
  /**
   * How far a place lies from where people may walk, m: from a crossing, a sidewalk, the pavement at the corners of a
   * junction. 0 or less: they may. Null: not on the carriageway.
   */
  depth(place: Metres): number | null;
}

const known = new WeakMap<Scene, Carriageway>();

/** The carriageway of a scene: its lanes and junctions; it is worked out once for each scene. */
export function carriagewayOf(scene: Scene): Carriageway {
  const before = known.get(scene);
  if (before !== undefined) return before;
  const made = makeCarriageway(scene);
  known.set(scene, made);
  return made;
}

function makeCarriageway(scene: Scene): Carriageway {
  const forPeople = [...zonesOf(scene, 'crossing'), ...zonesOf(scene, 'sidewalk')];
  const pavements = new Map(zonesOf(scene, 'junction').map((zone) => [zone, pavementsOf(zone, scene)]));
  return {
    depth(place) {
      const zones = scene.zonesAt(place);
      const junctions = zones.filter(({ kind }) => kind === 'junction');
      const isLane = zones.some(({ kind }) => kind === 'lane');
      if (junctions.length === 0 && !isLane) return null;
      let depth = nearest(forPeople, place);
      if (isLane) return depth;
      for (const pavement of junctions.flatMap((zone) => pavements.get(zone) ?? [])) {
        depth = Math.min(depth, isWithin(pavement, place) ? 0 : borderDistance(flat(pavement), place[0], place[1]));
      }
      return depth;
    },
  };
}

/**
 * Pavements within a junction. Its polygon often takes in its corners, where one sidewalk goes over into the next:
 * along a part of its border that touches no lane, but a sidewalk, or begins at a crossing. The pavement is the hull of
 * that part and of the crossings' ends.
 */
function pavementsOf(junction: SceneZone, scene: Scene): readonly (readonly Metres[])[] {
  const border = borderOf(junction, scene.plane);
  const [lanes, sidewalks] = [zonesOf(scene, 'lane'), zonesOf(scene, 'sidewalk')];
  const ends = zonesOf(scene, 'crossing').flatMap((zone) => cornersOf(zone, scene.plane));
  const marks = border.map((place) =>
    nearest(lanes, place) < TOUCHES_METRES ? 'lane' : nearest(sidewalks, place) < TOUCHES_METRES ? 'sidewalk' : 'none',
  );
  const start = marks.indexOf('lane');
  if (start < 0) return [];
  const pavements: (readonly Metres[])[] = [];
  let part: number[] = [];
  // Round the border once, from a lane to the same lane.
  for (let i = 1; i <= border.length; i++) {
    const at = (start + i) % border.length;
    if (marks[at] !== 'lane') {
      part.push(at);
      continue;
    }
    // From the corner of one lane to that of the next.
    const around = [(part[0] ?? at) - 1, ...part, at].flatMap((index) => [border.at(index) ?? []].filter(isPlace));
    const corners = [around[0], around.at(-1)].filter((corner) => corner !== undefined);
    const near = ends.filter((end) => corners.some((corner) => distance(end, corner) < CROSSING_METRES));
    const isForPeople = near.length > 0 || part.some((index) => marks[index] === 'sidewalk');
    if (part.length > 0 && isForPeople) pavements.push(hullOf([...around, ...near]));
    part = [];
  }
  return pavements;
}

const isPlace = (value: Metres | never[]): value is Metres => value.length === 2;

/** Convex hull, counter-clockwise (Andrew's monotone chain, 1979). */
function hullOf(places: readonly Metres[]): readonly Metres[] {
  const sorted = places.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (ordered: readonly Metres[]): Metres[] => {
    const chain: Metres[] = [];
    for (const place of ordered) {
      for (;;) {
        const [before, last] = [chain.at(-2), chain.at(-1)];
        if (before === undefined || last === undefined || cross(before, last, place) > 0) break;
        chain.pop();
      }
      chain.push(place);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.toReversed())];
}

/** Positive when `c` lies to the left of the way from `a` to `b`. */
const cross = (a: Metres, b: Metres, c: Metres): number =>
  (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

const isWithin = (hull: readonly Metres[], place: Metres): boolean =>
  hull.length > 2 && hull.every((from, i) => cross(from, hull[(i + 1) % hull.length] ?? from, place) >= 0);

function cornersOf(zone: SceneZone, plane: RoadPlane): readonly Metres[] {
  const places: Metres[] = [];
  for (const pixel of zone.polygon) {
    const place = plane.toRoad(pixel);
    if (place !== null) places.push(place);
  }
  return places;
}

/** Places along the border of a zone, about a metre apart. */
function borderOf(zone: SceneZone, plane: RoadPlane): readonly Metres[] {
  const places = cornersOf(zone, plane);
  const border: Metres[] = [];
  for (const [i, from] of places.entries()) {
    const to = places[(i + 1) % places.length] ?? from;
    const length = distance(from, to);
    const steps = Math.max(1, Math.min(60, Math.ceil(length / STEP_METRES)));
    const along: Metres = length === 0 ? [0, 0] : [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
    for (let step = 0; step < steps; step++) border.push(shifted(from, along, (length * step) / steps));
  }
  return border.slice(0, MOST_PLACES);
}
