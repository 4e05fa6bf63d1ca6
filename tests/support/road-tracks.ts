import type { Box, ObjectClass } from '../../src/messages/detection.ts';
import { EventThresholds } from '../../src/messages/event-thresholds.ts';
import type { EventThresholdChanges } from '../../src/messages/event-thresholds.ts';
import { EVENT_KINDS } from '../../src/messages/scene-constants.ts';
import type { EventKind, ZoneKind } from '../../src/messages/scene-constants.ts';
import type { Metres, Pixel, Scene, SceneZone, Size3 } from '../../src/scene/scene.types.ts';
import { reach } from '../../src/tracking/sighting.ts';
import type { RoadTrack, TrackPoint, UserKind } from '../../src/tracking/tracking.types.ts';
import type { TrafficView } from '../../src/events/events.types.ts';

/** Epoch ms of second 0 of every hand-made history. */
export const START = Date.UTC(2026, 0, 1);

/** A stretch of a drive: constant acceleration along the heading (it stands at 0) and a constant rate of turn. */
export interface Leg {
  readonly seconds: number;
  /** m/s², negative: it brakes. */
  readonly acceleration?: number;
  /** Turned through over the leg, counter-clockwise, spread evenly. */
  readonly turnDegrees?: number;
}

export interface Drive {
  readonly trackId: number;
  readonly class?: ObjectClass;
  readonly size?: Size3;
  /** Middle of the footprint at `from`, m. */
  readonly place: Metres;
  /** Degrees counter-clockwise from the x axis. */
  readonly heading: number;
  /** m/s at `from`. */
  readonly speed: number;
  readonly legs: readonly Leg[];
  /** Seconds after `START` of its first point; default 0. */
  readonly from?: number;
  /** Points a second, default 10. */
  readonly fps?: number;
  readonly sd?: Partial<TrackPoint['sd']>;
  readonly confirmed?: boolean;
  readonly confidence?: number;
}

const SIZES: Record<ObjectClass, Size3> = {
  person: { length: 0.5, width: 0.5, height: 1.75 },
  bicycle: { length: 1.8, width: 0.6, height: 1.7 },
  motorcycle: { length: 2.2, width: 0.8, height: 1.5 },
  car: { length: 4.4, width: 1.8, height: 1.5 },
  truck: { length: 7.5, width: 2.4, height: 3 },
  bus: { length: 12, width: 2.5, height: 3.2 },
  'traffic light': { length: 0.3, width: 0.3, height: 0.9 },
  'stop sign': { length: 0.1, width: 0.7, height: 0.7 },
};

const kindOf = (name: ObjectClass): UserKind =>
  name === 'person' ? 'person' : name === 'bicycle' || name === 'motorcycle' ? 'two-wheeler' : 'vehicle';

/**
 * Seen from straight above by `flatScene`, but with the foot at the bottom: as far from the middle as a footprint
 * reaches.
 */
export function boxOf([x, y]: Metres, heading: number, size: Size3): Box {
  const foot = 5000 - 10 * (y - reach(size, heading, [0, 1]));
  return [5000 + 10 * x - 20, foot - 40, 5000 + 10 * x + 20, foot];
}

/** The track of a drive, as a perfect tracker would give it. */
export function drive(options: Drive): RoadTrack {
  const name = options.class ?? 'car';
  const fps = options.fps ?? 10;
  const from = START + (options.from ?? 0) * 1000;
  const sd = { place: 0.05, speed: 0.1, acceleration: 0.3, ...options.sd };
  const history: TrackPoint[] = [];
  let [x, y] = options.place;
  let heading = (options.heading * Math.PI) / 180;
  let speed = options.speed;
  // Fine steps, so that points at any rate lie on the same curve.
  const step = 0.01;
  const every = Math.round(1 / (fps * step));
  let count = 0;
  const size = options.size ?? SIZES[name];
  const add = (acceleration: number): void => {
    if (count++ % every !== 0) return;
    history.push({
      at: from + Math.round((count - 1) * step * 1000),
      place: [x, y],
      velocity: [speed * Math.cos(heading), speed * Math.sin(heading)],
      acceleration,
      sd,
      box: boxOf([x, y], heading, size),
      isRiding: false,
    });
  };
  for (const leg of options.legs) {
    const turn = ((leg.turnDegrees ?? 0) * Math.PI) / 180 / leg.seconds;
    for (let i = 0; i < Math.round(leg.seconds / step); i++) {
      const acceleration = speed > 0 || (leg.acceleration ?? 0) > 0 ? (leg.acceleration ?? 0) : 0;
      add(acceleration);
      heading += turn * step;
      const next = Math.max(0, speed + acceleration * step);
      x += ((speed + next) / 2) * step * Math.cos(heading);
      y += ((speed + next) / 2) * step * Math.sin(heading);
      speed = next;
    }
  }
  add(0);
  const last = history.at(-1);
  if (last === undefined) throw new Error('a drive needs a leg');
  return {
    trackId: options.trackId,
    kind: kindOf(name),
    class: name,
    size,
    heading: Math.atan2(Math.sin(heading), Math.cos(heading)),
    history,
    bornAt: history[0]?.at ?? from,
    seenAt: last.at,
    hits: history.length,
    confirmed: options.confirmed ?? true,
    confidence: options.confidence ?? 0.8,
    isRider: false,
  };
}

