import type { Metres, Pixel, SceneZone } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { TrafficView } from './events.types.ts';
import {
  degreesBetween,
  distance,
  isVehicle,
  KMH,
  nearest,
  placeError,
  relativeTo,
  shifted,
  speedOf,
  unit,
  wasElsewhere,
  zonesOf,
} from './places.ts';

/** A standing vehicle's place wanders by its error; so much more, and it has moved, m. */
const STAYS_METRES = 1;
const MOST_WANDER_METRES = 4;
/** The place is the mean of the newest points, ms. */
const ANCHOR_MS = 4_000;
/** Slower, beside its error, than this it has come to stand, m/s. */
const ARRIVED_SPEED = 1;
/** A lane runs against a way that is so far off its direction. */
const AGAINST_DEGREES = 120;
/** Others slower than this stand or creep, m/s. */
const CREEPING_SPEED = 1.4;
/** One that stands so near ahead is waited for: between bumpers, and to the side, m. */
const BLOCKED_METRES = 30;
const BLOCKED_ACROSS_METRES = 2;
/** A stop line lies so near ahead of the front, m. */
const STOP_LINE_METRES = 6;
/** Zones end at the edge of the picture: so near to one that is cut off there, beyond the edge, it goes on, m. */
const CUT_OFF_METRES = 2.5;
/** Lanes of a jam: so far to the side, ahead and behind, m. */
const JAM_ACROSS_METRES = 9;
const JAM_AHEAD_METRES = 25;
const JAM_BEHIND_METRES = 40;
const ABREAST_METRES = 25;

/** A vehicle was seen to come when it drove so far from where it stands, m, so fast, m/s, in so many frames. */
const CAME_METRES = 3;
const CAME_SPEED = 1.5;
const CAME_POINTS = 1;
/** It stands when it was seen there so often, lately, and with no longer time between, ms. */
const SEEN_POINTS = 5;
const LOST_MS = 2_600;
const HIDDEN_MS = 5_000;

export interface Standing {
  readonly place: Metres;
  /** Epoch ms: since when it stands there, and is neither behind another nor at a stop line. */
  readonly since: number;
  /** Epoch ms: since when it stands there. */
  readonly arrivedAt: number;
}

export interface StopLimits {
  readonly maxSpeedKmh: number;
  readonly minSeconds: number;
}

/**
 * A vehicle that stands without a cause in a zone of the kind, for the limits' time. It was seen to come: one that was
 * not may be parked.
 */
export function stoppedIn(
  track: RoadTrack,
  kind: SceneZone['kind'],
  limits: StopLimits,
  view: TrafficView,
): {
  readonly zone: SceneZone;
  readonly since: number;
} | null {
  const newest = track.history.at(-1);
  const [zone] = newest === undefined ? [] : view.scene.zonesAt(newest.place, kind);
  if (zone === undefined) return null;
  const stopped = stoppedOf(track, view, limits.maxSpeedKmh / KMH);
  if (stopped === null || !zone.contains(view.scene.plane.toImage(stopped.place) ?? [-1, -1])) return null;
  if (!isSeen(track, stopped, view.at)) return null;
  if (view.at - stopped.since < limits.minSeconds * 1_000 || !hasCome(track, stopped)) return null;
  return { zone, since: stopped.since };
}

/** True when it was seen to drive before it stood. */
function hasCome(track: RoadTrack, { place, arrivedAt }: Standing): boolean {
  const driving = track.history.filter(
    (point) =>
      point.at < arrivedAt &&
      point.box !== null &&
      distance(point.place, place) > CAME_METRES + 2 * point.sd.place &&
      speedOf(point) > CAME_SPEED,
  );
  return driving.length >= CAME_POINTS;
}

/** True when it was seen often enough while it stood, and lately: one that was lost has driven on, or never was. */
function isSeen(track: RoadTrack, { arrivedAt }: Standing, at: number): boolean {
  const seen = track.history.filter((point) => point.at >= arrivedAt && point.box !== null);
  let last = arrivedAt;
  let hidden = 0;
  for (const point of seen) {
    hidden = Math.max(hidden, point.at - last);
    last = point.at;
  }
  return seen.length >= SEEN_POINTS && at - last <= LOST_MS && hidden <= HIDDEN_MS;
}

/** The place where a track stands, and since when. Null: it moves. `maxSpeed` in m/s: of the way within the stand. */
export function standingOf(track: RoadTrack, view: TrafficView, maxSpeed: number): Omit<Standing, 'since'> | null {
  const { history } = track;
  const newest = history.at(-1);
  if (newest === undefined || speedOf(newest) > maxSpeed + ARRIVED_SPEED + 2 * newest.sd.speed) return null;
  const recent = history.filter(({ at }) => at >= newest.at - ANCHOR_MS);
  const place: Metres = [mean(recent.map((point) => point.place[0])), mean(recent.map((point) => point.place[1]))];
  let first: TrackPoint = newest;
  for (let i = history.length - 1; i >= 0; i--) {
    const point = history[i];
    if (point === undefined) break;
    const [dx, dy] = [point.place[0] - place[0], point.place[1] - place[1]];
    const off = Math.hypot(dx, dy);
    if (off > STAYS_METRES) {
      const error = placeError(view.scene.plane, point, [dx / off, dy / off]);
      if (off > Math.min(MOST_WANDER_METRES, STAYS_METRES + 1.5 * error)) break;
    }
    if (speedOf(point) > ARRIVED_SPEED + maxSpeed + point.sd.speed) break;
    first = point;
  }
  return { place, arrivedAt: first.at };
}

