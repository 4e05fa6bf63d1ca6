import type { Metres } from '../../../src/scene/scene.types.ts';

/** A place on a path. */
export interface Pose {
  readonly place: Metres;
  /** Radians, counter-clockwise from the x axis. */
  readonly heading: number;
}

/** A polyline, by the metres along it. It goes straight on before its begin and after its end. */
export class Path {
  readonly points: readonly Metres[];
  readonly length: number;
  /** Metres from the begin to each point. */
  readonly #reached: readonly number[];

  constructor(points: readonly Metres[]) {
    if (points.length < 2) throw new RangeError('a path has at least two points');
    this.points = points;
    const reached = [0];
    for (const [index, point] of points.entries()) {
      const before = points[index - 1];
      if (before !== undefined) reached.push((reached.at(-1) ?? 0) + distance(before, point));
    }
    this.#reached = reached;
    this.length = reached.at(-1) ?? 0;
  }

  /** `left`: metres to the left of the path. */
  at(along: number, left = 0): Pose {
    let index = this.#reached.findIndex((reached) => reached > along) - 1;
    if (index < 0) index = along <= 0 ? 0 : this.points.length - 2;
    const [a, b] = [this.points[index] ?? ORIGIN, this.points[index + 1] ?? ORIGIN];
    const heading = Math.atan2(b[1] - a[1], b[0] - a[0]);
    const rest = along - (this.#reached[index] ?? 0);
    const [c, s] = [Math.cos(heading), Math.sin(heading)];
    return { place: [a[0] + c * rest - s * left, a[1] + s * rest + c * left], heading };
  }

  reversed(): Path {
    return new Path(this.points.toReversed());
  }
}

const ORIGIN: Metres = [0, 0];

export const distance = (a: Metres, b: Metres): number => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** A bend from one point and heading to another: a cubic Bézier curve. */
export function bend(from: Pose, to: Pose, steps = 12): readonly Metres[] {
  const reach = distance(from.place, to.place) * 0.4;
  const ahead = ({ place, heading }: Pose, metres: number): Metres => [
    place[0] + Math.cos(heading) * metres,
    place[1] + Math.sin(heading) * metres,
  ];
  const [a, b, c, d] = [from.place, ahead(from, reach), ahead(to, -reach), to.place];
  return Array.from({ length: steps + 1 }, (_, index) => {
    const t = index / steps;
    const u = 1 - t;
    const mix = (axis: 0 | 1): number =>
      u * u * u * a[axis] + 3 * u * u * t * b[axis] + 3 * u * t * t * c[axis] + t * t * t * d[axis];
    return [mix(0), mix(1)];
  });
}
