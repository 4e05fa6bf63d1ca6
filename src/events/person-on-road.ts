import type { Metres } from '../scene/scene.types.ts';
import { heightInPicture } from '../tracking/apparent-size.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import { type Carriageway, carriagewayOf } from './carriageway.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { distance, KMH, leftOf, nameOf, placeError, shifted, speedOf } from './places.ts';
import { footOf, type Holding, lastRun, median, rawVelocities, type Run } from './condition-runs.ts';

/** Faster is no person on foot, m/s. */
const MOST_SPEED = 3;
/** A person was seen to walk when two places lie so far apart, m, beside their errors. */
const WALKED_METRES = 1;
const WALK_MS = 5_000;
/** So far apart lie the boxes without the first look or the last, m: a false box does not move. */
const STEP_METRES = 0.4;
const MIDDLE_SHARE = 0.15;
/** A person who walks onto the road does so at this speed or faster, m/s, from at most this far, m. */
const COMING_SPEED = 1;
const COMING_METRES = 3;
/** One that was not seen for longer may be another, ms: its time on the road begins where it was found again. */
const LOST_MS = 2_500;
/**
 * One that was not seen to walk may be a thing: it must be seen for so many s, most of the time, with such confidence.
 */
const STANDING_SECONDS = 5;
const STANDING_HITS_A_SECOND = 0.6;
const STANDING_CONFIDENCE = 0.65;
/** By boxes alone, which jitter, m/s; of the newest so many. */
const MOST_RAW_SPEED = 4;
const RAW_POINTS = 6;
/** A child, or as much of a person as others leave to be seen, is at least so high and so deep, m. */
const LEAST_HEIGHT = 0.5;
const LEAST_DEPTH = 0.25;
/** So much of the time on the road is without doubt. */
const LEAST_SURE = 0.5;
/** Seen at least so many times. */
const LEAST_HITS = 3;
/** Of the looks on the road that show its feet, it rides in fewer than this share. */
const MOST_RIDING = 0.5;
/** So many of them on the road: one alone may be another's. */
const LEAST_LOOKS = 2;
/** From this limit on the road is a fast one. */
const FAST_KMH = 70;

/**
 * A person is on the carriageway (lanes and junctions), more than `marginMetres` from crossings, sidewalks and the
 * pavement at the corners of a junction, for more than `minSeconds`; by more than the error of the place for half of
 * that. Riders are none, and who was never seen to walk must be seen well. Evidence: speed (km/h, median). The
 * definition is our own.
 */
export const findPersonOnRoad: EventFinder = (view) => {
  if (!view.thresholds['person-on-road'].enabled) return [];
  const carriageway = carriagewayOf(view.scene);
  return view.tracks.flatMap((track) => (mayWalk(track) ? (find(track, carriageway, view) ?? []) : []));
};

const mayWalk = (track: RoadTrack): boolean =>
  track.kind === 'person' && !track.isRider && track.confirmed && track.hits >= LEAST_HITS;

/**
 * True when it was mostly seen without wheels while it was on the road: a rider may have taken the place of a walker,
 * and where its feet were always hidden, so were the wheels.
 */
function isOnFoot({ points }: Run): boolean {
  const told = points.filter(({ isRiding }) => isRiding !== null);
  return told.filter(({ isRiding }) => isRiding === true).length < MOST_RIDING * told.length;
}

/**
 * True when the latest places lie apart, the middle one between: one that stands and jumps is two things. So they must
 * without the first look or the last, by the boxes: either may be another's.
 */
function hasWalked({ history }: RoadTrack, { scene }: TrafficView): boolean {
  const last = history.findLast(({ box }) => box !== null);
  if (last === undefined) return false;
  const seen = history.filter(({ at, box }) => box !== null && last.at - at <= WALK_MS);
  const [first, middle] = [seen[0], seen[Math.floor(seen.length / 2)]];
  if (first === undefined || middle === undefined) return false;
  const way = distance(first.place, last.place);
  if (way < WALKED_METRES + 2 * Math.max(first.sd.place, last.sd.place)) return false;
  if ([first, last].some((end) => distance(end.place, middle.place) <= MIDDLE_SHARE * way)) return false;
  const feet = seen.map((point) => footOf(point, scene.plane)).filter((foot) => foot !== null);
  return [feet.slice(1), feet.slice(0, -1)].every((part) => isApart(part[0], part.at(-1)));
}

