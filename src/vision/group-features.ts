import type { Box, DetectedObject, GroupFeatures, ObjectClass } from '../messages/detection.ts';
import { area, centre, gap } from './geometry.ts';
import { round } from './round.ts';

const TWO_WHEELERS: ReadonlySet<ObjectClass> = new Set<ObjectClass>(['bicycle', 'motorcycle']);
const VEHICLES: ReadonlySet<ObjectClass> = new Set<ObjectClass>(['bicycle', 'car', 'motorcycle', 'bus', 'truck']);

/** Counts, distances and speeds of a group of at least two members. See `GroupFeatures` for units. */
export function groupFeatures(members: readonly DetectedObject[], bbox: Box): GroupFeatures {
  let spacingSum = 0;
  let pairs = 0;
  let minSpacing = Infinity;
  let minPersonVehicle = Infinity;
  let closing: number | null = null;
  for (const [i, a] of members.entries()) {
    for (const b of members.slice(i + 1)) {
      const spacing = distanceOf(a, b);
      spacingSum += spacing;
      pairs++;
      minSpacing = Math.min(minSpacing, spacing);
      if (isPersonAndVehicle(a, b)) minPersonVehicle = Math.min(minPersonVehicle, gap(a.bbox, b.bbox));
      const speed = closingSpeed(a, b);
      if (speed !== null) closing = Math.max(closing ?? 0, speed);
    }
  }
  const speeds = members.flatMap(({ velocity }) => (velocity === null ? [] : [Math.hypot(...velocity)]));
  return {
    density: round((members.length / area(bbox)) * 10_000, 4),
    meanSpacing: round(spacingSum / pairs, 1),
    minSpacing: round(minSpacing, 1),
    vehicleCount: members.filter((member) => VEHICLES.has(member.class)).length,
    personCount: members.filter((member) => member.class === 'person').length,
    minPersonVehicleDistance: Number.isFinite(minPersonVehicle) ? round(minPersonVehicle, 1) : null,
    maxSpeed: speeds.length === 0 ? null : round(Math.max(...speeds), 1),
    maxClosingSpeed: closing === null ? null : round(closing, 1),
  };
}

function distanceOf(a: DetectedObject, b: DetectedObject): number {
  const [ax, ay] = centre(a.bbox);
  const [bx, by] = centre(b.bbox);
  return Math.hypot(ax - bx, ay - by);
}

/** False for a person who touches a two-wheeler: that is its rider. */
function isPersonAndVehicle(a: DetectedObject, b: DetectedObject): boolean {
  const other = a.class === 'person' ? b : a;
  if ((a.class === 'person') === (b.class === 'person') || !VEHICLES.has(other.class)) return false;
  return !(TWO_WHEELERS.has(other.class) && gap(a.bbox, b.bbox) === 0);
}

/** Speed in px/s at which the distance of two centres shrinks; 0 when it grows, null when a velocity is unknown. */
function closingSpeed(a: DetectedObject, b: DetectedObject): number | null {
  if (a.velocity === null || b.velocity === null) return null;
  const [ax, ay] = centre(a.bbox);
  const [bx, by] = centre(b.bbox);
  const distance = Math.hypot(bx - ax, by - ay);
  if (distance === 0) return 0;
  const along = (bx - ax) * (b.velocity[0] - a.velocity[0]) + (by - ay) * (b.velocity[1] - a.velocity[1]);
  return Math.max(0, -along / distance);
}
