import type { Box, ObjectClass } from '../messages/detection.ts';
import { OBJECT_CLASSES } from '../messages/scene-constants.ts';
import type { Size3 } from '../scene/scene.types.ts';
import { SIZES } from '../scene/sizes.ts';
import { KIND_OF } from './road-users.ts';
import { reach, type BoxErrors, type Cut, type Foot } from './sighting.ts';

/**
 * Height and width of a box against those that its road user's size, heading and place let expect, as logarithms: near
 * 0, and the same from picture to picture.
 */
export type SizeRatio = readonly [number, number];

/**
 * Height in px of a box around something so high and so deep, m. A metre along the road is seen as the sine of the
 * angle at which the camera looks down. `scale` in m per px.
 */
export function heightInPicture(height: number, depth: number, scale: Pick<Foot, 'across' | 'along'>): number {
  const sine = Math.min(1, scale.across / scale.along);
  return (height * Math.sqrt(1 - sine ** 2) + depth * sine) / scale.across;
}

/** Height and width in px of the box around a road user. */
export function expectedSize(foot: Foot, size: Size3, heading: number | null): readonly [number, number] {
  const depth = 2 * reach(size, heading, foot.away);
  const breadth = 2 * reach(size, heading, [-foot.away[1], foot.away[0]]);
  return [heightInPicture(size.height, depth, foot), breadth / foot.across];
}

/** Classes by their kind. */
const CLASSES_OF = Map.groupBy(OBJECT_CLASSES, (name) => KIND_OF[name]);

export function ratioOf(box: Box, foot: Foot, size: Size3, heading: number | null): SizeRatio {
  const [height, width] = expectedSize(foot, size, heading);
  return [Math.log((box[3] - box[1]) / height), Math.log((box[2] - box[0]) / width)];
}

/** Road users of one class differ by so much in size, scales are off by as much (logarithm). */
const CLASS_SIZE_SD = 0.3;
const LEAST_VOTE = 0.05;

/**
 * How well the size of a box fits the class that a detector gave it, against the one of its kind that fits best, 0..1.
 * A car that is taken for a bus has no bus's size.
 */
export function classFit(name: ObjectClass, box: Box, foot: Foot, heading: number | null): number {
  const misfit = (other: ObjectClass): number => {
    const [high, wide] = ratioOf(box, foot, SIZES[other], heading);
    return high ** 2 + 0.25 * wide ** 2;
  };
  const least = Math.min(...(CLASSES_OF.get(KIND_OF[name]) ?? [name]).map(misfit));
  return Math.max(LEAST_VOTE, Math.exp((least - misfit(name)) / (2 * CLASS_SIZE_SD ** 2)));
}

/** A track's box is cut when it is shorter than expected by more than this (logarithm). */
const CUT = 0.16;
/** Of one that was seen seldom. */
const CUT_AT_FIRST = 0.3;
/** So many sightings tell its size. */
const KNOWN_HITS = 4;
/**
 * Errors of the foot as a share of the box's height: from its bottom, from its bottom and its top, from its top alone.
 */
const BOTTOM_SHARE = 0.03;
const BOTH_SHARE = 0.023;
const TOP_SHARE = 0.05;
const TOP_SHARE_AT_FIRST = 0.12;
/** Errors of the middle as a share of the box's width, where its sides are seen, and where one is. */
const MIDDLE_SHARE = 0.022;
const SIDE_SHARE = 0.06;
const SIDE_SHARE_AT_FIRST = 0.15;

/** All that is known of the size and heading of a track. */
export interface Shape {
  readonly size: Size3;
  readonly heading: number | null;
  readonly ratio: SizeRatio;
  readonly hits: number;
}

/** A box made whole, and how far it may be off. */
export interface WholeBox {
  readonly box: Box;
  readonly errors: BoxErrors;
  readonly isCut: boolean;
}

/**
 * The box as it would be if all of the road user were seen. Null: the box tells as much as can be known.
 * `isHidden`: another may stand before its foot.
 */
export function wholeBox(
  box: Box,
  foot: Foot,
  { size, heading, ratio, hits }: Shape,
  { isHidden, cut }: { readonly isHidden: boolean; readonly cut: Cut | null },
): WholeBox | null {
  const [height, width] = expectedSize(foot, size, heading);
  const isKnown = hits >= KNOWN_HITS;
  if (cut !== null) return uncut(box, [height * Math.exp(ratio[0]), width * Math.exp(ratio[1])], cut, isKnown);
  const expected = height * Math.exp(ratio[0]);
  const shorter = Math.log(expected / (box[3] - box[1]));
  if (isHidden && shorter > (isKnown ? CUT : CUT_AT_FIRST)) {
    const share = isKnown ? TOP_SHARE : TOP_SHARE_AT_FIRST;
    return {
      box: [box[0], box[1], box[2], box[1] + expected],
      errors: { foot: share, middle: MIDDLE_SHARE },
      isCut: true,
    };
  }
  if (!isKnown || Math.abs(shorter) > CUT) return null;
  return {
    box: [box[0], box[1], box[2], (box[1] + box[3] + expected) / 2],
    errors: { foot: BOTH_SHARE, middle: MIDDLE_SHARE },
    isCut: false,
  };
}

/** A box without the cut by the picture's edges; null where opposite edges cut it. */
function uncut(
  [x1, y1, x2, y2]: Box,
  [height, width]: readonly [number, number],
  { left, right, top, bottom }: Cut,
  isKnown: boolean,
): WholeBox | null {
  if ((left && right) || (top && bottom)) return null;
  const wide = Math.max(width, x2 - x1);
  const high = Math.max(height, y2 - y1);
  return {
    box: [left ? x2 - wide : x1, y1, right ? x1 + wide : x2, bottom ? y1 + high : y2],
    errors: {
      foot: bottom ? (isKnown ? TOP_SHARE : TOP_SHARE_AT_FIRST) : BOTTOM_SHARE,
      middle: left || right ? (isKnown ? SIDE_SHARE : SIDE_SHARE_AT_FIRST) : MIDDLE_SHARE,
    },
    isCut: true,
  };
}
