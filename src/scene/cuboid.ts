import type { Box } from '../messages/detection.ts';
import { corners, type Footprint } from './footprint.ts';
import type { RoadPlane } from './scene.types.ts';

/**
 * The box in px around a road user of a height in metres; not clipped to the picture. Null where a part of it lies
 * behind the camera. Of a plane that doesn't know which way is up, the box of the footprint alone.
 */
export function boxOf(plane: Pick<RoadPlane, 'toImage'>, footprint: Footprint, height: number): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const place of corners(footprint)) {
    for (const above of [0, height]) {
      const pixel = plane.toImage(place, above);
      if (pixel === null) return null;
      left = Math.min(left, pixel[0]);
      right = Math.max(right, pixel[0]);
      top = Math.min(top, pixel[1]);
      bottom = Math.max(bottom, pixel[1]);
    }
  }
  return [left, top, right, bottom];
}
