import type { Box, ObjectClass } from '../messages/detection.ts';
import { footPixel } from '../scene/box-foot.ts';
import type { Metres, Scene, Size3 } from '../scene/scene.types.ts';
import { iou } from '../vision/geometry.ts';
import type { Measured } from './motion-filter.ts';
import { KIND_OF } from './road-users.ts';
import type { TrackedDetection, UserKind } from './tracking.types.ts';

/** Size of the picture in px. */
export interface Picture {
  readonly width: number;
  readonly height: number;
}

/** A road user in one picture. */
export interface Sighting {
  /** Position among the frame's detections. */
  readonly index: number;
  readonly kind: UserKind;
  readonly class: ObjectClass;
  readonly confidence: number;
  readonly box: Box;
  readonly appearance: Float32Array | null;
  readonly foot: Foot;
  /** Another stands before its foot: the box may end above it. */
  readonly isHidden: boolean;
  /** An edge of the picture cuts the box: its size tells nothing. Null: none does. */
  readonly cut: Cut | null;
  /** A person on a two-wheeler that is seen, too. Null: another hides its feet, and with them any wheels. */
  readonly isRiding: boolean | null;
}

/** The edges of the picture that cut a box. */
export interface Cut {
  readonly left: boolean;
  readonly right: boolean;
  readonly top: boolean;
  readonly bottom: boolean;
}

/** How far a box may be off: its foot as a share of its height, its middle as a share of its width. */
export interface BoxErrors {
  readonly foot: number;
  readonly middle: number;
}

/** The bottom of a box on the road. */
export interface Foot {
  /** Where the middle of the bottom is, m. */
  readonly place: Metres;
  /** Unit vector away from the camera. */
  readonly away: Metres;
  /** One px in m, along `away` and across it. */
  readonly along: number;
  readonly across: number;
  /** Standard deviations in m. */
  readonly alongSd: number;
  readonly acrossSd: number;
}

/** A detector's boxes are off by so much of their height or width, but by so many px at least. */
const SIDE_SHARE = 0.03;
const MIDDLE_SHARE = 0.022;
const LEAST_PX = 0.6;
/** Where the foot is hidden behind another's box. */
const HIDDEN_SHARE = 0.06;
/**
 * Nearer to the edge than so many px, or so much of its height or width, a box is cut by it: boxes are off by as much.
 */
const EDGE = 2;
const EDGE_SHARE = 0.03;
/** Of the footprint's middle, whose size is a guess: standard deviation in m. */
const FOOTPRINT_SD = 0.12;
/** Two boxes of one kind with more IoU are one object. */
const TWIN_IOU = 0.7;
/** Errors of a box last about so many seconds: boxes closer in time tell less than independent ones. */
const ERROR_SECONDS = 0.125;

/** Whether `front` hides the foot of `box`: it stands nearer, and covers much of the bottom. */
export function hides(front: Box, box: Box): boolean {
  if (front[3] <= box[3] || front[1] >= box[3]) return false;
  const shared = Math.min(front[2], box[2]) - Math.max(front[0], box[0]);
  return shared > 0.3 * (box[2] - box[0]);
}

/** Whether a person's box is on a two-wheeler's. */
function rides(person: Box, wheels: Box): boolean {
  const shared = Math.min(person[2], wheels[2]) - Math.max(person[0], wheels[0]);
  const height = wheels[3] - wheels[1];
  return (
    shared > 0.5 * Math.min(person[2] - person[0], wheels[2] - wheels[0]) &&
    person[3] > wheels[1] &&
    person[3] < wheels[3] + 0.25 * height &&
    person[1] < wheels[1] + 0.25 * height
  );
}

const USUAL: BoxErrors = { foot: SIDE_SHARE, middle: MIDDLE_SHARE };

/**
 * Null where the bottom of the box is no place on the road. Where the picture cuts it, the foot may be anywhere beyond;
 * with `whole` it is a box that was made whole.
 */
export function footOf(box: Box, scene: Scene, picture: Picture | null, errors = USUAL, whole = false): Foot | null {
  const pixel = footPixel(box);
  const place = scene.plane.toRoad(pixel);
  const scale = scene.plane.metresPerPixel(pixel);
  if (place === null || scale === null) return null;
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  let footPx = Math.hypot(LEAST_PX, errors.foot * height);
  let middlePx = Math.hypot(LEAST_PX, errors.middle * width);
  const cut = whole ? null : cutOf(box, picture);
  if (cut?.bottom === true) footPx += height;
  if (cut?.left === true || cut?.right === true) middlePx += width / 2;
  return {
    place,
    away: scale.away,
    along: scale.along,
    across: scale.across,
    alongSd: Math.hypot(footPx * scale.along, FOOTPRINT_SD),
    acrossSd: Math.hypot(middlePx * scale.across, FOOTPRINT_SD),
  };
}

