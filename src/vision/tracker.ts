import type { ObjectClass } from '../messages/detection.ts';
import { assign } from './assignment.ts';
import { area, centre } from './geometry.ts';
import type { RawDetection } from './vision.types.ts';

export interface TrackerOptions {
  /** A track unseen for longer than this is forgotten, in seconds. Default 6. */
  readonly maxAgeSeconds?: number;
  /** A track missed in more frames in a row than this is forgotten. Default 3. */
  readonly maxMisses?: number;
  /** Most tracks kept; beyond it the longest unseen is forgotten first. Default 400. */
  readonly maxTracks?: number;
  /** Weight of the measured position against the predicted one (alpha), above 0 to 1. Default 0.85. */
  readonly positionGain?: number;
  /** Share of the prediction error that corrects the velocity (beta), 0..1. Default 0.5. */
  readonly velocityGain?: number;
}

export interface TrackedAs {
  /** From 1; a tracker never uses one twice. */
  readonly trackId: number;
  /** Velocity of the centre in px/s; null until the object was seen twice. */
  readonly velocity: readonly [number, number] | null;
}

export interface Tracker {
  /** Adds its track to each detection of one frame; order is kept. `timeMs`: when it was taken, should not go back. */
  update<T extends RawDetection>(detections: readonly T[], timeMs: number): (T & TrackedAs)[];
  /** Tracks remembered now. */
  readonly size: number;
}

/** Position and velocity of the centre in px and px/s, area in px². */
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

/** Classes that detectors confuse from frame to frame share a kind; a track never changes its kind. */
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
 * The gate: how far an object may be from its predicted position, in multiples of its size (the root of its box's
 * area). `base` covers the jitter of a box. Each second adds `unknown` while the velocity is not known, which must
 * cover any speed, or `known`, which must only cover a change of speed. At 0.5 frames/s that is about 6 m/s for an
 * unknown car, 2 m/s for a walker; an object that is faster starts a new track rather than continue another's.
 */
const GATE: Readonly<Record<string, { readonly base: number; readonly unknown: number; readonly known: number }>> = {
  person: { base: 0.5, unknown: 1.3, known: 0.8 },
  'two-wheeler': { base: 0.6, unknown: 2, known: 1.2 },
  vehicle: { base: 0.6, unknown: 2, known: 1.2 },
};
const FIXTURE_GATE = { base: 1, unknown: 0, known: 0 };
/** The gate's limit, in sizes: after a long gap every object would fit every track. */
const WIDEST_GATE = 5;
/** A box more than this many times larger or smaller is another object. */
const MAX_AREA_RATIO = 4;
/** Shortest interval from which a speed is taken, in seconds. */
const MIN_INTERVAL = 0.05;

const UNMATCHED = 1;
const IMPOSSIBLE = 1e6;

/**
 * Follows objects over frames taken 0.5 to 2 seconds apart: constant-velocity prediction with an alpha-beta filter
 * (Kalata 1984), gating, and minimum-cost assignment over the whole frame. SORT (Bewley et al., 2016) does the same by
 * overlap; here distance counts, because at these intervals the boxes of one object seldom overlap.
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
      const errorX = x - (track.x + vx * seconds);
      const errorY = y - (track.y + vy * seconds);
      track.x = x - (1 - positionGain) * errorX;
      track.y = y - (1 - positionGain) * errorY;
      track.velocity = [vx + (velocityGain * errorX) / seconds, vy + (velocityGain * errorY) / seconds];
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

/** The track that each detection continues, if any; no track twice. */
function match(detections: readonly RawDetection[], tracks: readonly Track[], timeMs: number): (Track | undefined)[] {
  const rows = detections.length;
  // One more column for each detection, so that each can stay unmatched.
  const columns = tracks.length + rows;
  const costs = new Float64Array(rows * columns).fill(UNMATCHED);
  for (const [i, detection] of detections.entries()) {
    for (const [j, track] of tracks.entries()) costs[i * columns + j] = cost(detection, track, timeMs);
  }
  const columnOf = assign(costs, rows, columns);
  return detections.map((_, i) => tracks[columnOf[i] ?? -1]);
}

/** From 0 for a perfect continuation to {@link UNMATCHED}; `IMPOSSIBLE` outside the gate. */
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
