/** Changes of the parts of a scene: each takes a scene and gives another one. Pure. */
import type { CalibrationPair, CountingLine, ImagePoint, SceneConfig, Zone } from '../../../../src/messages/scene.ts';
import type { EventKind, ZoneKind } from '../../../../src/messages/scene-constants.ts';
import type { Part } from './scene-edits.ts';

/** A point that can be moved. `direction` is the arrow of a lane, from its first point to its second. */
export interface Handle {
  readonly part: Part;
  readonly of: 'corner' | 'direction';
  readonly index: number;
}

/** A zone keeps at least so many corners. */
const LEAST_CORNERS = 3;
/** Places in the picture are kept to a tenth of a px. */
const rounded = (value: number): number => Math.round(value * 10) / 10;

/** The points of a part, in the order in which they are drawn. */
export function pointsOf(scene: SceneConfig, { list, index }: Part): readonly ImagePoint[] {
  if (list === 'zones') return scene.zones[index]?.polygon ?? [];
  if (list === 'lines') return scene.lines[index]?.points ?? [];
  const pair = scene.calibration?.[index];
  return pair === undefined ? [] : [pair.image];
}

export function pointOf(scene: SceneConfig, { part, of, index }: Handle): ImagePoint | null {
  const points = of === 'corner' ? pointsOf(scene, part) : (scene.zones[part.index]?.direction ?? []);
  return points[index] ?? null;
}

/** All handles of a part: its corners, then its arrow. */
export function handlesOf(scene: SceneConfig, part: Part): Handle[] {
  const corners = pointsOf(scene, part).map((_, index): Handle => ({ part, of: 'corner', index }));
  const arrow = part.list === 'zones' ? (scene.zones[part.index]?.direction ?? []) : [];
  return [...corners, ...arrow.map((_, index): Handle => ({ part, of: 'direction', index }))];
}

/** The nearest place within the picture. */
export const within = (scene: SceneConfig, [x, y]: readonly [number, number]): ImagePoint => [
  rounded(Math.max(0, Math.min(scene.width, x))),
  rounded(Math.max(0, Math.min(scene.height, y))),
];

export function withPoint(scene: SceneConfig, handle: Handle, to: readonly [number, number]): SceneConfig {
  const { part, of, index } = handle;
  const point = within(scene, to);
  const before = pointOf(scene, handle);
  if (before === null || (before[0] === point[0] && before[1] === point[1])) return scene;
  if (of === 'direction') {
    return withZone(scene, part.index, ({ direction, ...zone }) =>
      direction === undefined ? { ...zone } : { ...zone, direction: pair(direction, index, point) },
    );
  }
  if (part.list === 'zones') {
    return withZone(scene, part.index, (zone) => ({ ...zone, polygon: zone.polygon.with(index, point) }));
  }
  if (part.list === 'lines') {
    return withLine(scene, part.index, (line) => ({ ...line, points: pair(line.points, index, point) }));
  }
  return withPair(scene, part.index, (each) => ({ ...each, image: point }));
}

const pair = (points: readonly [ImagePoint, ImagePoint], index: number, point: ImagePoint): [ImagePoint, ImagePoint] =>
  index === 0 ? [point, points[1]] : [points[0], point];

/** A new corner of a zone, half-way to the next one. Of other handles: the same scene. */
export function withCornerAfter(scene: SceneConfig, { part, of, index }: Handle): SceneConfig {
  const polygon = part.list === 'zones' && of === 'corner' ? pointsOf(scene, part) : [];
  const [from, to] = [polygon[index], polygon[(index + 1) % polygon.length]];
  if (from === undefined || to === undefined) return scene;
  const middle: ImagePoint = [rounded((from[0] + to[0]) / 2), rounded((from[1] + to[1]) / 2)];
  return withZone(scene, part.index, (zone) => ({ ...zone, polygon: zone.polygon.toSpliced(index + 1, 0, middle) }));
}

/**
 * Removes a corner of a zone, the arrow of a lane, or the line or calibration point that the handle is of. A zone of
 * three corners stays.
 */
export function withoutHandle(scene: SceneConfig, { part, of, index }: Handle): SceneConfig {
  if (of === 'direction') return withZone(scene, part.index, (zone) => without(zone, 'direction'));
  if (part.list !== 'zones') return withoutPart(scene, part);
  if (pointsOf(scene, part).length <= LEAST_CORNERS) return scene;
  return withZone(scene, part.index, (zone) => ({ ...zone, polygon: zone.polygon.toSpliced(index, 1) }));
}

export function withoutPart(scene: SceneConfig, { list, index }: Part): SceneConfig {
  if (list === 'zones') return { ...scene, zones: scene.zones.toSpliced(index, 1) };
  if (list === 'lines') return { ...scene, lines: scene.lines.toSpliced(index, 1) };
  return { ...scene, calibration: (scene.calibration ?? []).toSpliced(index, 1) };
}

/** Added at the end of its list; its index there is the length before. */
export const withNewZone = (scene: SceneConfig, kind: ZoneKind, polygon: readonly ImagePoint[]): SceneConfig => ({
  ...scene,
  zones: [...scene.zones, { id: freeId(scene, kind), kind, polygon: [...polygon] }],
});