/**
 * Vehicles that stand without a cause: not behind one that stands, not at a stop line (a crossing or a junction just
 * ahead), not in a jam (the traffic beside them stands, too). `since` counts from the moment in which the last cause
 * was gone.
 */
export function stoppedOf(track: RoadTrack, view: TrafficView, maxSpeed: number): Standing | null {
  const standing = standingOf(track, view, maxSpeed);
  if (standing === null) return null;
  const direction = directionOf(track, standing.place, view);
  if (direction === null) return null;
  const came = cameOf(track);
  // Its place is off by a lane: it waits at a stop line of its own, or behind another on its way there.
  const isAgainst = came !== null && (degreesBetween(came, direction) ?? 0) > AGAINST_DEGREES;
  const ways = isAgainst ? [direction, came] : [direction];
  if (ways.some((way) => isAtStopLine(track, standing.place, way, view))) return null;
  if (isInJam(track, standing.place, direction, view)) return null;
  let since = standing.arrivedAt;
  for (const other of view.tracks) {
    if (other === track || !isVehicle(other)) continue;
    since = Math.max(since, ...ways.map((way) => lastBlock(track, standing, way, other)));
  }
  return { ...standing, since };
}

/**
 * Its lane's direction. Without one, that in which it came: the heading of one that stands is not to be trusted, since
 * its place wanders.
 */
function directionOf(track: RoadTrack, place: Metres, view: TrafficView): Metres | null {
  const lane = view.scene.zonesAt(place, 'lane').find(({ direction }) => direction !== null);
  if (lane !== undefined) return lane.direction;
  return cameOf(track) ?? (track.heading === null ? null : unit(track.heading));
}

/** The direction in which it drove last; null where it was not seen to. */
function cameOf({ history }: RoadTrack): Metres | null {
  const came = history.findLast((point) => speedOf(point) > CAME_SPEED + 2 * point.sd.speed);
  return came === undefined ? null : unit(Math.atan2(came.velocity[1], came.velocity[0]));
}

/** Epoch ms of the last moment in which the other stood ahead; 0 for never. */
function lastBlock(
  track: RoadTrack,
  { place, arrivedAt }: Omit<Standing, 'since'>,
  direction: Metres,
  other: RoadTrack,
) {
  const reach = (track.size.length + other.size.length) / 2 + BLOCKED_METRES;
  for (let i = other.history.length - 1; i >= 0; i--) {
    const point = other.history[i];
    if (point === undefined || point.at < arrivedAt) break;
    const { ahead, left } = relativeTo(place, direction, point.place);
    if (ahead <= 0 || ahead > reach || Math.abs(left) > BLOCKED_ACROSS_METRES) continue;
    if (speedOf(point) <= CREEPING_SPEED + point.sd.speed) return point.at;
  }
  return 0;
}

function isAtStopLine(track: RoadTrack, place: Metres, direction: Metres, view: TrafficView): boolean {
  const zones: readonly SceneZone[] = [...zonesOf(view.scene, 'crossing'), ...zonesOf(view.scene, 'junction')];
  if (zones.length === 0) return false;
  for (let metres = 0; metres <= STOP_LINE_METRES + track.size.length / 2; metres++) {
    const pixel = view.scene.plane.toImage(shifted(place, direction, metres));
    if (pixel === null) return false;
    if (zones.some((zone) => zone.contains(pixel))) return true;
    if (!isInPicture(pixel, view) && nearest(zones, shifted(place, direction, metres)) < CUT_OFF_METRES) return true;
  }
  return false;
}

const isInPicture = ([x, y]: Pixel, { picture: { width, height } }: TrafficView): boolean =>
  x >= 0 && y >= 0 && x < width && y < height;

/** True when it is on a lane of that way: parked beside the road is no traffic. */
const isTraffic = (other: RoadTrack, point: TrackPoint, direction: Metres, view: TrafficView): boolean =>
  other.heading !== null &&
  (degreesBetween(unit(other.heading), direction) ?? 180) <= 30 &&
  view.scene.zonesAt(point.place, 'lane').length > 0;

/** True when it stood there before its history begins: then it is not known whether it ever drove. */
const isOfOld = ({ history, bornAt }: RoadTrack): boolean => bornAt < (history[0]?.at ?? bornAt);

/** True when the traffic beside it, in its direction, stands: the vehicle abreast, or most of those that are near. */
function isInJam(track: RoadTrack, place: Metres, direction: Metres, view: TrafficView): boolean {
  let [slow, fast] = [0, 0];
  for (const other of view.tracks) {
    const point = other.history.at(-1);
    if (other === track || point === undefined || !isVehicle(other)) continue;
    const { ahead, left } = relativeTo(place, direction, point.place);
    if (Math.abs(left) < BLOCKED_ACROSS_METRES || Math.abs(left) > JAM_ACROSS_METRES) continue;
    if (ahead > JAM_AHEAD_METRES || ahead < -JAM_BEHIND_METRES) continue;
    const drove = wasElsewhere(other, point.place);
    if (!isTraffic(other, point, direction, view) || !(drove || isOfOld(other))) continue;
    const isSlow = speedOf(point) <= CREEPING_SPEED + point.sd.speed;
    if (isSlow && drove && Math.abs(ahead) <= ABREAST_METRES) return true;
    if (isSlow) slow++;
    else fast++;
  }
  return slow > fast;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
