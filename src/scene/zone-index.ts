import type { ZoneKind } from '../messages/scene-constants.ts';
import type { PictureSize } from './pinhole.ts';
import type { Pixel, SceneZone } from './scene.types.ts';

/** px of a square's side. Of few squares many lie on a border, of many squares the index takes long to make. */
const SIDE = 20;
/** Squares of a side of the picture, at most: a large picture has larger ones. */
const MOST = 128;

/** Zones that contain all of a square, in their order, and whether the border of others crosses it. */
interface Square {
  readonly within: readonly SceneZone[];
  /** Of each kind among them. */
  readonly byKind: ReadonlyMap<ZoneKind, readonly SceneZone[]>;
  /** Zones to be asked, in their order; null when none has its border here. */
  readonly asked: readonly SceneZone[] | null;
}

const NONE: readonly SceneZone[] = [];

/** Whether the segment from `a` to `b` has a point in the square around a middle (Liang & Barsky 1984). */
function crosses(a: Pixel, b: Pixel, [x, y]: Pixel, half: number): boolean {
  let [from, to] = [0, 1];
  for (const [start, way, middle] of [
    [a[0], b[0] - a[0], x],
    [a[1], b[1] - a[1], y],
  ] as const) {
    const [low, high] = [middle - half - start, middle + half - start];
    if (way === 0) {
      if (low > 0 || high < 0) return false;
      continue;
    }
    from = Math.max(from, Math.min(low / way, high / way));
    to = Math.min(to, Math.max(low / way, high / way));
  }
  return from <= to;
}

const onBorder = ({ polygon }: SceneZone, middle: Pixel, half: number): boolean =>
  polygon.some((corner, i) => crosses(polygon.at(i - 1) ?? corner, corner, middle, half));

/** Zones by squares of the picture: most places lie in a square without borders, whose zones are known beforehand. */
export class ZoneIndex {
  readonly #zones: readonly SceneZone[];
  readonly #side: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #squares: (Square | undefined)[] = [];

  constructor(zones: readonly SceneZone[], { width, height }: PictureSize) {
    this.#zones = zones;
    this.#side = Math.max(SIDE, width / MOST, height / MOST);
    this.#columns = Math.ceil(width / this.#side);
    this.#rows = Math.ceil(height / this.#side);
  }

  /** Zones that contain the pixel; of one kind when it is given. */
  at(x: number, y: number, kind?: ZoneKind): readonly SceneZone[] {
    if (this.#zones.length === 0) return NONE;
    const [column, row] = [Math.floor(x / this.#side), Math.floor(y / this.#side)];
    if (!(column >= 0 && row >= 0 && column < this.#columns && row < this.#rows))
      return this.#ask(this.#zones, x, y, kind);
    const { asked, within, byKind } = this.#square(column, row);
    if (asked !== null) return this.#ask(asked, x, y, kind);
    return kind === undefined ? within : (byKind.get(kind) ?? NONE);
  }

  #ask(zones: readonly SceneZone[], x: number, y: number, kind: ZoneKind | undefined): readonly SceneZone[] {
    const pixel: Pixel = [x, y];
    let found: SceneZone[] | null = null;
    for (const zone of zones) {
      if ((kind === undefined || zone.kind === kind) && zone.contains(pixel)) (found ??= []).push(zone);
    }
    return found ?? NONE;
  }

  /** Made when it is asked for first. */
  #square(column: number, row: number): Square {
    const at = row * this.#columns + column;
    return (this.#squares[at] ??= this.#makeSquare(column, row));
  }

  #makeSquare(column: number, row: number): Square {
    const half = this.#side / 2;
    const middle: Pixel = [(column + 0.5) * this.#side, (row + 0.5) * this.#side];
    const bordering = new Set(this.#zones.filter((zone) => onBorder(zone, middle, half)));
    const within = this.#zones.filter((zone) => !bordering.has(zone) && zone.contains(middle));
    const asked = this.#zones.filter((zone) => bordering.has(zone) || within.includes(zone));
    return { within, byKind: Map.groupBy(within, ({ kind }) => kind), asked: bordering.size > 0 ? asked : null };
  }
}
