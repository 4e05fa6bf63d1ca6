import { contains } from '../scene/polygon.ts';
import type { Metres, Pixel, RoadPlane, SceneZone } from '../scene/scene.types.ts';
import { Gate, type Moment } from './counted-gate.ts';

/** In the middle of a zone, where its occupancy is measured: as long as an induction loop. */
const LOOP_METRES = 2;
/** A smaller zone is no lane. */
const LEAST_METRES = 2;
/** Slower ones point anywhere, m/s. */
const HAS_HEADING = 2;
/** Cosines of angles between two lanes: of those beside each other, and against a lane's direction. */
const PARALLEL = 0.7;
const AGAINST = -0.2;
/** Share of the shorter lane that lies beside the other. */
const BESIDE = 0.4;
/** Steps to find where an edge meets the horizon: to a hundredth of a px. */
const HORIZON_HALVES = 16;

/** A lane's zone on the road. */
export class LaneArea {
  readonly laneId: string;
  /** Across the middle of the zone; its positive side is where traffic goes. */
  readonly middle: Gate;
  readonly #polygon: readonly Metres[];
  readonly #axis: Metres;
  readonly #isDirected: boolean;
  /** From the middle to the rear end and to the front end, along the axis. */
  readonly #reach: readonly [number, number];

  private constructor(zone: SceneZone, polygon: readonly Metres[], axis: Metres, centre: Metres, chord: Chord) {
    this.laneId = zone.id;
    this.#polygon = polygon;
    this.#axis = axis;
    this.#isDirected = zone.direction !== null;
    // The left of the way from the first to the second point is the axis.
    const at = (across: number): Metres => [centre[0] + across * axis[1], centre[1] - across * axis[0]];
    this.middle = new Gate(at(chord.from), at(chord.to));
    const along = polygon.map((corner) => this.middle.offset(corner));
    this.#reach = [Math.min(...along), Math.max(...along)];
  }

  /** Null for a zone that is not on the road, or too small. */
  static of(zone: SceneZone, plane: RoadPlane): LaneArea | null {
    const polygon = onRoad(zone.polygon, plane);
    // The middle of the picture of it: near enough to be seen well, also where the lane reaches the horizon.
    const middle = centreOf(zone.polygon);
    const centre = middle === null ? null : plane.toRoad(middle);
    if (polygon.length < 3 || centre === null) return null;
    const axis = zone.direction ?? longestEdge(polygon);
    const chord = chordAcross(polygon, centre, axis);
    if (chord === null || chord.to - chord.from < LEAST_METRES / 2) return null;
    const area = new LaneArea(zone, polygon, axis, centre, chord);
    return area.#reach[1] - area.#reach[0] < LEAST_METRES ? null : area;
  }

