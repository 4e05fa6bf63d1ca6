import type { Box, ObjectClass } from '../messages/detection.ts';
import { OBJECT_CLASSES } from '../messages/scene-constants.ts';
import type { Scene, Size3 } from '../scene/scene.types.ts';
import { SIZES } from '../scene/sizes.ts';
import {
  classFit,
  expectedSize,
  ratioOf,
  wholeBox,
  type Shape,
  type SizeRatio,
  type WholeBox,
} from './apparent-size.ts';
import { priorAt, type VelocityGuess } from './lane-prior.ts';
import { correct, innovation, speedOf, type Measured } from './motion-filter.ts';
import type { MotionState } from './motion-filter.ts';
import { MOTION, SLOW, STANDING_SPEED } from './road-users.ts';
import { middleOf, type BoxErrors, type Foot, type Sighting } from './sighting.ts';
import type { Moment, TrackState } from './track-state.types.ts';
import type { UserKind } from './tracking.types.ts';
import { settle } from './track-history.ts';
import { stateAt, Ways, type Prediction } from './ways.ts';

/** Sightings closer together count in proportion, ms. */
const FULL_EVIDENCE_MS = 500;
/** Squared Mahalanobis distance beyond which a box is taken as worse than usual. */
const ODD = 6;
/** How fast the ratio of sizes follows the boxes. */
const RATIO_GAIN = 0.2;
/** The size of one that comes nearer grows by so many px for each px that its foot goes down, at most. */
const MOST_GROWTH = 0.6;
/** Nobody gets on or off within a few sightings, but a two-wheeler is often missed: how fast the share follows. */
const RIDING_GAIN = 0.12;

export const newest = (track: TrackState): Moment => {
  const moment = track.moments.at(-1);
  if (moment === undefined) throw new Error('a track has moments');
  return moment;
};

export const sizeOf = (track: TrackState): Size3 => SIZES[track.class];

function speedSd({ mean, cov }: MotionState): number {
  const speed = Math.max(1e-6, Math.hypot(mean[2] ?? 0, mean[3] ?? 0));
  const [ux, uy] = [(mean[2] ?? 0) / speed, (mean[3] ?? 0) / speed];
  return Math.sqrt(ux * ux * (cov[14] ?? 0) + 2 * ux * uy * (cov[15] ?? 0) + uy * uy * (cov[21] ?? 0));
}

function headingOf(state: MotionState, before: number | null): number | null {
  const speed = speedOf(state);
  if (speed < SLOW || speed < 2 * speedSd(state)) return before;
  return Math.atan2(state.mean[3] ?? 0, state.mean[2] ?? 0);
}

const likeliest = (guesses: readonly VelocityGuess[]): VelocityGuess =>
  guesses.reduce((best, guess) => (guess.logWeight > best.logWeight ? guess : best));

type Seen = Pick<Moment, 'box' | 'foot' | 'isRiding'>;

function firstMoment(
  { box, foot, isRiding }: Seen,
  at: number,
  kind: UserKind,
  size: Size3,
  guesses: readonly VelocityGuess[],
  heading: number | null,
): Moment {
  const measured = middleOf(foot, size, heading, null);
  return {
    at,
    box,
    foot,
    isRiding,
    filtered: stateAt(measured, likeliest(guesses), MOTION[kind].acceleration),
    step: null,
    heading,
    stoodSince: null,
  };
}

/** Finds the foot of a box; `errors`: of one that was made whole. */
export type FootAt = (box: Box, errors?: BoxErrors) => Foot | null;

/**
 * The box made whole. The size to expect is that at its foot, and a hidden foot is nearer than the end of its box: the
 * two are found together, as sizes in a picture grow evenly towards the camera. So do the errors.
 */
function wholeOf(sighting: Sighting, shape: Shape, footAt: FootAt): WholeBox | null {
  const { box, cut } = sighting;
  const whole = wholeBox(box, sighting.foot, shape, sighting);
  const foot = whole?.isCut !== true || cut !== null ? null : footAt(whole.box, whole.errors);
  if (whole === null || foot === null) return whole;
  const [x1, y1, x2] = box;
  const first = whole.box[3] - y1;
  const second = expectedSize(foot, shape.size, shape.heading)[0] * Math.exp(shape.ratio[0]);
  const growth = Math.max(0, Math.min(MOST_GROWTH, (second - first) / (whole.box[3] - box[3])));
  const height = (first - growth * (box[3] - y1)) / (1 - growth);
  const errors = { ...whole.errors, foot: whole.errors.foot / (1 - growth) };
  return { ...whole, box: [x1, y1, x2, y1 + height], errors };
}

