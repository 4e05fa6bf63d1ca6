import type { Box, DetectedObject } from '../messages/detection.ts';

/** Gap between two boxes in px; 0 when they touch or overlap. */
export function gap(a: Box, b: Box): number {
  const dx = Math.max(0, a[0] - b[2], b[0] - a[2]);
  const dy = Math.max(0, a[1] - b[3], b[1] - a[3]);
  return Math.hypot(dx, dy);
}

/** In px/s; null when the velocity is unknown. */
export const speedOf = (object: DetectedObject): number | null =>
  object.velocity === null ? null : Math.hypot(...object.velocity);

const centre = ([x1, y1, x2, y2]: Box): readonly [number, number] => [(x1 + x2) / 2, (y1 + y2) / 2];

export interface Approach {
  /** Speed in px/s at which the centres approach each other; negative when they part. */
  readonly closing: number;
  /** Speed in px/s of one relative to the other. */
  readonly relative: number;
}

/** How two objects approach each other; null when a velocity is unknown. Objects with one centre close at 0. */
export function approach(a: DetectedObject, b: DetectedObject): Approach | null {
  if (a.velocity === null || b.velocity === null) return null;
  const [ax, ay] = centre(a.bbox);
  const [bx, by] = centre(b.bbox);
  const distance = Math.hypot(bx - ax, by - ay);
  const vx = b.velocity[0] - a.velocity[0];
  const vy = b.velocity[1] - a.velocity[1];
  const closing = distance === 0 ? 0 : -(vx * (bx - ax) + vy * (by - ay)) / distance;
  return { closing, relative: Math.hypot(vx, vy) };
}

/** Share of `inner`'s area within `outer`, 0 to 1. */
export function shareWithin(inner: Box, outer: Box): number {
  const width = Math.max(0, Math.min(inner[2], outer[2]) - Math.max(inner[0], outer[0]));
  const height = Math.max(0, Math.min(inner[3], outer[3]) - Math.max(inner[1], outer[1]));
  const area = (inner[2] - inner[0]) * (inner[3] - inner[1]);
  return area > 0 ? (width * height) / area : 0;
}

/** Cosine of the angle between two velocities; 0 when one is zero or unknown. */
export function sameDirection(a: DetectedObject, b: DetectedObject): number {
  if (a.velocity === null || b.velocity === null) return 0;
  const product = Math.hypot(...a.velocity) * Math.hypot(...b.velocity);
  return product === 0 ? 0 : (a.velocity[0] * b.velocity[0] + a.velocity[1] * b.velocity[1]) / product;
}