  /** In the zone, and not against its direction. */
  takes({ place, velocity }: Pick<Moment, 'place' | 'velocity'>): boolean {
    return contains(this.#polygon, place) && this.#isAlong(velocity);
  }

  /** Whether passing the middle in this way counts. */
  isForward(forward: boolean): boolean {
    return forward || !this.#isDirected;
  }

  #isAlong([x, y]: Metres): boolean {
    const speed = Math.hypot(x, y);
    if (!this.#isDirected || speed < HAS_HEADING) return true;
    return (x * this.#axis[0] + y * this.#axis[1]) / speed > AGAINST;
  }

  /** Metres along the axis from the middle. */
  position(place: Metres): number {
    return this.middle.offset(place);
  }

  /** Part of a step, as shares of it, in which a body of this length is over the loop; null for none. */
  overLoop(from: Metres, to: Metres, length: number): readonly [number, number] | null {
    const reach = (length + LOOP_METRES) / 2;
    const [a, b] = [this.position(from), this.position(to)];
    if (Math.min(a, b) > reach || Math.max(a, b) < -reach) return null;
    const at = (position: number): number => Math.min(1, Math.max(0, (position - a) / (b - a)));
    const [begin, end] = a === b ? [0, 1] : [at(a < b ? -reach : reach), at(a < b ? reach : -reach)];
    const half = (begin + end) / 2;
    const place: Metres = [from[0] + half * (to[0] - from[0]), from[1] + half * (to[1] - from[1])];
    return end > begin && this.middle.isBeside(place) ? [begin, end] : null;
  }

  /**
   * Whether the other is a lane of the same road, in either direction: who goes there changes the lane, or turns round,
   * which is an event.
   */
  isBeside(other: LaneArea): boolean {
    const cosine = this.#axis[0] * other.#axis[0] + this.#axis[1] * other.#axis[1];
    if (Math.abs(cosine) < PARALLEL) return false;
    const along = other.#polygon.map((corner) => this.position(corner));
    const [begin, end] = this.#reach;
    const shared = Math.min(end, Math.max(...along)) - Math.max(begin, Math.min(...along));
    return shared > BESIDE * Math.min(end - begin, Math.max(...along) - Math.min(...along));
  }
}

/** The part of a polygon under the horizon. */
function onRoad(polygon: readonly Pixel[], plane: RoadPlane): readonly Metres[] {
  return polygon.flatMap((to, i) => {
    const from = polygon.at(i - 1) ?? to;
    const [a, b] = [plane.toRoad(from), plane.toRoad(to)];
    const edge = (a === null) === (b === null) ? null : farthest(plane, a === null ? to : from, a === null ? from : to);
    return [...(edge === null ? [] : [edge]), ...(b === null ? [] : [b])];
  });
}

/** The last place under the horizon on the way from a pixel on the road to one that isn't. */
function farthest(plane: RoadPlane, on: Pixel, off: Pixel): Metres | null {
  let [near, far, place] = [on, off, plane.toRoad(on)];
  for (let halves = 0; halves < HORIZON_HALVES; halves += 1) {
    const half: Pixel = [(near[0] + far[0]) / 2, (near[1] + far[1]) / 2];
    const found = plane.toRoad(half);
    if (found === null) far = half;
    else [near, place] = [half, found];
  }
  return place;
}

function longestEdge(polygon: readonly Metres[]): Metres {
  const edges = polygon.map((from, i): Metres => {
    const to = polygon[(i + 1) % polygon.length] ?? from;
    return [to[0] - from[0], to[1] - from[1]];
  });
  const longest = edges.reduce((a, b) => (Math.hypot(...b) > Math.hypot(...a) ? b : a));
  const length = Math.hypot(...longest) || 1;
  return [longest[0] / length, longest[1] / length];
}

/** Centre of gravity; null for a polygon without area. */
function centreOf(polygon: readonly Pixel[]): Pixel | null {
  const [origin = [0, 0]] = polygon;
  let [area, sumX, sumY] = [0, 0, 0];
  for (const [i, from] of polygon.entries()) {
    const to = polygon[(i + 1) % polygon.length] ?? from;
    const [ax, ay, bx, by] = [from[0] - origin[0], from[1] - origin[1], to[0] - origin[0], to[1] - origin[1]];
    const cross = ax * by - bx * ay;
    area += cross / 2;
    sumX += ((ax + bx) * cross) / 6;
    sumY += ((ay + by) * cross) / 6;
  }
  return Math.abs(area) < 1e-6 ? null : [origin[0] + sumX / area, origin[1] + sumY / area];
}

interface Chord {
  /** Metres from the centre, to the right of the axis. */
  readonly from: number;
  readonly to: number;
}

/** The polygon's extent along the straight line through the centre, at right angles to the axis. */
function chordAcross(polygon: readonly Metres[], centre: Metres, axis: Metres): Chord | null {
  const placed = polygon.map(([x, y]) => {
    const [dx, dy] = [x - centre[0], y - centre[1]];
    return { along: dx * axis[0] + dy * axis[1], across: dx * axis[1] - dy * axis[0] };
  });
  const crossings = placed.flatMap((from, i) => {
    const to = placed[(i + 1) % placed.length] ?? from;
    if (from.along >= 0 === to.along >= 0) return [];
    return [from.across + (from.along / (from.along - to.along)) * (to.across - from.across)];
  });
  return crossings.length < 2 ? null : { from: Math.min(...crossings), to: Math.max(...crossings) };
}
