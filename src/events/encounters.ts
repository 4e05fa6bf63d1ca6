import type { Box } from '../messages/detection.ts';
import { footprintOf, gap, overlaps, timeToCollision, type Footprint } from '../scene/footprint.ts';
import type { PictureSize } from '../scene/pinhole.ts';
import type { RoadTrack } from '../tracking/tracking.types.ts';
import type { TrafficView } from './events.types.ts';
import { blindTime, cell, isCut, momentAt, near, pathOf, STEP_MS, WINDOW_MS, type Moment, type Path } from './paths.ts';

/** Beyond this a time to collision is of no interest, s. */
export const LONGEST_TTC = 2;
/** Beyond this a post-encroachment time is of no interest, s. */
export const LONGEST_PET = 1.3;
/** Within a second of the moment, at least: paths between looks a second apart are guesses. */
const LEAST_LOOKS = 4;
/** A speed of so many standard deviations is one: what stands seems to move a little. */
const SURE_SPEED = 2.5;
/** A younger track may begin with an error, ms. */
const YOUNG_MS = 1200;
/** After a longer gap it may be another road user, ms. */
const LOST_MS = 2000;
/** Between the looks before and after a moment, at most, ms. */
const BLIND_MS = 700;
/** By so many standard deviations paths must cross at more than the least angle. */
const SURE_DEGREES = 0.3;
/** A person who stays this near to a two-wheeler rides it, m. */
const RIDER_METRES = 2.5;
const FIXTURE_CONFIDENCE = 0.58;
const FIXTURE_METRES = 1;
/** A false box may last for so long, ms, and is seldom given more confidence. */
const FALSE_BOX_MS = 5_000;
const FALSE_BOX_CONFIDENCE = 0.65;
/** Pictures in which both are seen, at least. */
const LEAST_TOGETHER = 3;
/** Before its direction is known a vehicle or a person has moved by so much, m. */
const LEAST_WAY = 2.5;
const LEAST_WALK = 0.3;
/** Road users reach each other within this, s. */
const REACH_SECONDS = LONGEST_TTC;

/** One moment of two road users on a collision course, were both to keep their velocities. */
export interface Approach {
  readonly at: number;
  /** Time to collision of the swept footprints, s (Hayward 1972). 0: they overlap. */
  readonly ttc: number;
  /** Between the footprints, m. */
  readonly gap: number;
  /** Of one relative to the other, m/s. */
  readonly relativeSpeed: number;
  readonly a: Moment;
  readonly b: Moment;
}

/** Two road users that were at one spot, one after the other. */
export interface Crossing {
  /** Post-encroachment time, s: from the first one's leaving to the second one's coming (Allen et al. 1978). */
  readonly pet: number;
  readonly first: RoadTrack;
  readonly second: RoadTrack;
  /** The first as it leaves the spot, the second as it comes there. */
  readonly leaves: Moment;
  readonly comes: Moment;
  /** Between the lines of their headings there, 0..90. */
  readonly degrees: number;
  /** They cross at more than the least angle in spite of the error of their headings. */
  readonly isClear: boolean;
  /** Both were seen often enough around these moments. */
  readonly isSeen: boolean;
}

/** The recent moments of two road users that came near each other. */
export interface Encounter {
  readonly a: Path;
  readonly b: Path;
  /** In which the time to collision is under `LONGEST_TTC`; oldest first, `STEP_MS` apart within one approach. */
  readonly approaches: readonly Approach[];
  /**
   * Of the crossings with a PET under `LONGEST_PET`, that with the shortest; null without one. Paths cross where their
   * lines do at `minDegrees` or more.
   */
  crossing(minDegrees: number): Crossing | null;
  /** Least gap of the footprints at one moment, m. */
  readonly leastGap: number;
  /** Moments in which the footprints overlap: they hit, or are not where they seem to be. */
  readonly overlaps: number;
}

const footprintAt = (path: Path, moment: Moment, other: Moment): Footprint =>
  // A road user that never moved lies like the other one: its own heading is unknown.
  footprintOf(moment.place, moment.heading ?? other.heading ?? 0, path.track.size);

