import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { isCut } from './paths.ts';
import { DEGREES, degreesBetween, distance, isVehicle, KMH, nameOf, relativeTo, speedOf, unit } from './places.ts';

/** Slower points say nothing of the heading, m/s. */
const LEAST_SPEED = 1;
/** Between two headings that are used, m. */
const LEAST_STEP_METRES = 1;
/** Nobody turns round faster, m/s: a heading that flips at speed is a mistaken identity. */
const MOST_SPEED = 12;
/** A turn passes through the headings between; one step may turn by so much, degrees. */
const MOST_STEP_DEGREES = 110;
/** So wide at least is the turn of a two-wheeler and of a car, m: a car's turning circle is 9 m and more. */
const LEAST_WIDTH = { 'two-wheeler': 2.5, vehicle: 5.5 } as const;
/** A turn is seen in so many frames, with no longer time between two of them, ms. */
const LEAST_POINTS = 4;
const MOST_GAP_MS = 2_200;
/** Where it was not seen for so long, it turned no more than so much. */
const LONG_GAP_MS = 1_300;
const MOST_UNSEEN_DEGREES = 95;
/** Off the lane that it turned into by less than so much, degrees: as a turn that is nearly done. */
const INTO_LANE_DEGREES = 90;
/** Elsewhere (in a yard, or back along its own lane) it was seen all the time: in so many frames, ms apart at most. */
const WELL_SEEN_POINTS = 7;
const WELL_SEEN_GAP_MS = 1_100;
/** Between two of them it went as far as its speed says: off by so much of it, and so many metres. */
const OFF_SHARE = 0.5;
const OFF_METRES = 1.5;
/** All that it turned to and fro is at most so many times what it turned in the end. */
const MOST_TO_AND_FRO = 1.3;
/** An end that was turned into by so much from one frame to the next hangs on that frame, degrees; the next goes on. */
const SUDDEN_DEGREES = 40;
/** A turn that was completed longer ago was found then. */
const FOUND_WITHIN_MS = 6_000;

/**
 * A vehicle turns by `minDegrees` or more within `maxSeconds` and `maxMetres` (between the places where it began and
 * ended to turn). The turn is summed up over steps, so it must pass through the headings between. Evidence: speed
 * (km/h, median in the turn), degrees. The definition is our own: U-turn as of the Vienna Convention on Road Traffic,
 * art. 14.
 */
export const findUTurns: EventFinder = (view) => {
  if (!view.thresholds['u-turn'].enabled) return [];
  return view.tracks.flatMap((track) => (isVehicle(track) && track.confirmed ? (find(track, view) ?? []) : []));
};

interface Step {
  readonly point: TrackPoint;
  /** Of the way since the step before, radians. */
  readonly heading: number;
}

function find(track: RoadTrack, view: TrafficView): Finding | null {
  const limits = view.thresholds['u-turn'];
  const steps = stepsOf(track.history, view.at - limits.maxSeconds * 1_000 - FOUND_WITHIN_MS);
  // Turned through up to each step; left is positive.
  let turned = 0;
  const sums = steps.map((step, i) => (turned += i === 0 ? 0 : turn(steps[i - 1], step)));
  // The earliest end of the turn, and its latest beginning.
  for (let end = 1; end < steps.length; end++) {
    const last = steps[end];
    if (last === undefined) break;
    for (let start = end - 1; start >= 0; start--) {
      const first = steps[start];
      if (first === undefined || last.point.at - first.point.at > limits.maxSeconds * 1_000) break;
      const degrees = Math.abs((sums[end] ?? 0) - (sums[start] ?? 0)) * DEGREES;
      if (degrees < limits.minDegrees || distance(first.point.place, last.point.place) > limits.maxMetres) continue;
      const points = steps.slice(start, end + 1);
      if (!isTurn(track, points, sums.slice(start, end + 1)) || !hasEnded(points, steps[end + 1], view)) continue;
      return view.at - last.point.at > FOUND_WITHIN_MS ? null : finding(track, points, degrees, view);
    }
  }
  return null;
}

function finding(track: RoadTrack, steps: readonly Step[], degrees: number, view: TrafficView): Finding | null {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return null;
  const speeds = steps.map(({ point }) => speedOf(point)).toSorted((a, b) => a - b);
  return {
    kind: 'u-turn',
    trackIds: [track.trackId],
    onset: first.point.at,
    endedAt: last.point.at,
    zone: nameOf(view.scene.zonesAt(last.point.place)),
    evidence: { speedKmh: (speeds[Math.floor(speeds.length / 2)] ?? 0) * KMH, degrees: Math.min(180, degrees) },
    severity: 'medium',
  };
}

