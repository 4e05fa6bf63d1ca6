import type { Box } from '../messages/detection.ts';
import type { PictureSize } from '../scene/pinhole.ts';
import type { Metres } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';

/** Histories are read at the multiples of this, ms, so that the moments of two tracks are the same. */
export const STEP_MS = 100;
/** How far back from the newest frame conflicts are looked for, ms. What is older was found before. */
export const WINDOW_MS = 5000;
/** Between points further apart than this a track was lost: no moments are made up there, ms. */
const LONGEST_GAP_MS = 3000;
/** Slower than this, a velocity says nothing about the heading, m/s. */
const HEADING_SPEED = 0.7;

/** A road user at one multiple of `STEP_MS`. */
export interface Moment {
  readonly at: number;
  readonly place: Metres;
  readonly velocity: Metres;
  /** m/s */
  readonly speed: number;
  /** Radians, counter-clockwise from the x axis; kept while it stands. Null: it never moved. */
  readonly heading: number | null;
  readonly sd: TrackPoint['sd'];
}

/**
 * A track's recent way, on a grid of time that all paths share: up to when it was seen last, as later places are only
 * predicted. In columns, as most of it is only looked at in passing.
 */
export interface Path {
  readonly track: RoadTrack;
  /** Steps (epoch ms over `STEP_MS`) of the first moment and after the last. */
  readonly from: number;
  readonly to: number;
  /** m and m/s; NaN where the track was lost. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly vx: Float64Array;
  readonly vy: Float64Array;
  /** Radians, continuous over whole turns; NaN: it never moved. */
  readonly heading: Float64Array;
  /** Newest point of the history at or before each moment. */
  readonly points: readonly TrackPoint[];
  /** Around the middles, m: least x and y, greatest x and y. */
  readonly bounds: readonly [number, number, number, number];
  /** Least and greatest heading. */
  readonly headings: readonly [number, number];
  /** m/s */
  readonly topSpeed: number;
  /** Half the diagonal of its footprint, m. */
  readonly radius: number;
}

/** Nearer to the edge of the picture than this a box may be cut by it, px. */
const EDGE = 3;

/** Whether the edge of the picture may cut a box: its foot and its middle are then elsewhere. */
export const isCut = ([x1, y1, x2, y2]: Box, { width, height }: PictureSize): boolean =>
  x1 <= EDGE || y1 <= EDGE || x2 >= width - EDGE || y2 >= height - EDGE;

/** How often a track was seen from one moment to another, epoch ms. */
export const looksWithin = ({ history }: RoadTrack, from: number, to: number): number =>
  history.filter(({ at, box }) => box !== null && at >= from && at <= to).length;

/** Between the looks at a track before and after a moment, ms; 0: it was seen just then, or not after it. */
export function blindTime({ history }: RoadTrack, at: number): number {
  const before = history.findLast((point) => point.box !== null && point.at <= at)?.at ?? at;
  const after = history.find((point) => point.box !== null && point.at > at)?.at ?? before;
  return before === at ? 0 : after - before;
}

/** The direction in which it moved last before a point; for one that has not yet, in which it moves first. */
function headingAt(track: RoadTrack, index: number): number {
  const moves = (point: TrackPoint): boolean => Math.hypot(...point.velocity) > HEADING_SPEED;
  const before = track.history.findLast((point, i) => i <= index && moves(point));
  const point = before ?? track.history.find(moves);
  return point === undefined ? (track.heading ?? Number.NaN) : Math.atan2(point.velocity[1], point.velocity[0]);
}

/** The heading next to another, without the whole turns between. */
function unwrapped(heading: number, last: number): number {
  return Number.isNaN(last) ? heading : heading + 2 * Math.PI * Math.round((last - heading) / (2 * Math.PI));
}

/** Along one axis between two points, by the cubic that has their places and velocities (Hermite). */
function between(p: number, q: number, v: number, w: number, u: number, s: number): [number, number] {
  const [u2, u3] = [u * u, u * u * u];
  const place = (2 * u3 - 3 * u2 + 1) * p + (u3 - 2 * u2 + u) * v * s + (3 * u2 - 2 * u3) * q + (u3 - u2) * w * s;
  const velocity = (6 * (u2 - u) * (p - q)) / s + (3 * u2 - 4 * u + 1) * v + (3 * u2 - 2 * u) * w;
  return [place, velocity];
}

class Columns {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly vx: Float64Array;
  readonly vy: Float64Array;
  readonly heading: Float64Array;

