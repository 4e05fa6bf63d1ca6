import type { Metres, RoadPlane, Scene, SceneZone } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';

/** How far the foot of a box is off, px, where the track does not say it. */
const FOOT_ERROR_PX = 2;
const LEAST_ERROR_PX = 0.7;
/** From this speed on a velocity gives a heading, m/s. */
const MOVING = 0.5;

export const DEGREES = 180 / Math.PI;
export const KMH = 3.6;

export const speedOf = ({ velocity }: TrackPoint): number => Math.hypot(velocity[0], velocity[1]);
export const distance = (a: Metres, b: Metres): number => Math.hypot(a[0] - b[0], a[1] - b[1]);
export const unit = (radians: number): Metres => [Math.cos(radians), Math.sin(radians)];
export const shifted = ([x, y]: Metres, [dx, dy]: Metres, metres: number): Metres => [x + dx * metres, y + dy * metres];
/** To the left of a direction, by a right angle. */
export const leftOf = ([x, y]: Metres): Metres => [-y, x];

/** Degrees between two directions, 0..180. Null when one has no length. */
export function degreesBetween(a: Metres, b: Metres): number | null {
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  if (lengths === 0) return null;
  return Math.acos(Math.max(-1, Math.min(1, (a[0] * b[0] + a[1] * b[1]) / lengths))) * DEGREES;
}

/** How far `place` lies ahead of `from` along a unit vector, and to its left; m. */
export function relativeTo(from: Metres, direction: Metres, place: Metres): { ahead: number; left: number } {
  const [dx, dy] = [place[0] - from[0], place[1] - from[1]];
  return { ahead: dx * direction[0] + dy * direction[1], left: dy * direction[0] - dx * direction[1] };
}

/**
 * Standard deviation of a point's place along a unit vector, m. What the track says along its heading is carried over
 * to other directions by the picture: a pixel is much longer away from the camera than across.
 */
export function placeError(plane: RoadPlane, point: TrackPoint, direction: Metres): number {
  const pixel = plane.toImage(point.place);
  const scale = pixel === null ? null : plane.metresPerPixel(pixel);
  if (scale === null) return point.sd.place;
  const metresOfPixel = (to: Metres): number => {
    const { ahead, left } = relativeTo([0, 0], scale.away, to);
    return Math.hypot(scale.along * ahead, scale.across * left);
  };
  const speed = speedOf(point);
  const heading: Metres = speed < MOVING ? scale.away : [point.velocity[0] / speed, point.velocity[1] / speed];
  const known = point.sd.place / metresOfPixel(heading);
  const px = Number.isFinite(known) ? Math.max(LEAST_ERROR_PX, known) : FOOT_ERROR_PX;
  return px * metresOfPixel(direction);
}

export const isMotor = ({ kind, class: name }: RoadTrack): boolean => kind === 'vehicle' || name === 'motorcycle';
export const isVehicle = ({ kind }: RoadTrack): boolean => kind === 'vehicle' || kind === 'two-wheeler';

export function zonesOf(scene: Scene, kind: SceneZone['kind']): readonly SceneZone[] {
  return scene.zones.filter((zone) => zone.kind === kind);
}

/** So far from where it is, beside three times its error, it was elsewhere, m. */
const ELSEWHERE_METRES = 4;

/** True when a track was seen far from the place: one that was not may be parked there. */
export const wasElsewhere = ({ history }: RoadTrack, place: Metres): boolean =>
  history.some((point) => point.box !== null && distance(point.place, place) > ELSEWHERE_METRES + 3 * point.sd.place);

/** The least distance from a place to one of the zones, m; infinite without any. */
export function nearest(zones: readonly SceneZone[], place: Metres): number {
  let least = Infinity;
  for (const zone of zones) least = Math.min(least, zone.distanceTo(place) ?? Infinity);
  return least;
}

/** Where a zone is; the first when several are. */
export const nameOf = (zones: readonly SceneZone[]): string | null => zones[0]?.id ?? null;
