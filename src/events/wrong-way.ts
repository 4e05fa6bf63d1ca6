import type { Metres, SceneZone } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { degreesBetween, isMotor, KMH, leftOf, nearest, placeError, speedOf, zonesOf } from './places.ts';
import { type Holding, lastRun, lasts, median, rawVelocities } from './condition-runs.ts';

/** So far from every lane that runs its way, beside the error of its place, m. */
const MARGIN_METRES = 0.2;
/** It is seen to go against the lane in so many frames, and over so many metres; never lost for so long, ms. */
const LEAST_POINTS = 3;
const LEAST_METRES = 4;
const LOST_MS = 2_300;
/** One that was not seen for so long before, or only seldom, may be another: so many frames are asked for, ms. */
const DOUBT_MS = 1_300;
const DOUBT_POINTS = 6;
/** From this speed on, m/s, it drove another way when its heading was so far off. */
const TURNED_SPEED = 2;
const TURNED_DEGREES = 110;
/** So many of its steps go that way, at so many m/s at least. */
const LEAST_STEPS_SHARE = 0.7;
const LEAST_STEP_SPEED = 1;
/** Points on average so much farther from those lanes than their error. */
const LEAST_MEAN_RATIO = 1;
/** While open, so much slower is still driving. */
const HYSTERESIS_RATIO = 0.7;

/**
 * A motor vehicle drives against its lane: faster than `minSpeedKmh`, its heading more than `minDegrees` off the lane's
 * direction, for `minSeconds` or longer. The middle of its footprint decides: every lane there must run the other way,
 * and the nearest lane that runs its way must be farther than the place may be wrong, since lanes of both directions
 * lie side by side. Evidence: speed (km/h, median of the run), degrees. Source of the definition: NTSB/SIR-12/01,
 * "Wrong-way driving".
 */
export const findWrongWay: EventFinder = (view) => {
  if (!view.thresholds['wrong-way'].enabled) return [];
  const lanes = zonesOf(view.scene, 'lane').filter(({ direction }) => direction !== null);
  if (lanes.length === 0) return [];
  return view.tracks.flatMap((track) => (isMotor(track) && track.confirmed ? (find(track, lanes, view) ?? []) : []));
};

function find(track: RoadTrack, lanes: readonly SceneZone[], view: TrafficView): Finding | null {
  const limits = view.thresholds['wrong-way'];
  const isOpen = view.isOpen('wrong-way', [track.trackId]);
  const minSpeed = (limits.minSpeedKmh / KMH) * (isOpen ? HYSTERESIS_RATIO : 1);
  const clear: number[] = [];
  const run = lastRun(track.history, (point): Holding => {
    const speed = speedOf(point);
    if (speed < minSpeed) return isOpen ? 'maybe' : 'no';
    const against = (zone: SceneZone): boolean => degreesOff(zone, point.velocity) > limits.minDegrees;
    const under = view.scene.zonesAt(point.place, 'lane').filter(({ direction }) => direction !== null);
    if (under.length === 0 || !under.every(against)) return 'no';
    const way = lanes.filter((zone) => !against(zone));
    const apart = nearest(way, point.place);
    const error = acrossError(view, point, speed);
    clear.push(Math.min(apart, 10) / error);
    return apart >= MARGIN_METRES + error && speed - point.sd.speed >= minSpeed ? 'yes' : 'maybe';
  });
  if (run === null || !lasts(run, limits.minSeconds)) return null;
  if (clear.reduce((sum, ratio) => sum + ratio, 0) / clear.length < LEAST_MEAN_RATIO) return null;
  const [first, last] = [run.points[0], run.points.at(-1)];
  if (first === undefined || last === undefined || run.points.length < LEAST_POINTS) return null;
  const zone = view.scene.zonesAt(last.place, 'lane')[0];
  if (zone === undefined || !isFollowed(run.points, track.history)) return null;
  // Where it went, apart from the velocities: a track that jumps between two vehicles goes nowhere.
  const way: Metres = [last.place[0] - first.place[0], last.place[1] - first.place[1]];
  if (Math.hypot(...way) < LEAST_METRES || degreesOff(zone, way) < limits.minDegrees) return null;
  if (hasTurnedRound(track, way) || !goesThatWay(run.points, way, view)) return null;
  return {
    kind: 'wrong-way',
    trackIds: [track.trackId],
    onset: run.from,
    endedAt: run.endedAt,
    zone: zone.id,
    evidence: {
      speedKmh: median(run.points.map(speedOf)) * KMH,
      degrees: degreesOff(zone, last.velocity),
    },
    severity: 'high',
  };
}

/** True when its boxes are one vehicle's: it was not lost in between, nor found again after it had been. */
function isFollowed(points: readonly TrackPoint[], history: readonly TrackPoint[]): boolean {
  const gaps = points.slice(1).map(({ at }, i) => at - (points[i]?.at ?? at));
  if (Math.max(...gaps) > LOST_MS) return false;
  const from = points[0]?.at ?? 0;
  const before = history.findLast(({ at, box }) => at < from && box !== null);
  const wasLost = before !== undefined && from - before.at > DOUBT_MS;
  const isSeldom = gaps.every((gap) => gap > DOUBT_MS);
  return points.length >= DOUBT_POINTS || !(wasLost || isSeldom);
}

/** True when it drove the other way before. Nobody reverses at speed: such a track has mixed up two vehicles. */
const hasTurnedRound = ({ history }: RoadTrack, way: Metres): boolean =>
  history.some(
    (point) =>
      point.box !== null &&
      speedOf(point) > TURNED_SPEED + point.sd.speed &&
      (degreesBetween(point.velocity, way) ?? 0) > TURNED_DEGREES,
  );

/** True when most of its boxes, one after the other, went that way. */
function goesThatWay(points: readonly TrackPoint[], way: Metres, view: TrafficView): boolean {
  const length = Math.hypot(...way);
  const steps = rawVelocities(points, view.scene.plane).map(([x, y]) => (x * way[0] + y * way[1]) / length);
  return steps.filter((speed) => speed > LEAST_STEP_SPEED).length >= LEAST_STEPS_SHARE * steps.length;
}

const degreesOff = (zone: SceneZone, velocity: Metres): number =>
  zone.direction === null ? 0 : (degreesBetween(zone.direction, velocity) ?? 0);

/** Error of a place to the left and right of its way, m. */
function acrossError(view: TrafficView, point: TrackPoint, speed: number): number {
  const way: Metres = [point.velocity[0] / speed, point.velocity[1] / speed];
  return Math.max(0.1, placeError(view.scene.plane, point, leftOf(way)));
}