const isWheels = (detection: TrackedDetection): boolean => KIND_OF[detection.class] === 'two-wheeler';

/** See {@link Sighting.isRiding}. */
function isRiding(kind: UserKind, box: Box, detections: readonly TrackedDetection[], isHidden: boolean) {
  if (kind !== 'person') return false;
  if (detections.some((other) => isWheels(other) && rides(box, other.bbox))) return true;
  return isHidden ? null : false;
}

/** Null: no edge cuts it. */
function cutOf(box: Box, picture: Picture | null): Cut | null {
  if (picture === null) return null;
  const beside = Math.max(EDGE, EDGE_SHARE * (box[2] - box[0]));
  const above = Math.max(EDGE, EDGE_SHARE * (box[3] - box[1]));
  const cut: Cut = {
    left: box[0] <= beside,
    right: box[2] >= picture.width - beside,
    top: box[1] <= above,
    bottom: box[3] >= picture.height - above,
  };
  return cut.left || cut.right || cut.top || cut.bottom ? cut : null;
}

/**
 * The detections' road users; without those in a zone to ignore, beyond the horizon, and second boxes of one object.
 */
export function sightingsOf(
  detections: readonly TrackedDetection[],
  scene: Scene,
  picture: Picture | null,
): readonly Sighting[] {
  const byConfidence = [...detections.keys()].toSorted(
    (a, b) => (detections[b]?.confidence ?? 0) - (detections[a]?.confidence ?? 0) || a - b,
  );
  const kept: { readonly kind: UserKind; readonly box: Box }[] = [];
  const sightings: Sighting[] = [];
  for (const index of byConfidence) {
    const detection = detections[index];
    const kind = detection === undefined ? null : KIND_OF[detection.class];
    if (detection === undefined || kind === null) continue;
    const box = detection.bbox;
    if (kept.some((other) => other.kind === kind && iou(other.box, box) > TWIN_IOU)) continue;
    kept.push({ kind, box });
    if (scene.ignores(footPixel(box))) continue;
    const isHidden = detections.some(
      (other, at) => at !== index && KIND_OF[other.class] !== null && hides(other.bbox, box),
    );
    const foot = footOf(box, scene, picture, isHidden ? { ...USUAL, foot: HIDDEN_SHARE } : USUAL);
    if (foot === null) continue;
    sightings.push({
      index,
      kind,
      class: detection.class,
      confidence: detection.confidence,
      box,
      appearance: detection.appearance ?? null,
      foot,
      isHidden,
      cut: cutOf(box, picture),
      isRiding: isRiding(kind, box, detections, isHidden),
    });
  }
  return sightings.toSorted((a, b) => a.index - b.index);
}

/** How far the footprint of a road user reaches along a direction from its middle, m; its heading may be unknown. */
export function reach(size: Size3, heading: number | null, along: Metres): number {
  if (heading === null) return (size.length + size.width) / Math.PI;
  const cosine = Math.abs(Math.cos(heading) * along[0] + Math.sin(heading) * along[1]);
  return (size.length / 2) * cosine + (size.width / 2) * Math.sqrt(Math.max(0, 1 - cosine ** 2));
}

/**
 * The middle of the footprint: beyond the foot, away from the camera. `seconds`: since the box before, whose error this
 * one shares; null for the first.
 */
export function middleOf(foot: Foot, size: Size3, heading: number | null, seconds: number | null): Measured {
  const offset = reach(size, heading, foot.away);
  const [ux, uy] = foot.away;
  const shared = seconds === null ? 0 : Math.exp(-seconds / ERROR_SECONDS);
  const factor = (1 + shared) / (1 - Math.min(shared, 0.9));
  const unknown = heading === null ? (size.length - size.width) / 6 : 0;
  const along = (foot.alongSd ** 2 + unknown ** 2) * factor;
  const across = foot.acrossSd ** 2 * factor;
  return {
    place: [foot.place[0] + ux * offset, foot.place[1] + uy * offset],
    cov: [along * ux * ux + across * uy * uy, (along - across) * ux * uy, along * uy * uy + across * ux * ux],
  };
}
