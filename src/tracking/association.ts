import type { Metres, Scene } from '../scene/scene.types.ts';
import { assign } from './assignment.ts';
import type { Sighting } from './sighting.ts';
import { ratioOf } from './apparent-size.ts';
import { fit, newest, sizeOf, waysOf, type Fit, type FootAt } from './track-state.ts';
import type { TrackState } from './track-state.types.ts';
import type { UserKind } from './tracking.types.ts';
import type { Prediction, Ways } from './ways.ts';

/** A track, and the way in which it came to a sighting. */
export interface Match {
  readonly track: TrackState;
  readonly way: Prediction;
  readonly seen: Fit;
}

/**
 * Logarithm of how many road users without a track are seen in a part of the picture as large as the box: a match has
 * to be likelier than that.
 */
const LOG_NEW = Math.log(0.008);
/** Of those that are there, so many are seen: logarithm of the odds. Some of those seen once were never there. */
const LOG_SEEN = 0.7;
const LOG_SEEN_AGAIN = 0.4;
/** Detectors take one class of a kind for another. */
const OTHER_CLASS = -1;
/** The apparent size changes by so much from box to box; two road users of one kind differ by so much (logarithms). */
const SAME_SIZE_SD = 0.16;
const OTHER_SIZE_SD = 0.45;
/** Of those that are not seen, so many are gone for good after a second (logarithm of those that are not). */
const GONE_A_SECOND: Readonly<Record<UserKind, number>> = { person: 0.06, 'two-wheeler': 0.15, vehicle: 0.15 };
const STANDING_GONE_A_SECOND = 0.03;
/** Bhattacharyya coefficient of the colours of one road user in two pictures, of two road users: about. */
const SAME_COLOURS = 0.85;
const COLOUR_WEIGHT = 6;
/** Further than this from every predicted place no density is computed: standard deviations, squared, and m². */
const FAR = 30;

/** One that drives goes over to a lane of the other direction once in so many steps (logarithm). */
const LOG_TO_ONCOMING = Math.log(0.02);
/** From this speed on it does not turn round, m/s; a lane runs against it when its direction is so far off (cosine). */
const DRIVES = 7;
const ONCOMING = Math.cos((120 * Math.PI) / 180);

const UNMATCHED = 0;
const IMPOSSIBLE = 1e6;

/** How alike the sizes are, against two of one kind by chance. */
function sizeOdds(track: TrackState, sighting: Sighting, { isCut, foot }: Fit): number {
  if (sighting.cut !== null) return 0;
  const [height, width] = ratioOf(sighting.box, foot, sizeOf(track), newest(track).heading);
  const [high, wide] = [isCut ? 0 : height - track.ratio[0], width - track.ratio[1]];
  const difference = high ** 2 + 0.25 * wide ** 2;
  const same = -difference / (2 * SAME_SIZE_SD ** 2) - Math.log(SAME_SIZE_SD);
  const other = -difference / (2 * OTHER_SIZE_SD ** 2) - Math.log(OTHER_SIZE_SD);
  return isCut ? 0 : Math.max(-6, same - other);
}

function colourOdds(track: TrackState, sighting: Sighting): number {
  const [a, b] = [track.appearance, sighting.appearance];
  if (a === null || b === null || a.length !== b.length) return 0;
  let alike = 0;
  for (const [i, share] of a.entries()) alike += Math.sqrt(share * (b[i] ?? 0));
  return COLOUR_WEIGHT * (alike - SAME_COLOURS);
}

/** A track with all places where it may be. */
interface Candidate {
  readonly track: TrackState;
  readonly ways: Ways;
  readonly gone: number;
  /** Unit vector in which it drives along a lane that runs its way, or along none; null for all others. */
  readonly drives: Metres | null;
}

function candidate(track: TrackState, at: number, scene: Scene): Candidate {
  const ways = waysOf(track, at);
  const seconds = (at - track.seenAt) / 1000;
  const isStanding = newest(track).stoodSince !== null;
  const gone = -seconds * (isStanding ? STANDING_GONE_A_SECOND : GONE_A_SECOND[track.kind]);
  return { track, ways, gone, drives: drivesOf(track, scene) };
}

function drivesOf(track: TrackState, scene: Scene): Metres | null {
  const [x = 0, y = 0, vx = 0, vy = 0] = newest(track).filtered.mean;
  const speed = Math.hypot(vx, vy);
  if (track.kind !== 'vehicle' || track.hits === 1 || speed < DRIVES) return null;
  const way: Metres = [vx / speed, vy / speed];
  return isOncoming(way, [x, y], scene) ? null : way;
}