export const withNewLine = (scene: SceneConfig, points: readonly [ImagePoint, ImagePoint]): SceneConfig => ({
  ...scene,
  lines: [...scene.lines, { id: freeId(scene, 'line'), points: [...points] }],
});

export const withNewPair = (scene: SceneConfig, image: ImagePoint): SceneConfig => ({
  ...scene,
  calibration: [...(scene.calibration ?? []), { image, road: [Number.NaN, Number.NaN] }],
});

export const withZone = (scene: SceneConfig, index: number, change: (zone: Zone) => Zone): SceneConfig => ({
  ...scene,
  zones: scene.zones.map((zone, i) => (i === index ? change(zone) : zone)),
});

export const withLine = (
  scene: SceneConfig,
  index: number,
  change: (line: CountingLine) => CountingLine,
): SceneConfig => ({ ...scene, lines: scene.lines.map((line, i) => (i === index ? change(line) : line)) });

export const withPair = (
  scene: SceneConfig,
  index: number,
  change: (pair: CalibrationPair) => CalibrationPair,
): SceneConfig => ({ ...scene, calibration: scene.calibration?.map((each, i) => (i === index ? change(each) : each)) });

/** Another kind; one that has no traffic direction loses its arrow. */
export const withKind = (scene: SceneConfig, index: number, kind: ZoneKind): SceneConfig =>
  withZone(scene, index, ({ direction, ...zone }) =>
    direction === undefined || !hasDirection(kind) ? { ...zone, kind } : { ...zone, kind, direction },
  );

export const hasDirection = (kind: ZoneKind): boolean => kind === 'lane' || kind === 'shoulder';

/** An arrow through the middle of the zone, upwards in the picture, half as long as the zone is high. */
export function withArrow(scene: SceneConfig, index: number): SceneConfig {
  return withZone(scene, index, (zone) => {
    const [xs, ys] = [zone.polygon.map(([x]) => x), zone.polygon.map(([, y]) => y)];
    const x = xs.reduce((sum, each) => sum + each, 0) / xs.length;
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const quarter = Math.max(2, (bottom - top) / 4);
    const middle = (top + bottom) / 2;
    return { ...zone, direction: [within(scene, [x, middle + quarter]), within(scene, [x, middle - quarter])] };
  });
}

/** The arrow the other way round. */
export const withTurnedArrow = (scene: SceneConfig, index: number): SceneConfig =>
  withZone(scene, index, ({ direction, ...zone }) =>
    direction === undefined ? zone : { ...zone, direction: [direction[1], direction[0]] },
  );

/** @param limit undefined: none of its own */
export const withZoneLimit = (scene: SceneConfig, index: number, limit: number | undefined): SceneConfig =>
  withZone(scene, index, (zone) => ({
    ...without(zone, 'speedLimitKmh'),
    ...(limit === undefined ? {} : { speedLimitKmh: limit }),
  }));

export const withSceneLimit = (scene: SceneConfig, limit: number | undefined): SceneConfig => ({
  ...without(scene, 'speedLimitKmh'),
  ...(limit === undefined ? {} : { speedLimitKmh: limit }),
});

function without<T extends object, K extends keyof T>(value: T, name: K): Omit<T, K> {
  const { [name]: _, ...others } = value;
  return others;
}

/** @param value undefined: the default */
export function withThreshold(
  scene: SceneConfig,
  kind: EventKind,
  field: string,
  value: number | boolean | undefined,
): SceneConfig {
  const { [kind]: own = {}, ...others } = scene.thresholds ?? {};
  const fields = Object.fromEntries(Object.entries(own).filter(([name]) => name !== field));
  if (value !== undefined) fields[field] = value;
  const kinds = Object.keys(fields).length === 0 ? others : { ...others, [kind]: fields };
  return { ...scene, thresholds: kinds };
}

/** Another size of the picture; the points move with it. */
export function resized(scene: SceneConfig, width: number, height: number): SceneConfig {
  const valid = [scene.width, scene.height, width, height].every((side) => side >= 1);
  const [x, y] = valid ? [width / scene.width, height / scene.height] : [1, 1];
  const moved = (point: readonly [number, number]): ImagePoint => [rounded(point[0] * x), rounded(point[1] * y)];
  return {
    ...scene,
    width,
    height,
    zones: scene.zones.map(({ direction, ...zone }) => ({
      ...zone,
      polygon: zone.polygon.map(moved),
      ...(direction === undefined ? {} : { direction: [moved(direction[0]), moved(direction[1])] }),
    })),
    lines: scene.lines.map((line) => ({ ...line, points: [moved(line.points[0]), moved(line.points[1])] })),
    ...(scene.calibration === undefined
      ? {}
      : { calibration: scene.calibration.map((each) => ({ ...each, image: moved(each.image) })) }),
  };
}

/** `lane-1`, or the next number that no zone and no line has. */
export function freeId(scene: SceneConfig, word: string): string {
  const taken = new Set([...scene.zones, ...scene.lines].map(({ id }) => id));
  let number = 1;
  while (taken.has(`${word}-${number}`)) number += 1;
  return `${word}-${number}`;
}
