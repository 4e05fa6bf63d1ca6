import { createTrafficCounter } from '../../src/counting/traffic-counter.ts';
import { mergedBin } from '../../src/messages/count-figures.ts';
import type { CountedBin } from '../../src/messages/counted-bin.ts';
import { OBJECT_CLASSES, type ObjectClass } from '../../src/messages/detection.ts';
import type { Metres, Scene, SceneLine, SceneZone } from '../../src/scene/scene.types.ts';
import { contains } from '../../src/scene/polygon.ts';
import { SIZES } from '../../src/scene/sizes.ts';
import type { RoadTrack, TrackPoint, UserKind } from '../../src/tracking/tracking.types.ts';

/** A minute of the clock, epoch ms. */
export const START = Date.UTC(2026, 10, 27, 8, 0, 0);
const PX_PER_METRE = 10;

/** Metres of the flat scene as px: seen from straight above, y upwards. */
const px = ([x, y]: Metres): Metres => [x * PX_PER_METRE, 720 - y * PX_PER_METRE];

export interface FlatScene {
  /** Id, first and last point in metres. */
  readonly lines?: readonly (readonly [string, Metres, Metres])[];
  /** Id, corners in metres, direction. */
  readonly lanes?: readonly (readonly [string, readonly Metres[], Metres | null])[];
  readonly version?: number;
  /** Metres of the plane for each metre of the scene. */
  readonly scale?: number;
}

/** A scene without perspective, 128 m by 72 m. */
export function flatScene({ lines = [], lanes = [], version = 1, scale = 1 }: FlatScene): Scene {
  const zones = lanes.map(([id, corners, direction]): SceneZone => {
    const polygon = corners.map(px);
    const holds = (pixel: Metres): boolean => contains(polygon, pixel);
    return { id, kind: 'lane', polygon, direction, speedLimitKmh: null, contains: holds, distanceTo: () => null };
  });
  const toImage = ([x, y]: Metres): Metres => px([x / scale, y / scale]);
  const toRoad = ([x, y]: Metres): Metres => [(x / PX_PER_METRE) * scale, ((720 - y) / PX_PER_METRE) * scale];
  return {
    plane: {
      calibrated: true,
      version,
      toRoad,
      toImage,
      metresPerPixel: () => ({ along: 0.1, across: 0.1, away: [0, 1] }),
    },
    zones,
    lines: lines.map(([id, a, b]): SceneLine => ({ id, points: [px(a), px(b)] })),
    zonesAt: (place) => zones.filter((zone) => zone.contains(toImage(place))),
    limitKmhAt: () => null,
    ignores: () => false,
    learn: () => null,
  };
}

/** Seconds from START, x and y in metres; `unseen`: only predicted. */
export type Step = readonly [seconds: number, x: number, y: number, seen?: 'unseen'];

export interface MadeTrack {
  readonly id: number;
  readonly class?: ObjectClass;
  readonly steps: readonly Step[];
  readonly confirmed?: boolean;
  readonly isRider?: boolean;
}

const kindOf = (ofClass: ObjectClass): UserKind =>
  ofClass === 'person' ? 'person' : ofClass === 'bicycle' || ofClass === 'motorcycle' ? 'two-wheeler' : 'vehicle';

/** A track as the tracker gives it. Velocities are those from step to step. */
export function madeTrack({
  id,
  class: ofClass = 'car',
  steps,
  confirmed = true,
  isRider = false,
}: MadeTrack): RoadTrack {
  const history = steps.map(([seconds, x, y, seen], i): TrackPoint => {
    const [a, b] = [steps[i - 1] ?? steps[i]!, steps[i + 1] ?? steps[i]!];
    const dt = b[0] - a[0] || 1;
    return {
      at: START + seconds * 1_000,
      place: [x, y],
      velocity: [(b[1] - a[1]) / dt, (b[2] - a[2]) / dt],
      acceleration: 0,
      sd: { place: 0.2, speed: 0.3, acceleration: 0.5 },
      box: seen === 'unseen' ? null : [0, 0, 10, 10],
      isRiding: seen === 'unseen' ? null : isRider,
    };
  });
  const seen = history.filter(({ box }) => box !== null);
  return {
    trackId: id,
    kind: kindOf(ofClass),
    class: ofClass,
    size: SIZES[ofClass],
    heading: null,
    history,
    bornAt: history[0]!.at,
    seenAt: seen.at(-1)!.at,
    hits: seen.length,
    confirmed,
    confidence: 0.8,
    isRider,
  };
}

/** The track as it was at this second: only its steps so far; null before the first, and `keptFor` s after the last. */
export function until(track: MadeTrack, second: number, keptFor = 1): RoadTrack | null {
  const steps = track.steps.filter(([seconds]) => seconds <= second);
  const last = track.steps.at(-1)!;
  return steps.length === 0 || second > last[0] + keptFor ? null : madeTrack({ ...track, steps });
}

/** Plays the tracks at a frame a second from START on, and 30 s longer. Returns all bins, and all as one. */
export function count(scene: Scene, tracks: readonly MadeTrack[], seconds = 60) {
  const counter = createTrafficCounter();
  const bins: CountedBin[] = [];
  for (let second = 0; second <= seconds + 30; second += 1) {
    const now = tracks.flatMap((track) => until(track, second) ?? []);
    bins.push(...counter.observe({ tracks: now, at: START + second * 1_000, scene }));
  }
  bins.push(...counter.finish());
  return { bins, all: mergedBin(bins, START, 900) };
}

/** Crossings of a line as `direction class count`. */
export const crossingsOf = ({ lines }: CountedBin, lineId: string): string[] =>
  (lines.find((line) => line.lineId === lineId)?.crossings ?? [])
    .map(({ direction, class: ofClass, count: number }) => `${direction} ${ofClass} ${number}`)
    .toSorted();

export const MOVING_CLASSES = OBJECT_CLASSES.slice(0, 6);