/** True when the lanes at a place all run against a way. */
function isOncoming([ux, uy]: Metres, place: Metres, scene: Scene): boolean {
  const directions = scene.zonesAt(place, 'lane').flatMap(({ direction }) => (direction === null ? [] : [direction]));
  return directions.length > 0 && directions.every(([x, y]) => x * ux + y * uy < ONCOMING);
}

function isNear({ ways }: Candidate, { foot }: Sighting): boolean {
  return ways.usual.some(({ step }) => {
    const { mean, cov } = step.to;
    const [dx, dy] = [foot.place[0] - (mean[0] ?? 0), foot.place[1] - (mean[1] ?? 0)];
    const spread = (cov[0] ?? 0) + (cov[7] ?? 0) + foot.alongSd ** 2 + foot.acrossSd ** 2;
    return dx * dx + dy * dy < FAR * (spread + 4);
  });
}

/** Positive odds: likelier than that the sighting is of one without a track. */
function matched(
  { track, ways, gone, drives }: Candidate,
  sighting: Sighting,
  at: number,
  scene: Scene,
  footAt: FootAt,
): { readonly odds: number; readonly way: Prediction; readonly seen: Fit } {
  const seen = fit(track, sighting, at, footAt);
  const best = ways.best(seen.measured);
  const { box } = sighting;
  const { along, across } = seen.foot;
  const inBox = best.log + Math.log(along * across * (box[2] - box[0]) * (box[3] - box[1]));
  const sameClass = track.class === sighting.class ? 0 : OTHER_CLASS;
  const alike = sizeOdds(track, sighting, seen) + colourOdds(track, sighting) + sameClass;
  const lane = drives !== null && isOncoming(drives, seen.measured.place, scene) ? LOG_TO_ONCOMING : 0;
  const there = gone + lane + (track.hits === 1 ? LOG_SEEN_AGAIN : LOG_SEEN);
  return { odds: inBox + alike + there - LOG_NEW, way: best.way, seen };
}

interface Edge {
  readonly row: number;
  readonly column: number;
  readonly odds: number;
  readonly way: Prediction;
  readonly seen: Fit;
}

/** Rows that share columns, directly or through others: each is assigned on its own, so that matrices stay small. */
function components(edges: readonly Edge[], rows: number): readonly (readonly Edge[])[] {
  const parent = Array.from({ length: rows }, (_, row) => row);
  const root = (row: number): number => {
    let at = row;
    while (parent[at] !== at) at = parent[at] ?? at;
    return at;
  };
  const rowOf = new Map<number, number>();
  for (const { row, column } of edges) {
    const other = rowOf.get(column);
    if (other === undefined) rowOf.set(column, row);
    else parent[root(row)] = root(other);
  }
  return [...Map.groupBy(edges, ({ row }) => root(row)).values()];
}

function assigned(edges: readonly Edge[]): readonly Edge[] {
  const rows = [...new Set(edges.map(({ row }) => row))];
  const columns = [...new Set(edges.map(({ column }) => column))];
  // One more column for each row, so that each can stay unmatched.
  const width = columns.length + rows.length;
  const costs = new Float64Array(rows.length * width).fill(IMPOSSIBLE);
  for (const i of rows.keys()) costs.fill(UNMATCHED, i * width + columns.length, (i + 1) * width);
  for (const { row, column, odds: gain } of edges) {
    costs[rows.indexOf(row) * width + columns.indexOf(column)] = -gain;
  }
  const columnOf = assign(costs, rows.length, width);
  return edges.filter(({ row, column }) => columnOf[rows.indexOf(row)] === columns.indexOf(column));
}

/** The track that each sighting continues, if any; no track twice. In the order of the sightings. */
export function associate(
  sightings: readonly Sighting[],
  tracks: readonly TrackState[],
  at: number,
  scene: Scene,
  footAt: FootAt,
): readonly (Match | null)[] {
  const candidates = tracks.map((track) => candidate(track, at, scene));
  const edges: Edge[] = [];
  for (const [row, sighting] of sightings.entries()) {
    for (const [column, one] of candidates.entries()) {
      if (one.track.kind !== sighting.kind || !isNear(one, sighting)) continue;
      const match = matched(one, sighting, at, scene, footAt);
      if (match.odds > 0) edges.push({ row, column, ...match });
    }
  }
  const matches: (Match | null)[] = sightings.map(() => null);
  for (const part of components(edges, sightings.length)) {
    for (const { row, column, way, seen } of assigned(part)) {
      const track = tracks[column];
      if (track !== undefined && newest(track).at <= at) matches[row] = { track, way, seen };
    }
  }
  return matches;
}
