import type { Metres } from '../scene/scene.types.ts';
import { footOf, middleOf } from '../tracking/sighting.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { TrafficView } from './events.types.ts';
import { isCut, STEP_MS, WINDOW_MS } from './paths.ts';
import { relativeTo, speedOf } from './places.ts';

/** A change of speed that was fitted to the observed places of one road user. */
export interface Braking {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** m/s² over that time, positive; its standard deviation. */
  readonly deceleration: number;
  readonly sd: number;
  /** m/s before and after. */
  readonly fromSpeed: number;
  readonly toSpeed: number;
  /** Probability that the deceleration is above the one asked for, 0..1. */
  readonly probability: number;
}

/** One look at a road user: how far along its way it was, m, with a standard deviation. */
interface Look {
  readonly seconds: number;
  readonly along: number;
  readonly sd: number;
}

/** Around the steepest drop of the speed, s. */
const BEFORE = 3;
const AFTER = 2;
/** Steps of the times at which braking begins and ends, s. */
const GRID = 0.2;
/** Shortest and longest time of braking that is tried, s. */
const SHORTEST = 0.4;
const LONGEST = 6;
/** Before the first look, s. */
const BEGUN_BEFORE = 2.4;
/** Long times of braking in steps of so much of them. */
const COARSER = 0.15;
/** m/s */
const TOP_SPEED = 60;
/** A drop of the speed over a second that is worth the fit, m/s. */
const LEAST_DROP = 2.5;
/** The model is not the whole truth: added to the standard deviation of each look, m. */
const MODEL_SD = 0.1;
/** Errors of boxes have longer tails than a normal distribution, and last: each look says less than its error does. */
const TEMPERED = 1.25;
/** A look further off than so many standard deviations is left out. */
const OUTLIER = 3;
/** Slower than this, a velocity says nothing about the direction, m/s. */
const MOVING = 1;
/** Fewer looks say nothing. */
const LEAST_LOOKS = 5;
/** Squared deviations in standard deviations, per look, with which the best fit is still believed. */
const WORST_MISFIT = 2.5;
/** Before it brakes: looks, and s. */
const KNOWN_LOOKS = 3;
const KNOWN_SECONDS = 0.6;
/** Looks that are too old for the fit say that it is still the same one, ms. */
const KNOWN_BEFORE_MS = 2_000;
/** Emergency stops among all braking. */
const RARE = 0.1;

/** Not seen for so long, ms, it may be another when it is found again: so far aside of its way, m. */
const UNSEEN_MS = 900;
const ASIDE_METRES = 2;
/** Its way is that of so long before: later ones are smoothed towards the place where it was found. ms */
const STEADY_MS = 700;
/** Slower than this it may turn on the spot, m/s. */
const ON_ITS_WAY = 4;

type Place = Pick<TrafficView, 'scene' | 'picture'>;

/** The direction of travel: that of the last point at which it moved. */
function directionsOf(points: readonly TrackPoint[]): readonly Metres[] {
  const moves = (point: TrackPoint): boolean => speedOf(point) > MOVING;
  let last = points.find(moves) ?? points[0];
  return points.map((point) => {
    if (moves(point)) last = point;
    const [x, y] = last?.velocity ?? [1, 0];
    const speed = Math.max(Math.hypot(x, y), 1e-6);
    return [x / speed, y / speed];
  });
}

/**
 * Looks along the smoothed way, so that a turn is no braking; how far it was at each comes from its box, as the
 * smoothed place knows the places after it and before it too well to say when it changed its speed.
 */
function looksOf(track: RoadTrack, { scene, picture }: Place, from: number, to: number): Look[] {
  const points = track.history.filter(({ at }) => at >= from && at <= to);
  const directions = directionsOf(points);
  const looks: Look[] = [];
  let way = 0;
  let seenAt: number | null = null;
  for (const [i, point] of points.entries()) {
    const [ux, uy] = directions[i] ?? [1, 0];
    const before = points[i - 1];
    if (before !== undefined) way += (point.place[0] - before.place[0]) * ux + (point.place[1] - before.place[1]) * uy;
    const foot = point.box === null || isCut(point.box, picture) ? null : footOf(point.box, scene, picture);
    if (foot === null) continue;
    const seconds = seenAt === null ? null : (point.at - seenAt) / 1000;
    const { place, cov } = middleOf(foot, track.size, Math.atan2(uy, ux), seconds);
    seenAt = point.at;
    const off = (place[0] - point.place[0]) * ux + (place[1] - point.place[1]) * uy;
    const sd = Math.sqrt(ux * ux * cov[0] + 2 * ux * uy * cov[1] + uy * uy * cov[2] + MODEL_SD * MODEL_SD);
    // A foot that is hidden or cut off by the edge of the picture says nothing.
    if (Math.abs(off) > OUTLIER * Math.hypot(sd, point.sd.place)) continue;
    looks.push({ seconds: (point.at - from) / 1000, along: way + off, sd: sd * TEMPERED });
  }
  return looks;
}