  constructor(length: number) {
    this.x = new Float64Array(length).fill(Number.NaN);
    this.y = new Float64Array(length);
    this.vx = new Float64Array(length);
    this.vy = new Float64Array(length);
    this.heading = new Float64Array(length);
  }

  /** The moment at `at` ms, between a point and the next one. */
  fill(i: number, at: number, a: TrackPoint, b: TrackPoint | undefined): void {
    if (b === undefined || at <= a.at) {
      [this.x[i], this.y[i]] = a.place;
      [this.vx[i], this.vy[i]] = a.velocity;
      return;
    }
    const [s, u] = [(b.at - a.at) / 1000, (at - a.at) / (b.at - a.at)];
    [this.x[i], this.vx[i]] = between(a.place[0], b.place[0], a.velocity[0], b.velocity[0], u, s);
    [this.y[i], this.vy[i]] = between(a.place[1], b.place[1], a.velocity[1], b.velocity[1], u, s);
  }
}

function widen(bounds: [number, number, number, number], x: number, y: number): void {
  bounds[0] = Math.min(bounds[0], x);
  bounds[1] = Math.min(bounds[1], y);
  bounds[2] = Math.max(bounds[2], x);
  bounds[3] = Math.max(bounds[3], y);
}

function makePath(track: RoadTrack): Path {
  const { history, size } = track;
  const newest = track.seenAt;
  let next = Math.max(0, history.findIndex((point) => point.at > newest - WINDOW_MS) - 1);
  const from = Math.ceil((history[next]?.at ?? newest) / STEP_MS);
  const to = Math.max(from, Math.floor(newest / STEP_MS) + 1);
  const columns = new Columns(to - from);
  const points: TrackPoint[] = [];
  const bounds: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  const headings: [number, number] = [Infinity, -Infinity];
  let heading = headingAt(track, next);
  let topSpeed = 0;
  for (let i = 0; i < to - from; i++) {
    const at = (from + i) * STEP_MS;
    while (next + 1 < history.length && (history[next + 1]?.at ?? at) <= at) next++;
    const [a, b] = [history[next], history[next + 1]];
    if (a === undefined) break;
    points.push(a);
    if (b === undefined || at <= a.at || b.at - a.at <= LONGEST_GAP_MS) columns.fill(i, at, a, b);
    const [vx, vy] = [cell(columns.vx, i), cell(columns.vy, i)];
    const speed = Math.hypot(vx, vy);
    if (speed > HEADING_SPEED) heading = unwrapped(Math.atan2(vy, vx), heading);
    columns.heading[i] = heading;
    if (Number.isNaN(cell(columns.x, i))) continue;
    topSpeed = Math.max(topSpeed, speed);
    widen(bounds, cell(columns.x, i), cell(columns.y, i));
    headings[0] = Math.min(headings[0], heading);
    headings[1] = Math.max(headings[1], heading);
  }
  const { x, y, vx, vy } = columns;
  const radius = Math.hypot(size.length, size.width) / 2;
  return { track, from, to, x, y, vx, vy, heading: columns.heading, points, bounds, headings, topSpeed, radius };
}

/** Tracks don't change: a path is made once for all finders that read it. */
const made = new WeakMap<RoadTrack, Path>();

/** The last `WINDOW_MS` of a track. */
export function pathOf(track: RoadTrack): Path {
  const known = made.get(track);
  if (known !== undefined) return known;
  const path = makePath(track);
  made.set(track, path);
  return path;
}

/** Of a column; NaN beyond its ends. */
export const cell = (column: Float64Array, i: number): number => column[i] ?? Number.NaN;

/** The moment at a step; null where the path has none. */
export function momentAt(path: Path, step: number): Moment | null {
  const i = step - path.from;
  const x = path.x[i];
  const point = path.points[i];
  if (x === undefined || point === undefined || Number.isNaN(x)) return null;
  const velocity: Metres = [path.vx[i] ?? 0, path.vy[i] ?? 0];
  const heading = path.heading[i] ?? Number.NaN;
  return {
    at: step * STEP_MS,
    place: [x, path.y[i] ?? 0],
    velocity,
    speed: Math.hypot(...velocity),
    heading: Number.isNaN(heading) ? null : heading,
    sd: point.sd,
  };
}

/** Whether two paths come within so many metres of each other, by their bounds: a cheap test before dear ones. */
export function near(a: Path, b: Path, metres: number): boolean {
  return (
    a.bounds[0] - metres <= b.bounds[2] &&
    b.bounds[0] - metres <= a.bounds[2] &&
    a.bounds[1] - metres <= b.bounds[3] &&
    b.bounds[1] - metres <= a.bounds[3]
  );
}