export function born(sighting: Sighting, at: number, scene: Scene, footAt: FootAt): TrackState {
  const { kind, confidence, box, isRiding } = sighting;
  const size = SIZES[sighting.class];
  const { guesses, heading } = priorAt(scene, sighting.foot.place, sighting.isRiding ? 'two-wheeler' : kind);
  const whole = wholeOf(sighting, { size, heading, ratio: [0, 0], hits: 0 }, footAt);
  const foot = (whole === null ? null : footAt(whole.box, whole.errors)) ?? sighting.foot;
  const [, wide] = ratioOf(box, foot, size, heading);
  const [high] = ratioOf(whole?.box ?? box, foot, size, heading);
  return {
    identity: { id: 0 },
    kind,
    class: sighting.class,
    votes: OBJECT_CLASSES.map((name) => (name === sighting.class ? voteOf(sighting, heading) : 0)),
    moments: [firstMoment({ box, foot, isRiding }, at, kind, size, guesses, heading)],
    settled: [],
    guesses,
    bornAt: at,
    seenAt: at,
    hits: 1,
    confidenceSum: confidence,
    evidence: 1,
    ratio: sighting.cut !== null ? [0, 0] : [high, wide],
    appearance: sighting.appearance,
    riding: isRiding ? 1 : 0,
    ridingHits: isRiding === null ? 0 : 1,
  };
}

/** Where a track may be. */
export const waysOf = (track: TrackState, at: number): Ways => new Ways(track.kind, newest(track), track.guesses, at);

/** A sighting as one of the track. */
export interface Fit {
  readonly foot: Foot;
  readonly measured: Measured;
  /** The box is cut: the size that it shows is not the road user's. */
  readonly isCut: boolean;
}

export function fit(track: TrackState, sighting: Sighting, at: number, footAt: FootAt): Fit {
  const moment = newest(track);
  const size = sizeOf(track);
  const shape = { size, heading: moment.heading, ratio: track.ratio, hits: track.hits };
  const whole = wholeOf(sighting, shape, footAt);
  const foot = (whole === null ? null : footAt(whole.box, whole.errors)) ?? sighting.foot;
  return {
    foot,
    measured: middleOf(foot, size, moment.heading, (at - moment.at) / 1000),
    isCut: sighting.cut !== null || (whole?.isCut ?? false),
  };
}

function nextMoment(
  kind: UserKind,
  before: Moment,
  way: Prediction,
  measured: Measured,
  { box, foot, isRiding }: Seen,
  at: number,
): Moment {
  const { distance } = innovation(way.step.to, measured);
  const worse = Math.max(1, distance / ODD);
  const [xx, xy, yy] = measured.cov;
  const filtered = correct(way.step.to, { place: measured.place, cov: [xx * worse, xy * worse, yy * worse] });
  return {
    at,
    box,
    foot,
    isRiding,
    filtered,
    step: way.step,
    heading: headingOf(filtered, before.heading),
    stoodSince: speedOf(filtered) < STANDING_SPEED[kind] ? (before.stoodSince ?? before.at) : null,
  };
}

/** The way of boxes anew: with another size, another heading at first or on another plane. Null: no boxes. */
function again(
  kind: UserKind,
  boxes: readonly (Seen & { readonly at: number })[],
  size: Size3,
  heading: number | null,
  guesses: readonly VelocityGuess[],
): readonly Moment[] | null {
  const [first, ...rest] = boxes;
  if (first === undefined) return null;
  const moments = [firstMoment(first, first.at, kind, size, guesses, heading)];
  for (const seen of rest) {
    const before = moments.at(-1);
    if (before === undefined) continue;
    const measured = middleOf(seen.foot, size, before.heading, (seen.at - before.at) / 1000);
    const { way } = new Ways(kind, before, moments.length === 1 ? guesses : [], seen.at).best(measured);
    moments.push(nextMoment(kind, before, way, measured, seen, seen.at));
  }
  return moments;
}

