import type { Pixel } from './scene.types.ts';

/** Also of a place on the road. */
type Point = Pixel;

/** Signed area: positive where the corners run counter-clockwise, with y upward. */
export const signedArea = (polygon: readonly Point[]): number =>
  polygon.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = polygon[(i + 1) % polygon.length] ?? [x, y];
    return sum + (x * nextY - nextX * y) / 2;
  }, 0);

/** Whether a point lies in the polygon, by the even-odd rule; a point on the border may be either. */
export const contains = (polygon: readonly Point[], [x, y]: Point): boolean => containsFlat(flat(polygon), x, y);

/** The corners' coordinates one after the other: quicker to go through than points. */
export const flat = (polygon: readonly Point[]): Float64Array => Float64Array.from(polygon.flat());

/** `contains` for a polygon from `flat`. */
export function containsFlat(corners: Float64Array, x: number, y: number): boolean {
  let inside = false;
  let lastX = corners[corners.length - 2] ?? 0;
  let lastY = corners[corners.length - 1] ?? 0;
  for (let i = 0; i < corners.length; i += 2) {
    const nextX = corners[i] ?? 0;
    const nextY = corners[i + 1] ?? 0;
    if (nextY > y !== lastY > y && x < ((lastX - nextX) * (y - nextY)) / (lastY - nextY) + nextX) inside = !inside;
    lastX = nextX;
    lastY = nextY;
  }
  return inside;
}

/** From a point to the border of a polygon from `flat`; infinite for one without corners. */
export function borderDistance(corners: Float64Array, x: number, y: number): number {
  let least = Infinity;
  let fromX = corners[corners.length - 2] ?? 0;
  let fromY = corners[corners.length - 1] ?? 0;
  for (let i = 0; i < corners.length; i += 2) {
    const toX = corners[i] ?? 0;
    const toY = corners[i + 1] ?? 0;
    const dx = toX - fromX;
    const dy = toY - fromY;
    const square = dx * dx + dy * dy;
    const t = square === 0 ? 0 : Math.min(1, Math.max(0, ((x - fromX) * dx + (y - fromY) * dy) / square));
    const awayX = fromX + t * dx - x;
    const awayY = fromY + t * dy - y;
    least = Math.min(least, awayX * awayX + awayY * awayY);
    fromX = toX;
    fromY = toY;
  }
  return Math.sqrt(least);
}

/** The part of the polygon where `side` is positive; `side` is linear in x and y (Sutherland & Hodgman 1974). */
export function clipped(polygon: readonly Point[], side: (point: Point) => number): Point[] {
  return polygon.flatMap((to, i) => {
    const from = polygon.at(i - 1) ?? to;
    const [a, b] = [side(from), side(to)];
    const t = a / (a - b);
    const crossing: Point[] =
      a > 0 === b > 0 ? [] : [[from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]];
    return b > 0 ? [...crossing, to] : crossing;
  });
}

const turn = (a: Point, b: Point, c: Point): number =>
  Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
const between = (a: Point, b: Point, c: Point): boolean =>
  Math.min(a[0], b[0]) <= c[0] &&
  c[0] <= Math.max(a[0], b[0]) &&
  Math.min(a[1], b[1]) <= c[1] &&
  c[1] <= Math.max(a[1], b[1]);

/** Whether two segments have a point in common. */
export function segmentsMeet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [abc, abd, cda, cdb] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  if (abc !== abd && cda !== cdb) return true;
  return (
    (abc === 0 && between(a, b, c)) ||
    (abd === 0 && between(a, b, d)) ||
    (cda === 0 && between(c, d, a)) ||
    (cdb === 0 && between(c, d, b))
  );
}

/**
 * The first two edges that cross or touch though they are no neighbours, or run back over each other; null for none.
 */
export function selfCrossing(polygon: readonly Point[]): [number, number] | null {
  const n = polygon.length;
  const corner = (i: number): Point => polygon[i % n] ?? [0, 0];
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      const [a, b, c, d] = [corner(i), corner(i + 1), corner(j), corner(j + 1)];
      if (j === i + 1 || (i === 0 && j === n - 1)) {
        const [tip, from, to] = j === i + 1 ? [b, a, d] : [a, b, c];
        const back = (from[0] - tip[0]) * (to[0] - tip[0]) + (from[1] - tip[1]) * (to[1] - tip[1]);
        if (turn(from, tip, to) === 0 && back > 0) return [i, j];
      } else if (segmentsMeet(a, b, c, d)) return [i, j];
    }
  }
  return null;
}
