import type { Box, ObjectClass } from '../messages/detection.ts';
import { iou } from './geometry.ts';

export interface Scored {
  readonly class: ObjectClass;
  readonly confidence: number;
  readonly bbox: Box;
}

export interface SuppressionOptions {
  /** Boxes of one class that overlap the surer one by more than this are dropped, 0..1. */
  readonly iou: number;
  /** At most this many are kept, the surest first. */
  readonly maxDetections: number;
}

/** Classes that detectors mix up; boxes this alike are one vehicle seen as two classes, not two vehicles. */
const VEHICLES: ReadonlySet<ObjectClass> = new Set<ObjectClass>(['car', 'bus', 'truck']);
const TWIN_IOU = 0.75;

/** At most this many candidates are compared, the surest first: bounds the time for a noisy model. */
const MAX_CANDIDATES = 2000;

/**
 * Class-wise greedy non-maximum suppression (Dalal and Triggs, CVPR 2005; per class as in Felzenszwalb et al., PAMI
 * 2010), surest first. Beyond it, a car, bus or truck that covers a surer one of another of these classes by more
 * than 0.75 is dropped too: kept, it would stand in the traffic picture as a second vehicle at distance zero.
 */
export function suppress<T extends Scored>(candidates: readonly T[], options: SuppressionOptions): T[] {
  const kept: T[] = [];
  const byConfidence = candidates.toSorted((a, b) => b.confidence - a.confidence);
  for (const candidate of byConfidence.slice(0, MAX_CANDIDATES)) {
    if (kept.length >= options.maxDetections) break;
    if (!kept.some((surer) => isSame(surer, candidate, options.iou))) kept.push(candidate);
  }
  return kept;
}

function isSame(surer: Scored, other: Scored, limit: number): boolean {
  if (surer.class === other.class) return iou(surer.bbox, other.bbox) > limit;
  return VEHICLES.has(surer.class) && VEHICLES.has(other.class) && iou(surer.bbox, other.bbox) > TWIN_IOU;
}