/** Whether the two may be on a collision course at a step; the exact answer is dear. */
function mayMeet(a: Path, b: Path, step: number): boolean {
  const [i, j] = [step - a.from, step - b.from];
  const [dx, dy] = [cell(b.x, j) - cell(a.x, i), cell(b.y, j) - cell(a.y, i)];
  const [wx, wy] = [cell(b.vx, j) - cell(a.vx, i), cell(b.vy, j) - cell(a.vy, i)];
  const apart = Math.hypot(dx, dy) - a.radius - b.radius;
  if (apart <= 0) return true;
  // False for NaN, too.
  return dx * wx + dy * wy < 0 && apart < Math.hypot(wx, wy) * LONGEST_TTC;
}

function approachAt(a: Path, b: Path, step: number): Approach | null {
  const [p, q] = [momentAt(a, step), momentAt(b, step)];
  if (p === null || q === null) return null;
  const [fa, fb] = [footprintAt(a, p, q), footprintAt(b, q, p)];
  const ttc = timeToCollision(fa, p.velocity, fb, q.velocity);
  if (ttc === null || ttc > LONGEST_TTC) return null;
  const relativeSpeed = Math.hypot(q.velocity[0] - p.velocity[0], q.velocity[1] - p.velocity[1]);
  return { at: p.at, ttc, gap: ttc === 0 ? 0 : gap(fa, fb), relativeSpeed, a: p, b: q };
}

/** Between two headings in radians, 0..180. */
export const degreesBetween = (a: number, b: number): number => (Math.acos(Math.cos(a - b)) * 180) / Math.PI;

/** The angle of two lines, 0..90: head-on is no crossing either. */
const crossingDegrees = (a: number, b: number): number =>
  (Math.asin(Math.min(1, Math.abs(Math.sin(a - b)))) * 180) / Math.PI;

/** Whether some heading of one and some of the other cross at an angle, from their extremes alone. */
function mayCross(a: Path, b: Path, minDegrees: number): boolean {
  const spare = (minDegrees * Math.PI) / 180;
  const least = a.headings[0] - b.headings[1] + spare;
  const most = a.headings[1] - b.headings[0] + spare;
  const turns = Math.floor(least / Math.PI);
  // All differences lie within `minDegrees` of one multiple of 180 degrees.
  return !(Math.floor(most / Math.PI) === turns && most - turns * Math.PI <= 2 * spare);
}

function crossingOf(
  picture: PictureSize,
  a: Path,
  b: Path,
  step: number,
  other: number,
  degrees: number,
  minDegrees: number,
): Crossing | null {
  const [p, q] = [momentAt(a, step), momentAt(b, other)];
  if (p === null || q === null || !overlaps(footprintAt(a, p, q), footprintAt(b, q, p))) return null;
  const isFast =
    [p, q].every(({ speed, sd }) => speed > SURE_SPEED * sd.speed) &&
    hasComeOn(a, step, picture) &&
    hasComeOn(b, other, picture);
  const isClear = isFast && degrees >= minDegrees + Math.hypot(headingError(p), headingError(q)) * SURE_DEGREES;
  const isSeen = isSeenAt(a.track, p.at, picture) && isSeenAt(b.track, q.at, picture);
  const aFirst = step <= other;
  return {
    pet: (Math.abs(step - other) * STEP_MS) / 1000,
    first: aFirst ? a.track : b.track,
    second: aFirst ? b.track : a.track,
    leaves: aFirst ? p : q,
    comes: aFirst ? q : p,
    degrees,
    isClear,
    isSeen,
  };
}

/** Slower than this, a heading is not sure enough for the angle of two paths, m/s. */
const slowest = (path: Path): number => (path.track.kind === 'person' ? 0.4 : 2);

/**
 * Since it was seen whole it got on: boxes that the edge of the picture cuts, or others cover in part, move, but their
 * way has no direction.
 */
function hasComeOn(path: Path, step: number, picture: PictureSize): boolean {
  const { wholeSince } = steadiness(path.track, step * STEP_MS, picture);
  const [p, q] = [momentAt(path, Math.max(path.from, Math.ceil(wholeSince / STEP_MS))), momentAt(path, step)];
  if (p === null || q === null) return false;
  const way = path.track.kind === 'person' ? LEAST_WALK : LEAST_WAY;
  return Math.hypot(q.place[0] - p.place[0], q.place[1] - p.place[1]) > way;
}

