import type { ObjectClass } from '../messages/detection.ts';
import { assign } from './assignment.ts';
import { area, centre } from './geometry.ts';
import type { RawDetection } from './vision.types.ts';

export interface TrackerOptions {
  /** A track unseen for longer is forgotten, in seconds. Default 6. */
  readonly maxAgeSeconds?: number;
  /** A track missed in more frames in a row than this is forgotten. Default 3. */
  readonly maxMisses?: number;
  /** At most this many tracks are kept; beyond it the longest unseen goes first. Default 400. */
  readonly maxTracks?: number;
  /** Share of a new position that counts against the predicted one, above 0 to 1. Default 0.85. */
  readonly positionGain?: number;
  /** Share of a surprise in position that corrects the velocity, 0..1. Default 0.5. */
  readonly velocityGain?: number;
}

export interface TrackedAs {
  /** From 1; never used again by the same tracker. */
  readonly trackId: number;
  /** Velocity of the centre in px/s; null until the object was seen twice. */
  readonly velocity: readonly [number, number] | null;
}

export interface Tracker {
  /** Follows the detections of one frame: the same ones in the same order, with their tracks. `timeMs` should not go back. */
  update<T extends RawDetection>(detections: readonly T[], timeMs: number): (T & TrackedAs)[];
  /** Tracks in memory at present. */
  readonly size: number;
}

interface Track {
  readonly id: number;
  kind: string;
  x: number;
  y: number;
  velocity: readonly [number, number] | null;
  area: number;
  seenAt: number;
  misses: number;
}

/** Classes that detectors mix up from frame to frame share a kind; a track never changes its kind. */
const KIND: Readonly<Record<ObjectClass, string>> = {
  person: 'person',
  bicycle: 'two-wheeler',
  motorcycle: 'two-wheeler',
  car: 'vehicle',
  bus: 'vehicle',
  truck: 'vehicle',
  'traffic light': 'traffic light',
  'stop sign': 'stop sign',
};

/**
 * How far an object may be from where it was expected, in multiples of its own size (the root of its box's area):
 * a base for a trembling box, and a share for each second. A first guess must cover what the object can do, a
 * prediction only what it can change. At 0.5 frames/s that is about 6 m/s for an unknown car, 2 m/s for a walker;
 * what moves faster between two frames starts a new track rather than borrow another's.
 */
const GATE: Readonly<Record<string, { readonly base: number; readonly unknown: number; readonly known: number }>> = {
  person: { base: 0.5, unknown: 1.3, known: 0.8 },
  'two-wheeler': { base: 0.6, unknown: 2, known: 1.2 },
  vehicle: { base: 0.6, unknown: 2, known: 1.2 },
};
const FIXTURE_GATE = { base: 1, unknown: 0, known: 0 };
/** Beyond this the gate grows no more, in sizes: after a long gap everything would fit everything. */
const WIDEST_GATE = 5;
/** A box this many times larger or smaller is another object. */
const MAX_AREA_RATIO = 4;
/** Shortest interval that says something about speed, in seconds. */
const MIN_INTERVAL = 0.05;

const UNMATCHED = 1;
const IMPOSSIBLE = 1e6;