/** The track on another plane; null when its newest box is no place on it. */
export function onScene(track: TrackState, scene: Scene, footAt: FootAt): TrackState | null {
  const boxes = [...track.settled, ...track.moments].flatMap(({ at, box, isRiding }) => {
    const foot = box === null ? null : footAt(box);
    return box === null || foot === null ? [] : [{ at, box, foot, isRiding }];
  });
  const [first, last] = [boxes[0], boxes.at(-1)];
  if (first === undefined || last === undefined || last.at !== track.seenAt) return null;
  const { guesses, heading } = priorAt(scene, first.foot.place, track.riding > 0.5 ? 'two-wheeler' : track.kind);
  const moments = again(track.kind, boxes, sizeOf(track), heading, guesses);
  if (moments === null) return null;
  const ratio = ratioOf(last.box, last.foot, sizeOf(track), moments.at(-1)?.heading ?? null);
  return settle({ ...track, moments, settled: [], guesses: moments.length === 1 ? guesses : [], ratio });
}

function voted(votes: readonly number[], before: ObjectClass): ObjectClass {
  const most = Math.max(...votes);
  return votes[OBJECT_CLASSES.indexOf(before)] === most ? before : (OBJECT_CLASSES[votes.indexOf(most)] ?? before);
}

/** What a sighting says about the class: its confidence, less where the size of the box contradicts. */
function voteOf({ class: name, confidence, box, isHidden, foot, cut }: Sighting, heading: number | null): number {
  return confidence * (isHidden || cut !== null ? 0.5 : classFit(name, box, foot, heading));
}

const followed = (before: SizeRatio, now: SizeRatio, gain: number): SizeRatio => [
  before[0] + gain * (now[0] - before[0]),
  before[1] + gain * (now[1] - before[1]),
];

/** The track with one more sighting. */
export function continued(track: TrackState, way: Prediction, seen: Fit, sighting: Sighting, at: number): TrackState {
  const before = newest(track);
  const { box, confidence, isRiding } = sighting;
  const moment = nextMoment(track.kind, before, way, seen.measured, { box, foot: seen.foot, isRiding }, at);
  const vote = voteOf(sighting, moment.heading);
  const votes = track.votes.map((sum, i) => (OBJECT_CLASSES[i] === sighting.class ? sum + vote : sum));
  const name = voted(votes, track.class);
  const isTurned = before.heading === null && moment.heading !== null;
  const isAnother = (name !== track.class || isTurned) && track.settled.length === 0;
  const firstHeading = track.moments[0]?.heading ?? moment.heading;
  const all = [...track.moments, moment];
  const guesses = track.guesses.length > 0 ? track.guesses : [asGuess(track)];
  const moments = (isAnother ? again(track.kind, all, SIZES[name], firstHeading, guesses) : null) ?? all;
  const ratio = ratioOf(box, sighting.foot, SIZES[name], moments.at(-1)?.heading ?? null);
  const gain = seen.isCut ? 0 : Math.max(RATIO_GAIN, 1 / (track.hits + 1));
  return settle({
    ...track,
    class: name,
    votes,
    moments,
    guesses: [],
    seenAt: at,
    hits: track.hits + 1,
    confidenceSum: track.confidenceSum + confidence,
    evidence: track.evidence + Math.min(1, (at - track.seenAt) / FULL_EVIDENCE_MS),
    ratio: isAnother && !seen.isCut ? ratio : followed(track.ratio, ratio, gain),
    appearance: sighting.appearance ?? track.appearance,
    ...riddenOn(track, isRiding),
  });
}

/** A sighting whose feet are hidden says nothing. */
function riddenOn({ riding, ridingHits }: TrackState, isRiding: boolean | null) {
  if (isRiding === null) return { riding, ridingHits };
  const gain = Math.max(RIDING_GAIN, 1 / (ridingHits + 1));
  return { riding: riding + gain * ((isRiding ? 1 : 0) - riding), ridingHits: ridingHits + 1 };
}

/** The velocity with which a track began, as it turned out. */
function asGuess(track: TrackState): VelocityGuess {
  const first = track.moments[0] ?? newest(track);
  const { mean, cov } = first.filtered;
  return {
    velocity: [mean[2] ?? 0, mean[3] ?? 0],
    cov: [(cov[14] ?? 0) + 4, cov[15] ?? 0, (cov[21] ?? 0) + 4],
    logWeight: 0,
  };
}
