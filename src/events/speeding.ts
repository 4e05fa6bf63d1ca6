import type { RoadPlane, Scene, SceneZone } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { isMotor, KMH, nameOf, nearest, speedOf } from './places.ts';
import { type Holding, lastRun, type Run } from './condition-runs.ts';

/** Without calibration speeds are estimates, and so much more is asked for. */
const UNCALIBRATED_RATIO = 1.2;
const HYSTERESIS_RATIO = 0.95;
/**
 * Seen so often; so often while it was fast, or less often when it is well known; so much of the time without doubt;
 * and never lost for so long, ms.
 */
const LEAST_HITS = 4;
const LEAST_POINTS = 3;
const WELL_KNOWN_HITS = 12;
const WELL_KNOWN_POINTS = 2;
const LEAST_SURE = 0.5;
const LOST_MS = 2_200;
/** A place that is known so badly, m, and lies so far from where vehicles drive is an error, and so is its speed. */
const UNSURE_METRES = 1.5;
const OFF_LANE_METRES = 2;
/**
 * Between the last slower point and the first faster one the speed is taken to grow evenly, over so many ms at most.
 */
const GAP_MS = 4_500;
/** Nobody loses more unless in danger, m/s²; for so many ms. */
const MOST_LOSS = 6;
const MOST_UNSEEN_MS = 1_000;
/** No car gains more, m/s²; looked at from so long before, in steps of so many ms. */
const MOST_GAIN = 3.7;
const LOOK_MS = 6_000;
const STEP_MS = 2_400;
/** Times the limit: from here on it is medium, and high. */
const MEDIUM_RATIO = 1.4;
const HIGH_RATIO = 1.8;

/**
 * A motor vehicle is faster than `minLimitRatio` times the limit of its place for more than `minSeconds`; by more than
 * the standard error of its speed, that of the calibration included, for half of that. Evidence: speed (km/h, the
 * highest, less noise: the third quartile of the run), limit (km/h). Definition: excess speed by a tolerance in
 * proportion, as enforcement does (ACPO speed enforcement policy guidelines 2011-2015: 10 % + 2 mph and above).
 */
export const findSpeeding: EventFinder = (view) => {
  if (!view.thresholds.speeding.enabled) return [];
  return view.tracks.flatMap((track) => (isMotor(track) && track.confirmed ? (find(track, view) ?? []) : []));
};

function find(track: RoadTrack, view: TrafficView): Finding | null {
  const limits = view.thresholds.speeding;
  const ratio =
    limits.minLimitRatio *
    (view.scene.plane.calibrated ? 1 : UNCALIBRATED_RATIO) *
    (view.isOpen('speeding', [track.trackId]) ? HYSTERESIS_RATIO : 1);
  if (track.hits < LEAST_HITS) return null;
  const lanes = drivenZones(view.scene);
  const run = lastRun(track.history, (point): Holding => {
    const limit = view.scene.limitKmhAt(point.place);
    if (limit === null) return 'no';
    const speed = speedOf(point);
    const least = (limit * ratio) / KMH;
    if (speed <= least) return 'no';
    const error = Math.hypot(point.sd.speed, speed * scaleDoubtAt(point, view.scene.plane));
    if (speed - error > least && !isOffLane(point, lanes)) return 'yes';
    return 'maybe';
  });
  const last = run?.points.at(-1);
  if (run === null || last === undefined || run.sure < LEAST_SURE || !isFollowed(run, track)) return null;
  const limitKmh = view.scene.limitKmhAt(last.place);
  const least = ((limitKmh ?? 0) * ratio) / KMH;
  const onset = passedAt(run, track.history, least);
  const until = run.to + stillFastFor(run, last, least, view.at);
  if (until - onset < limits.minSeconds * 1_000 || isImplausible(track.history, onset)) return null;
  const speeds = run.points.map(speedOf).toSorted((a, b) => a - b);
  const speedKmh = (speeds[Math.floor(0.75 * (speeds.length - 1))] ?? 0) * KMH;
  const excess = limitKmh === null ? 0 : speedKmh / limitKmh;
  return {
    kind: 'speeding',
    trackIds: [track.trackId],
    onset,
    endedAt: run.endedAt,
    zone: nameOf(view.scene.zonesAt(last.place, 'lane')),
    evidence: { speedKmh, limitKmh },
    severity: excess >= HIGH_RATIO ? 'high' : excess >= MEDIUM_RATIO ? 'medium' : 'low',
  };
}

const drivenZones = (scene: Scene): readonly SceneZone[] =>
  scene.zones.filter(({ kind }) => kind === 'lane' || kind === 'junction' || kind === 'shoulder');

/** All speeds at a place are off alike where the calibration is: no more looks tell better. */
function scaleDoubtAt({ place }: TrackPoint, plane: RoadPlane): number {
  const pixel = plane.toImage(place);
  return pixel === null ? 0 : (plane.scaleDoubt?.(pixel) ?? 0);
}

const isOffLane = ({ place, sd }: TrackPoint, lanes: readonly SceneZone[]): boolean =>
  sd.place > UNSURE_METRES && lanes.length > 0 && nearest(lanes, place) > OFF_LANE_METRES;

/** True when it was seen often enough while it was fast: one that was lost for long may be another. */
const isFollowed = ({ points }: Run, { hits }: RoadTrack): boolean =>
  points.length >= (hits >= WELL_KNOWN_HITS ? WELL_KNOWN_POINTS : LEAST_POINTS) &&
  points.slice(1).every(({ at }, i) => at - (points[i]?.at ?? at) <= LOST_MS);

/** ms for which one that is out of sight is still faster, even if it brakes. */
function stillFastFor(run: Run, last: TrackPoint, least: number, now: number): number {
  if (run.endedAt !== null || last.at !== run.to) return 0;
  const spare = speedOf(last) - last.sd.speed - least;
  return Math.max(0, Math.min(now - last.at, MOST_UNSEEN_MS, (spare / MOST_LOSS) * 1_000));
}

/** Epoch ms in which it passed the speed, between the last slower point and the first faster one. */
function passedAt(run: Run, history: readonly TrackPoint[], speed: number): number {
  const first = run.points[0];
  const before = history.findLast(({ at, box }) => at < run.from && box !== null);
  if (first === undefined || before === undefined || run.from - before.at > GAP_MS) return run.from;
  const [slower, faster] = [speedOf(before), speedOf(first)];
  if (faster <= slower) return run.from;
  const share = Math.min(1, Math.max(0, (faster - speed) / (faster - slower)));
  return run.from - share * (run.from - before.at);
}

/** True when it gained speed as no car does: it has been mixed up with another. */
function isImplausible(history: readonly TrackPoint[], onset: number): boolean {
  let before: TrackPoint | null = null;
  for (const point of history) {
    if (point.box === null || point.at < onset - LOOK_MS) continue;
    if (before !== null && point.at - before.at < STEP_MS) continue;
    if (before !== null) {
      const seconds = (point.at - before.at) / 1_000;
      const gain = (speedOf(point) - speedOf(before)) / seconds;
      if (gain > MOST_GAIN) return true;
    }
    before = point;
  }
  return false;
}
