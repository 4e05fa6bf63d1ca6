import type { Zone } from '../messages/scene.ts';
import type { PlaneMatrices } from './homography.ts';
import { borderDistance, clipped, containsFlat, flat } from './polygon.ts';
import { belowHorizon } from './road-plane.ts';
import type { Metres, Pixel, RoadPlane, SceneZone } from './scene.types.ts';

/** Unit vector on the road from the first pixel to the second; null where one is no place or both are the same. */
export function directionOnRoad(plane: RoadPlane, [from, to]: readonly [Pixel, Pixel]): Metres | null {
  const [a, b] = [plane.toRoad(from), plane.toRoad(to)];
  if (a === null || b === null) return null;
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = Math.hypot(dx, dy);
  return length > 0 ? [dx / length, dy / length] : null;
}

/** `zone` with its points already in px of the picture as shown. */
export function makeZone(zone: Zone, plane: RoadPlane, matrices: PlaneMatrices): SceneZone {
  const { polygon } = zone;
  const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const onRoad = flat(
    clipped(polygon, belowHorizon(matrices)).flatMap((pixel) => {
      const place = plane.toRoad(pixel);
      return place === null ? [] : [place];
    }),
  );
  const corners = flat(polygon);
  const within = ([x, y]: Pixel): boolean =>
    x >= left && x <= right && y >= top && y <= bottom && containsFlat(corners, x, y);
  return {
    id: zone.id,
    kind: zone.kind,
    polygon,
    direction: zone.direction === undefined ? null : directionOnRoad(plane, zone.direction),
    speedLimitKmh: zone.speedLimitKmh ?? null,
    contains: within,
    distanceTo(place) {
      const pixel = plane.toImage(place);
      if (pixel === null || onRoad.length === 0) return null;
      return within(pixel) ? 0 : borderDistance(onRoad, place[0], place[1]);
    },
  };
}