/** Standard deviation of a heading, degrees: of the speed across it, as large as of that along it. */
const headingError = ({ sd, speed }: Moment): number => (Math.atan2(sd.speed, speed) * 180) / Math.PI;

function shortestCrossing(picture: PictureSize, a: Path, b: Path, minDegrees: number): Crossing | null {
  let best: Crossing | null = null;
  let limit = (LONGEST_PET * 1000) / STEP_MS;
  if (!mayCross(a, b, minDegrees) || !near(a, b, a.radius + b.radius)) return null;
  const touching = (a.radius + b.radius) ** 2;
  const [aSlowest, bSlowest] = [slowest(a) ** 2, slowest(b) ** 2];
  for (let step = a.from; step < a.to; step++) {
    const i = step - a.from;
    const [x, y] = [cell(a.x, i), cell(a.y, i)];
    if (!(cell(a.vx, i) ** 2 + cell(a.vy, i) ** 2 >= aSlowest)) continue;
    const end = Math.min(b.to, step + limit);
    for (let other = Math.max(b.from, step - limit + 1); other < end; other++) {
      const j = other - b.from;
      if (!((cell(b.x, j) - x) ** 2 + (cell(b.y, j) - y) ** 2 <= touching)) continue;
      if (!(cell(b.vx, j) ** 2 + cell(b.vy, j) ** 2 >= bSlowest) || Math.abs(step - other) >= limit) continue;
      const degrees = crossingDegrees(cell(a.heading, i), cell(b.heading, j));
      const crossing = degrees < minDegrees ? null : crossingOf(picture, a, b, step, other, degrees, minDegrees);
      if (crossing === null) continue;
      best = crossing;
      limit = Math.abs(step - other);
    }
  }
  return best;
}

function encounterOf(picture: PictureSize, a: Path, b: Path): Encounter {
  const approaches: Approach[] = [];
  for (let step = Math.max(a.from, b.from); step < Math.min(a.to, b.to); step++) {
    const approach = mayMeet(a, b, step) ? approachAt(a, b, step) : null;
    if (approach !== null) approaches.push(approach);
  }
  return {
    a,
    b,
    approaches,
    crossing: (minDegrees) => shortestCrossing(picture, a, b, minDegrees),
    leastGap: Math.min(Infinity, ...approaches.map((approach) => approach.gap)),
    overlaps: approaches.filter((approach) => approach.gap === 0).length,
  };
}

/** Seen at the same moments often enough to be two: one road user with two tracks has the second after the first. */
function seenTogether(a: RoadTrack, b: RoadTrack): boolean {
  const since = Math.min(a.seenAt, b.seenAt) - WINDOW_MS;
  const seen = new Set<number>();
  for (const { at, box } of a.history) if (at > since && box !== null) seen.add(at);
  let both = 0;
  for (const { at, box } of b.history) if (box !== null && seen.has(at)) both++;
  return both >= LEAST_TOGETHER;
}

/** Detected twice, or somebody on a two-wheeler: for most of the time that both are known they are in one place. */
function oneObject(a: Path, b: Path): boolean {
  let both = 0;
  let together = 0;
  const isRiding = a.track.kind !== b.track.kind && (a.track.kind === 'two-wheeler' || b.track.kind === 'two-wheeler');
  const reach = isRiding ? RIDER_METRES : Math.max(1, Math.min(a.track.size.length, b.track.size.length) / 2);
  for (let step = Math.max(a.from, b.from); step < Math.min(a.to, b.to); step++) {
    const [i, j] = [step - a.from, step - b.from];
    const apart = Math.hypot(cell(a.x, i) - cell(b.x, j), cell(a.y, i) - cell(b.y, j));
    // One of them was lost then.
    if (Number.isNaN(apart)) continue;
    both++;
    if (apart < reach) together++;
  }
  return together > 0.5 * both;
}

/** Two who stand still, or are too far apart for `LONGEST_TTC`, don't meet. */
function mayEncounter(a: Path, b: Path): boolean {
  if (a.track.kind === 'person' && b.track.kind === 'person') return false;
  if (Math.max(a.topSpeed, b.topSpeed) < 1) return false;
  return (
    near(a, b, a.radius + b.radius + (a.topSpeed + b.topSpeed) * REACH_SECONDS) &&
    seenTogether(a.track, b.track) &&
    !oneObject(a, b)
  );
}