/** When the smoothed speed fell most within a second, epoch ms; null: it hardly did. */
function steepest(track: RoadTrack): number | null {
  let best = LEAST_DROP;
  let at: number | null = null;
  const points = track.history.filter((point) => point.at > track.seenAt - WINDOW_MS && point.at <= track.seenAt);
  let early = 0;
  for (const point of points) {
    while ((points[early]?.at ?? point.at) < point.at - 1000 - STEP_MS / 2) early++;
    const before = points[early];
    if (before === undefined || before === point) continue;
    const seconds = Math.max(1, (point.at - before.at) / 1000);
    const drop = (speedOf(before) - speedOf(point)) / seconds;
    if (drop <= best) continue;
    best = drop;
    at = (point.at + before.at) / 2;
  }
  return at;
}

interface Fit {
  /** Twice the negative logarithm of the likelihood, but for a constant. */
  readonly misfit: number;
  readonly v0: number;
  readonly v1: number;
  /** Variance of `v0 - v1`. */
  readonly variance: number;
}

/**
 * Least squares for the way of somebody who drives at `v0` until `begin`, changes the speed evenly until `end`, and
 * goes on at `v1`: linear in the place at 0, v0 and v1.
 */
function fit(looks: readonly Look[], begin: number, end: number): Fit | null {
  // Normal equations of [place, v0, v1].
  let [n, a, b, aa, ab, bb, y, ay, by, yy] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (const { seconds, along, sd } of looks) {
    const w = 1 / (sd * sd);
    const braked = Math.max(0, Math.min(seconds, end) - begin);
    const half = (braked * braked) / (2 * (end - begin));
    const q = half + Math.max(0, seconds - end);
    const p = seconds - q;
    n += w;
    a += w * p;
    b += w * q;
    aa += w * p * p;
    ab += w * p * q;
    bb += w * q * q;
    y += w * along;
    ay += w * p * along;
    by += w * q * along;
    yy += w * along * along;
  }
  // Without the place: centred.
  const [caa, cab, cbb] = [aa - (a * a) / n, ab - (a * b) / n, bb - (b * b) / n];
  const [cay, cby, cyy] = [ay - (a * y) / n, by - (b * y) / n, yy - (y * y) / n];
  const determinant = caa * cbb - cab * cab;
  if (determinant <= 1e-9 * caa * cbb) return null;
  const v0 = (cay * cbb - cby * cab) / determinant;
  const v1 = (cby * caa - cay * cab) / determinant;
  const misfit = Math.max(0, cyy - v0 * cay - v1 * cby);
  return { misfit, v0, v1, variance: (caa + cbb + 2 * cab) / determinant };
}

/** A normal distribution in seven steps: standard deviations from the mean, and shares. */
const NORMAL = [-2.25, -1.5, -0.75, 0, 0.75, 1.5, 2.25].map((z): [number, number] => [z, Math.exp((-z * z) / 2)]);

/**
 * How common a deceleration is among drivers who slow down, not normalised: under 3.5 m/s² it is ordinary, up to the
 * grip of tyres (about 10) an emergency, and beyond it takes a crash.
 */
function prior(a: number): number {
  if (a < 4) return 1;
  if (a < 6) return 1 + ((a - 4) / 2) * (RARE - 1);
  return a < 11 ? RARE : RARE * Math.exp(-(a - 11) / 2);
}

/** Tracks don't change: each is searched once for all finders that ask. */
const found = new WeakMap<RoadTrack, Map<number, Braking | null>>();

/**
 * The hardest change of speed of a track in the last `WINDOW_MS`, with the probability that it was harder than `least`
 * m/s²: the mean over all times of beginning and end on a grid, each weighted by how well the places that were seen
 * agree with it. Null: the speed hardly fell, or was not seen often enough.
 */
export function hardestBraking(track: RoadTrack, place: Place, least: number): Braking | null {
  const known = found.get(track) ?? new Map<number, Braking | null>();
  found.set(track, known);
  const before = known.get(least);
  if (before !== undefined) return before;
  const braking = search(track, place, least);
  known.set(least, braking);
  return braking;
}

/**
 * Seen long enough before it brakes to know its speed: one that was just born may have been another. `seen` in seconds,
 * oldest first.
 */