/** Points far enough apart to give a heading, oldest first. */
function stepsOf(history: readonly TrackPoint[], since: number): readonly Step[] {
  const steps: Step[] = [];
  let before: TrackPoint | null = null;
  for (const point of history) {
    if (point.at < since || point.box === null) continue;
    if (before === null) before = point;
    const metres = distance(before.place, point.place);
    const clear = Math.max(LEAST_STEP_METRES, 1.5 * Math.max(before.sd.place, point.sd.place));
    if (metres < clear || speedOf(point) < LEAST_SPEED) continue;
    const heading = Math.atan2(point.velocity[1], point.velocity[0]);
    steps.push({ point, heading });
    before = point;
  }
  return steps;
}

const turn = (from: Step | undefined, to: Step): number =>
  from === undefined ? 0 : Math.atan2(Math.sin(to.heading - from.heading), Math.cos(to.heading - from.heading));

/** True when it is seen how the turn ended, all of its boxes being whole. `next`: the step after it. */
function hasEnded(steps: readonly Step[], next: Step | undefined, view: TrafficView): boolean {
  const last = steps.at(-1);
  if (last === undefined || steps.some((step) => isCutOff(step, view))) return false;
  if (isSudden(steps.at(-2), last) && isSudden(last, next)) return false;
  return isIntoLane(last, view) || isWellSeen(steps);
}

/** True when the heading is another in the next frame, or there is none. */
const isSudden = (from: Step | undefined, to: Step | undefined): boolean =>
  from === undefined || to === undefined || Math.abs(turn(from, to)) * DEGREES > SUDDEN_DEGREES;

/** The foot of a box at the edge of the picture is not that of its vehicle. */
const isCutOff = ({ point: { box } }: Step, { picture }: TrafficView): boolean => box !== null && isCut(box, picture);

/** True when it ends in a lane that runs its way; and in a scene without lanes, where nobody can tell. */
function isIntoLane({ point, heading }: Step, { scene }: TrafficView): boolean {
  if (!scene.zones.some(({ kind, direction }) => kind === 'lane' && direction !== null)) return true;
  return scene
    .zonesAt(point.place, 'lane')
    .some(
      ({ direction }) => direction !== null && (degreesBetween(direction, unit(heading)) ?? 180) < INTO_LANE_DEGREES,
    );
}

const isWellSeen = (steps: readonly Step[]): boolean =>
  steps.length >= WELL_SEEN_POINTS &&
  steps.slice(1).every(({ point }, i) => point.at - (steps[i]?.point.at ?? 0) <= WELL_SEEN_GAP_MS);

/** False where the heading flips between two vehicles, rather than turns with one. */
function isTurn(track: RoadTrack, steps: readonly Step[], sums: readonly number[]): boolean {
  const turns = sums.slice(1).map((sum, i) => Math.abs(sum - (sums[i] ?? 0)));
  const total = Math.abs((sums.at(-1) ?? 0) - (sums[0] ?? 0));
  if (steps.length < LEAST_POINTS || Math.max(...turns) * DEGREES > MOST_STEP_DEGREES) return false;
  if (turns.reduce((sum, angle) => sum + angle, 0) > MOST_TO_AND_FRO * total) return false;
  if (steps.some(({ point }) => speedOf(point) > MOST_SPEED)) return false;
  if (!steps.slice(1).every((step, i) => goesOn(steps[i] ?? step, step))) return false;
  return width(steps) >= LEAST_WIDTH[track.kind === 'two-wheeler' ? 'two-wheeler' : 'vehicle'];
}

/** True when one vehicle can have gone from one point to the next. */
function goesOn(before: Step, next: Step): boolean {
  const [from, to] = [before.point, next.point];
  if (to.at - from.at > MOST_GAP_MS) return false;
  if (to.at - from.at > LONG_GAP_MS && Math.abs(turn(before, next)) * DEGREES > MOST_UNSEEN_DEGREES) return false;
  const expected = (((speedOf(from) + speedOf(to)) / 2) * (to.at - from.at)) / 1_000;
  // The chord of a bend is shorter than the bend.
  return Math.abs(distance(from.place, to.place) - expected) <= OFF_SHARE * expected + OFF_METRES;
}

/** How far apart the way there and the way back lie, m: seen along either. */
function width(steps: readonly Step[]): number {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return 0;
  const across = ({ heading }: Step): number =>
    Math.abs(relativeTo(first.point.place, unit(heading), last.point.place).left);
  return Math.min(across(first), across(last));
}