const isApart = (from?: Metres, to?: Metres): boolean =>
  from !== undefined && to !== undefined && distance(from, to) > STEP_METRES;

/** True when it was seen well for long, since it was lost last: a false box may have taken its place. */
function isSurely({ history, seenAt, hits, bornAt, confidence }: RoadTrack): boolean {
  let since = bornAt;
  let before = bornAt;
  let looks = 0;
  for (const { at, box } of history) {
    if (box === null) continue;
    if (at - before > LOST_MS) [since, looks] = [at, 0];
    looks++;
    before = at;
  }
  const seconds = (seenAt - since) / 1_000;
  const seen = since === bornAt ? hits : looks;
  return seconds >= STANDING_SECONDS && seen >= STANDING_HITS_A_SECOND * seconds && confidence >= STANDING_CONFIDENCE;
}

function find(track: RoadTrack, carriageway: Carriageway, view: TrafficView): Finding | null {
  const limits = view.thresholds['person-on-road'];
  const isOpen = view.isOpen('person-on-road', [track.trackId]);
  const margin = isOpen ? 0 : limits.marginMetres;
  const run = lastRun(track.history, (point): Holding => {
    const depth = carriageway.depth(point.place);
    if (depth === null || depth <= margin) return 'no';
    return isLargeEnough(point, view) && isClear(point, carriageway, margin, view) ? 'yes' : 'maybe';
  });
  const last = run?.points.at(-1);
  if (run === null || last === undefined || run.sure < LEAST_SURE || run.points.length < LEAST_LOOKS) return null;
  const onset = enteredAt(run, track.history, carriageway, margin);
  if (run.to - onset < limits.minSeconds * 1_000 || isFast(run.points, view)) return null;
  if (!isOpen && !isOnFoot(run)) return null;
  if (!isOpen && !hasWalked(track, view) && !isSurely(track)) return null;
  return {
    kind: 'person-on-road',
    trackIds: [track.trackId],
    onset,
    endedAt: run.endedAt,
    zone: nameOf(view.scene.zonesAt(last.place).filter(({ kind }) => kind === 'lane' || kind === 'junction')),
    evidence: { speedKmh: median(run.points.map(speedOf)) * KMH },
    severity: (view.scene.limitKmhAt(last.place) ?? 0) >= FAST_KMH ? 'high' : 'medium',
  };
}

/** True when the box is no smaller than that of a child: a false box may be of any size. */
function isLargeEnough({ box, place }: TrackPoint, { scene: { plane } }: TrafficView): boolean {
  const pixel = plane.toImage(place);
  const scale = pixel === null ? null : plane.metresPerPixel(pixel);
  return box !== null && scale !== null && box[3] - box[1] >= heightInPicture(LEAST_HEIGHT, LEAST_DEPTH, scale);
}

/** Faster than on foot: by its places, or by its boxes. */
const isFast = (points: readonly TrackPoint[], view: TrafficView): boolean =>
  points.some((point) => speedOf(point) > MOST_SPEED) ||
  median(rawVelocities(points.slice(-RAW_POINTS), view.scene.plane).map((way) => Math.hypot(...way))) > MOST_RAW_SPEED;

/**
 * When the person came to the road, epoch ms: the first place on it lies some way from its edge, which took time. After
 * the moment in which it was seen elsewhere.
 */
function enteredAt(run: Run, history: readonly TrackPoint[], carriageway: Carriageway, margin: number): number {
  const first = run.points[0];
  if (first === undefined) return run.from;
  const metres = Math.min(COMING_METRES, (carriageway.depth(first.place) ?? 0) - margin);
  const before = history.findLast(({ at, box }) => at < run.from && box !== null);
  if (before === undefined || run.from - before.at > LOST_MS) return run.from;
  const came = run.from - (metres / Math.max(COMING_SPEED, speedOf(first))) * 1_000;
  return Math.min(run.from, Math.max(before.at, came));
}

/**
 * True when the person is on the carriageway even where the place is off by its error, away from the camera or across.
 */
function isClear(point: TrackPoint, road: Carriageway, margin: number, view: TrafficView): boolean {
  const { plane } = view.scene;
  const pixel = plane.toImage(point.place);
  const away = pixel === null ? null : (plane.metresPerPixel(pixel)?.away ?? null);
  if (away === null) return false;
  return [away, leftOf(away)].every((way) => {
    const error = placeError(plane, point, way);
    return [-error, error].every((metres) => (road.depth(shifted(point.place, way, metres)) ?? 0) > margin);
  });
}
