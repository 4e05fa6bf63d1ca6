import type { Metres, Size3 } from './scene.types.ts';

/** The rectangle that a road user covers on the road. */
export interface Footprint {
  /** Its middle. */
  readonly place: Metres;
  /** Radians, counter-clockwise from the x axis. */
  readonly heading: number;
  /** Along the heading, m. */
  readonly length: number;
  /** m */
  readonly width: number;
}

export const footprintOf = (place: Metres, heading: number, size: Pick<Size3, 'length' | 'width'>): Footprint => ({
  place,
  heading,
  length: size.length,
  width: size.width,
});

const dot = (a: Metres, b: Metres): number => a[0] * b[0] + a[1] * b[1];

/** Unit vectors along the heading and to the left of it. */
function axes({ heading }: Footprint): readonly [Metres, Metres] {
  const [c, s] = [Math.cos(heading), Math.sin(heading)];
  return [
    [c, s],
    [-s, c],
  ];
}

const reach = ([along, left]: readonly [Metres, Metres], { length, width }: Footprint, direction: Metres): number =>
  (Math.abs(dot(along, direction)) * length + Math.abs(dot(left, direction)) * width) / 2;

/** From the middle to the edge along a unit vector, as far as any corner reaches, m. */
export const support = (footprint: Footprint, direction: Metres): number =>
  reach(axes(footprint), footprint, direction);

type Corners = readonly [Metres, Metres, Metres, Metres];

/** Counter-clockwise, the front left one first. */
export const corners = (footprint: Footprint): Corners => cornersAlong(axes(footprint), footprint);

function cornersAlong([along, left]: readonly [Metres, Metres], { place: [x, y], length, width }: Footprint): Corners {
  const aheadX = (along[0] * length) / 2;
  const aheadY = (along[1] * length) / 2;
  const asideX = (left[0] * width) / 2;
  const asideY = (left[1] * width) / 2;
  return [
    [x + aheadX + asideX, y + aheadY + asideY],
    [x - aheadX + asideX, y - aheadY + asideY],
    [x - aheadX - asideX, y - aheadY - asideY],
    [x + aheadX - asideX, y + aheadY - asideY],
  ];
}

/** From a point to the footprint; 0 within it, m. */
export const pointGap = (footprint: Footprint, point: Metres): number =>
  pointGapAlong(axes(footprint), footprint, point);

function pointGapAlong(
  [along, left]: readonly [Metres, Metres],
  { place, length, width }: Footprint,
  point: Metres,
): number {
  const x = point[0] - place[0];
  const y = point[1] - place[1];
  const ahead = Math.max(0, Math.abs(x * along[0] + y * along[1]) - length / 2);
  const aside = Math.max(0, Math.abs(x * left[0] + y * left[1]) - width / 2);
  return Math.sqrt(ahead * ahead + aside * aside);
}

/** Seconds from now, negative for the past; without end where the two stay in contact. */
export interface Contact {
  readonly from: number;
  readonly to: number;
}

/**
 * When two footprints overlap while each moves on at its velocity (m/s) without turning; null for never. Touching is no
 * overlap. Exact: shadows on the four normals of the sides (separating axes, Gottschalk et al. 1996; with velocities,
 * Eberly 2008).
 */
export function contactOf(a: Footprint, aVelocity: Metres, b: Footprint, bVelocity: Metres): Contact | null {
  const x = b.place[0] - a.place[0];
  const y = b.place[1] - a.place[1];
  const vx = bVelocity[0] - aVelocity[0];
  const vy = bVelocity[1] - aVelocity[1];
  if (passesBy(x, y, vx, vy, outerRadius(a) + outerRadius(b))) return null;
  const aAxes = axes(a);
  const bAxes = axes(b);
  let from = -Infinity;
  let to = Infinity;
  for (let side = 0; side < 4; side += 1) {
    const normal = side < 2 ? aAxes[side & 1] : bAxes[side & 1];
    if (normal === undefined) continue;
    const least = reach(aAxes, a, normal) + reach(bAxes, b, normal);
    const apart = x * normal[0] + y * normal[1];
    const speed = vx * normal[0] + vy * normal[1];
    if (Math.abs(speed) < 1e-12) {
      if (Math.abs(apart) >= least) return null;
      continue;
    }
    const middle = -apart / speed;
    const half = least / Math.abs(speed);
    from = Math.max(from, middle - half);
    to = Math.min(to, middle + half);
    if (from >= to) return null;
  }
  return { from, to };
}

/** From the middle to a corner. */
const outerRadius = ({ length, width }: Footprint): number => Math.sqrt(length * length + width * width) / 2;

/**
 * Whether circles of which the radii add up to `radius` never meet: most pairs of a scene, found without their sides.
 */
function passesBy(x: number, y: number, vx: number, vy: number, radius: number): boolean {
  const square = vx * vx + vy * vy;
  if (square < 1e-20) return x * x + y * y >= radius * radius;
  const aside = x * vy - y * vx;
  return aside * aside >= radius * radius * square;
}

const STILL: Metres = [0, 0];

export const overlaps = (a: Footprint, b: Footprint): boolean => contactOf(a, STILL, b, STILL) !== null;

/** Between the nearest points of two footprints; 0 where they overlap, m. */
export function gap(a: Footprint, b: Footprint): number {
  if (overlaps(a, b)) return 0;
  const aAxes = axes(a);
  const bAxes = axes(b);
  let least = Infinity;
  for (const corner of cornersAlong(aAxes, a)) least = Math.min(least, pointGapAlong(bAxes, b, corner));
  for (const corner of cornersAlong(bAxes, b)) least = Math.min(least, pointGapAlong(aAxes, a, corner));
  return least;
}

/**
 * Time to collision (Hayward 1972) of two footprints that go on at their velocities, s: 0 where they overlap now, null
 * when they will not.
 */
export function timeToCollision(a: Footprint, aVelocity: Metres, b: Footprint, bVelocity: Metres): number | null {
  const contact = contactOf(a, aVelocity, b, bVelocity);
  return contact === null || contact.to <= 0 ? null : Math.max(0, contact.from);
}