/** The part of a track that was known `seconds` after `START`; null: nothing yet. */
export function until(track: RoadTrack, seconds: number): RoadTrack | null {
  const history = track.history.filter((point) => point.at <= START + seconds * 1000 + 0.5);
  const last = history.at(-1);
  if (last === undefined) return null;
  const moving = history.findLast((point) => Math.hypot(...point.velocity) > 0.3);
  const heading = moving === undefined ? track.heading : Math.atan2(moving.velocity[1], moving.velocity[0]);
  return { ...track, history, seenAt: last.at, hits: history.length, heading };
}

/** A zone in metres. `direction` in degrees counter-clockwise from the x axis. */
export interface FlatZone {
  readonly id: string;
  readonly kind: ZoneKind;
  readonly polygon: readonly Metres[];
  readonly direction?: number;
  readonly speedLimitKmh?: number;
}
export interface FlatScene {
  readonly zones?: readonly FlatZone[];
  readonly limitKmh?: number;
}

function within(polygon: readonly Metres[], [x, y]: Metres): boolean {
  let inside = false;
  for (const [i, [ax, ay]] of polygon.entries()) {
    const [bx, by] = polygon.at(i - 1) ?? [ax, ay];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

function toSegment([x, y]: Metres, [ax, ay]: Metres, [bx, by]: Metres): number {
  const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
  const t = length2 === 0 ? 0 : Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2));
  return Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay));
}

const toImage = ([x, y]: Metres): Pixel => [10 * x + 5000, 5000 - 10 * y];
const toRoad = ([x, y]: Pixel): Metres => [(x - 5000) / 10, (5000 - y) / 10];

/** A scene seen from straight above: 10 px to a metre. */
export function flatScene({ zones = [], limitKmh }: FlatScene = {}): Scene {
  const made: SceneZone[] = zones.map((zone) => {
    const radians = ((zone.direction ?? 0) * Math.PI) / 180;
    return {
      id: zone.id,
      kind: zone.kind,
      polygon: zone.polygon.map((corner) => toImage(corner)),
      direction: zone.direction === undefined ? null : [Math.cos(radians), Math.sin(radians)],
      speedLimitKmh: zone.speedLimitKmh ?? null,
      contains: (pixel) => within(zone.polygon, toRoad(pixel)),
      distanceTo: (place) =>
        within(zone.polygon, place)
          ? 0
          : Math.min(...zone.polygon.map((corner, i) => toSegment(place, corner, zone.polygon.at(i - 1) ?? corner))),
    };
  });
  const zonesAt: Scene['zonesAt'] = (place, kind) =>
    made.filter((zone) => (kind === undefined || zone.kind === kind) && zone.distanceTo(place) === 0);
  return {
    plane: {
      calibrated: true,
      version: 1,
      toRoad,
      toImage,
      metresPerPixel: () => ({ along: 0.1, across: 0.1, away: [0, 1] }),
    },
    zones: made,
    lines: [],
    zonesAt,
    limitKmhAt: (place) =>
      zonesAt(place).find((zone) => zone.speedLimitKmh !== null)?.speedLimitKmh ?? limitKmh ?? null,
    learn: () => null,
    ignores: (pixel) => made.some((zone) => zone.kind === 'ignore' && zone.contains(pixel)),
  };
}

/** The defaults, with changes. */
export function thresholds(changes: EventThresholdChanges = {}): EventThresholds {
  return EventThresholds.parse(Object.fromEntries(EVENT_KINDS.map((kind) => [kind, changes[kind] ?? {}])));
}

export interface ViewOptions {
  readonly tracks: readonly RoadTrack[];
  readonly scene?: FlatScene;
  /** Seconds after `START`; default: the newest point. What the tracks say of later moments is left out. */
  readonly at?: number | undefined;
  readonly open?: readonly { readonly kind: EventKind; readonly trackIds: readonly number[] }[];
  readonly thresholds?: EventThresholdChanges;
}

export function trafficView(options: ViewOptions): TrafficView {
  const newest = Math.max(...options.tracks.map((track) => track.history.at(-1)?.at ?? START));
  const seconds = options.at ?? (newest - START) / 1000;
  const open = options.open ?? [];
  return {
    at: START + seconds * 1000,
    tracks: options.tracks.flatMap((track) => until(track, seconds) ?? []),
    scene: flatScene(options.scene),
    picture: { width: 10_000, height: 10_000 },
    thresholds: thresholds(options.thresholds),
    isOpen: (kind, trackIds) =>
      open.some((incident) => incident.kind === kind && incident.trackIds.some((id) => trackIds.includes(id))),
  };
}
