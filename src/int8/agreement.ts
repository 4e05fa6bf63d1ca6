import type { ObjectClass } from '../messages/detection.ts';
import { iou } from '../vision/geometry.ts';
import type { RawDetection } from '../vision/vision.types.ts';

export interface ClassAgreement {
  readonly class: ObjectClass;
  /** Detections of the float network. */
  readonly float: number;
  /** Detections of the other. */
  readonly int8: number;
  /** Detections of the float network that the other has too: the same class, overlapping by an IoU of at least .5. */
  readonly found: number;
}

const LEAST_OVERLAP = 0.5;

/** Compares two networks' detections of the same pictures, by class; classes with the most detections first. */
export function agreementByClass(
  float: readonly (readonly RawDetection[])[],
  int8: readonly (readonly RawDetection[])[],
): ClassAgreement[] {
  const counts = new Map<ObjectClass, { float: number; int8: number; found: number }>();
  const count = (name: ObjectClass, what: 'float' | 'int8' | 'found'): void => {
    const before = counts.get(name) ?? { float: 0, int8: 0, found: 0 };
    counts.set(name, { ...before, [what]: before[what] + 1 });
  };
  for (const [i, wanted] of float.entries()) {
    const free = new Set(int8[i]);
    for (const { class: name } of free) count(name, 'int8');
    for (const detection of wanted) {
      count(detection.class, 'float');
      const match = bestMatch(detection, free);
      if (match === null) continue;
      free.delete(match);
      count(detection.class, 'found');
    }
  }
  return [...counts].map(([name, each]) => ({ class: name, ...each })).toSorted((a, b) => b.float - a.float);
}

function bestMatch(detection: RawDetection, among: Iterable<RawDetection>): RawDetection | null {
  let best: RawDetection | null = null;
  let most = LEAST_OVERLAP;
  for (const candidate of among) {
    const overlap = candidate.class === detection.class ? iou(candidate.bbox, detection.bbox) : 0;
    if (overlap < most) continue;
    most = overlap;
    best = candidate;
  }
  return best;
}

/** The part of the float network's detections that the other has too, 0..1; 0 when there is nothing to compare. */
export function foundShare(classes: readonly ClassAgreement[]): number {
  const float = classes.reduce((sum, each) => sum + each.float, 0);
  return float === 0 ? 0 : classes.reduce((sum, each) => sum + each.found, 0) / float;
}