/**
 * Follows objects over frames taken 0.5 to 2 seconds apart: constant-velocity prediction with an alpha-beta filter
 * (Kalata 1984), gating, and least-cost assignment over the whole frame, as SORT does it (Bewley et al., 2016) but by
 * distance: at these intervals boxes of one object seldom overlap. Pure: the time is the caller's.
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  const { maxAgeSeconds = 6, maxMisses = 3, maxTracks = 400, positionGain = 0.85, velocityGain = 0.5 } = options;
  let tracks: Track[] = [];
  let nextId = 1;

  function follow(track: Track, detection: RawDetection, timeMs: number): void {
    const [x, y] = centre(detection.bbox);
    const seconds = (timeMs - track.seenAt) / 1000;
    if (seconds < MIN_INTERVAL) {
      track.x = x;
      track.y = y;
    } else if (track.velocity === null) {
      track.velocity = [(x - track.x) / seconds, (y - track.y) / seconds];
      track.x = x;
      track.y = y;
    } else {
      const [vx, vy] = track.velocity;
      const surpriseX = x - (track.x + vx * seconds);
      const surpriseY = y - (track.y + vy * seconds);
      track.x = x - (1 - positionGain) * surpriseX;
      track.y = y - (1 - positionGain) * surpriseY;
      track.velocity = [vx + (velocityGain * surpriseX) / seconds, vy + (velocityGain * surpriseY) / seconds];
    }
    track.area = area(detection.bbox);
    track.seenAt = Math.max(timeMs, track.seenAt);
    track.misses = 0;
  }

  function begin(detection: RawDetection, timeMs: number): Track {
    const [x, y] = centre(detection.bbox);
    return {
      id: nextId++,
      kind: KIND[detection.class],
      x,
      y,
      velocity: null,
      area: area(detection.bbox),
      seenAt: timeMs,
      misses: 0,
    };
  }

  return {
    update(detections, timeMs) {
      tracks = tracks.filter((track) => timeMs - track.seenAt <= maxAgeSeconds * 1000);
      const matched = match(detections, tracks, timeMs);
      for (const track of tracks) track.misses++;
      const current = detections.map((detection, i) => {
        const known = matched[i];
        if (known !== undefined) follow(known, detection, timeMs);
        return { detection, track: known ?? begin(detection, timeMs) };
      });
      const seen = new Set(current.map(({ track }) => track));
      const unseen = tracks.filter((track) => !seen.has(track) && track.misses <= maxMisses);
      tracks = [...seen, ...unseen.toSorted((a, b) => b.seenAt - a.seenAt)].slice(0, maxTracks);
      return current.map(({ detection, track: { id, velocity } }) => ({ ...detection, trackId: id, velocity }));
    },
    get size() {
      return tracks.length;
    },
  };
}

/** For each detection the track it continues, if any; no track twice. */
function match(detections: readonly RawDetection[], tracks: readonly Track[], timeMs: number): (Track | undefined)[] {
  const rows = detections.length;
  // One column more for each detection: to stay unmatched must always be possible.
  const columns = tracks.length + rows;
  const costs = new Float64Array(rows * columns).fill(UNMATCHED);
  for (const [i, detection] of detections.entries()) {
    for (const [j, track] of tracks.entries()) costs[i * columns + j] = cost(detection, track, timeMs);
  }
  const columnOf = assign(costs, rows, columns);
  return detections.map((_, i) => tracks[columnOf[i] ?? -1]);
}

/** 0 for a perfect continuation up to {@link UNMATCHED}; `IMPOSSIBLE` outside the gate. */
function cost(detection: RawDetection, track: Track, timeMs: number): number {
  const kind = KIND[detection.class];
  if (kind !== track.kind) return IMPOSSIBLE;
  const size = area(detection.bbox);
  const ratio = size > track.area ? size / track.area : track.area / size;
  if (!(ratio <= MAX_AREA_RATIO)) return IMPOSSIBLE;
  const seconds = Math.max(0, timeMs - track.seenAt) / 1000;
  const [x, y] = centre(detection.bbox);
  const [vx, vy] = track.velocity ?? [0, 0];
  const distance = Math.hypot(x - (track.x + vx * seconds), y - (track.y + vy * seconds));
  const { base, unknown, known } = GATE[kind] ?? FIXTURE_GATE;
  const gate =
    Math.min(WIDEST_GATE, base + (track.velocity === null ? unknown : known) * seconds) *
    Math.sqrt((size + track.area) / 2);
  if (distance > gate) return IMPOSSIBLE;
  return 0.8 * (distance / gate) + 0.2 * (Math.log(ratio) / Math.log(MAX_AREA_RATIO)) * UNMATCHED;
}