function isKnown(seen: readonly number[], begin: number): boolean {
  const first = seen[0] ?? begin;
  return begin - first >= KNOWN_SECONDS && seen.filter((seconds) => seconds <= begin + GRID).length >= KNOWN_LOOKS;
}

interface TimedFit extends Fit {
  readonly begin: number;
  readonly end: number;
  /** Its speed before was seen. */
  readonly known: boolean;
}

/** A fit for each beginning and end on the grid. `before`: when it was seen before the looks, s. */
function fitsOf(looks: readonly Look[], before: readonly number[]): readonly TimedFit[] {
  const fits: TimedFit[] = [];
  const [first, last] = [looks[0]?.seconds ?? 0, looks.at(-1)?.seconds ?? 0];
  const seen = [...before, ...looks.map(({ seconds }) => seconds)];
  // It may brake since before the first look: ordinary braking takes long.
  for (let begin = first - BEGUN_BEFORE; begin <= last - SHORTEST; begin += GRID) {
    const known = isKnown(seen, begin);
    const latest = Math.min(last + GRID, begin + LONGEST);
    for (let end = Math.max(begin, first) + SHORTEST; end <= latest; end += Math.max(GRID, (end - begin) * COARSER)) {
      const one = fit(looks, begin, end);
      if (one !== null && one.v1 > -1.5 && one.v0 < TOP_SPEED) fits.push({ ...one, begin, end, known });
    }
  }
  return fits;
}

/** The mean of the fits, each weighted by its likelihood and the prior of its deceleration. */
function meanOf(fits: readonly TimedFit[], best: number, least: number, from: number): Braking | null {
  const sums = { weight: 0, begin: 0, end: 0, v0: 0, v1: 0, a: 0, aa: 0, probability: 0 };
  for (const { misfit, begin, end, known, v0, v1, variance } of fits) {
    const likelihood = Math.exp((best - misfit) / 2);
    if (likelihood < 1e-4) continue;
    const seconds = end - begin;
    const spread = Math.sqrt(variance) / seconds;
    for (const [deviations, share] of NORMAL) {
      const a = (v0 - v1) / seconds + deviations * spread;
      const weight = likelihood * share * prior(a);
      sums.weight += weight;
      sums.begin += weight * begin;
      sums.end += weight * end;
      sums.v0 += weight * v0;
      sums.v1 += weight * v1;
      sums.a += weight * a;
      sums.aa += weight * a * a;
      if (a > least && known) sums.probability += weight;
    }
  }
  const { weight } = sums;
  if (!(weight > 0)) return null;
  const deceleration = sums.a / weight;
  return {
    from: from + (sums.begin / weight) * 1000,
    to: from + (sums.end / weight) * 1000,
    deceleration,
    sd: Math.sqrt(Math.max(0, sums.aa / weight - deceleration * deceleration)),
    fromSpeed: sums.v0 / weight,
    toSpeed: Math.max(0, sums.v1 / weight),
    probability: sums.probability / weight,
  };
}

/**
 * True when it was found far aside after a gap: tyres that brake hard have little grip left to steer with, and one that
 * stands beside the way is taken for one that has just stopped on it.
 */
function wasMistaken(seen: readonly TrackPoint[]): boolean {
  return seen.some((point, i) => {
    const before = seen[i - 1];
    if (before === undefined || point.at - before.at < UNSEEN_MS) return false;
    const steady = seen.findLast(({ at }) => before.at - at >= STEADY_MS) ?? before;
    const speed = speedOf(steady);
    if (speed < ON_ITS_WAY) return false;
    const way: Metres = [steady.velocity[0] / speed, steady.velocity[1] / speed];
    return Math.abs(relativeTo(before.place, way, point.place).left) > ASIDE_METRES;
  });
}

function search(track: RoadTrack, place: Place, least: number): Braking | null {
  const middle = steepest(track);
  if (middle === null) return null;
  const from = middle - BEFORE * 1000;
  const looks = looksOf(track, place, from, Math.min(track.seenAt, middle + AFTER * 1000));
  if (looks.length < LEAST_LOOKS) return null;
  const seen = track.history.filter(({ at, box }) => box !== null && at >= from - KNOWN_BEFORE_MS);
  if (wasMistaken(seen)) return null;
  const before = seen.filter(({ at }) => at < from);
  const fits = fitsOf(
    looks,
    before.map(({ at }) => (at - from) / 1000),
  );
  const best = Math.min(...fits.map(({ misfit }) => misfit));
  // Another was taken for this one amid the looks, or the road is not as flat as the plane.
  if (!(best <= WORST_MISFIT * Math.max(looks.length - 3, 1))) return null;
  return meanOf(fits, best, least, from);
}