/** A box is off by so much of its height and width: one that is cut may end so far from the edge. */
const EDGE_SHARE = 0.03;

function mayBeCut(box: Box, { width, height }: PictureSize): boolean {
  const [x1, y1, x2, y2] = box;
  const [beside, above] = [EDGE_SHARE * (x2 - x1), EDGE_SHARE * (y2 - y1)];
  return isCut([x1 - beside, y1 - above, x2 + beside, y2 + above], { width, height });
}

/** How often a track was seen whole within `ms` of a moment. */
export function looksNear({ history }: RoadTrack, at: number, picture: PictureSize, ms = 1000): number {
  let looks = 0;
  for (const point of history) {
    if (point.box !== null && Math.abs(point.at - at) <= ms && !mayBeCut(point.box, picture)) looks++;
  }
  return looks;
}

interface Steadiness {
  /** Since when it was seen without a long gap, and since when whole; epoch ms. */
  readonly since: number;
  readonly wholeSince: number;
}

/** How steadily a track was seen up to a moment. */
function steadiness({ history }: RoadTrack, at: number, picture: PictureSize): Steadiness {
  let [since, wholeSince, before] = [Infinity, Infinity, -Infinity];
  for (const point of history) {
    if (point.at > at) break;
    if (point.box === null) continue;
    if (point.at - before > LOST_MS) [since, wholeSince] = [point.at, Infinity];
    if (wholeSince === Infinity && !mayBeCut(point.box, picture)) wholeSince = point.at;
    before = point.at;
  }
  return { since, wholeSince };
}

/** Looked at often enough around a moment: more pictures would tell little more. */
export const isLookedAt = (track: RoadTrack, at: number, picture: PictureSize): boolean =>
  at - track.bornAt >= YOUNG_MS && looksNear(track, at, picture) >= LEAST_LOOKS;

/** Seen often enough around a moment, and long enough before it, to believe where it was then. */
export const isWellSeen = (track: RoadTrack, at: number, picture: PictureSize): boolean =>
  isLookedAt(track, at, picture) && at - steadiness(track, at, picture).since >= YOUNG_MS;

/** The same, and right before and after the moment. */
const isSeenAt = (track: RoadTrack, at: number, picture: PictureSize): boolean =>
  isWellSeen(track, at, picture) && blindTime(track, at) <= BLIND_MS;

const found = new WeakMap<readonly RoadTrack[], readonly Encounter[]>();

/**
 * A poster, a hydrant: taken for a person again and again without being sure, and never moving. Or a box of nothing,
 * for a short time.
 */
function isFixture({ kind, confidence, history, bornAt, seenAt }: RoadTrack): boolean {
  const most = seenAt - bornAt < FALSE_BOX_MS ? FALSE_BOX_CONFIDENCE : FIXTURE_CONFIDENCE;
  if (kind !== 'person' || confidence > most) return false;
  const [first, last] = [history[0], history.at(-1)];
  if (first === undefined || last === undefined) return true;
  const way = Math.hypot(last.place[0] - first.place[0], last.place[1] - first.place[1]);
  return way < FIXTURE_METRES || history.every(({ velocity, sd }) => Math.hypot(...velocity) < SURE_SPEED * sd.speed);
}

/**
 * All encounters among the confirmed tracks of a view, made once for all finders. Persons among themselves have
 * none.
 */
export function encountersOf({ tracks, picture }: Pick<TrafficView, 'tracks' | 'picture'>): readonly Encounter[] {
  const known = found.get(tracks);
  if (known !== undefined) return known;
  const newest = Math.max(0, ...tracks.map((track) => track.history.at(-1)?.at ?? 0));
  const paths = tracks
    .filter((track) => track.confirmed && !track.isRider && !isFixture(track) && track.seenAt > newest - WINDOW_MS)
    .map((track) => pathOf(track));
  const encounters: Encounter[] = [];
  for (const [i, a] of paths.entries()) {
    for (const b of paths.slice(i + 1)) {
      if (mayEncounter(a, b)) encounters.push(encounterOf(picture, a, b));
    }
  }
  found.set(tracks, encounters);
  return encounters;
}
