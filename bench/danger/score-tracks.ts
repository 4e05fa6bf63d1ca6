/**
 * IDF1 (Ristani et al. 2016) of published tracks: each true identity is given one track of the output for the whole
 * scene, so that most boxes agree (IoU of at least 0.5). Beside it the best that any tracker could reach on the same
 * boxes: an oracle that names each box as the road user it overlaps.
 */
import type { Box } from '../../src/messages/detection.ts';
import { assign } from '../../src/tracking/assignment.ts';
import type { Truth } from './scene-folder.ts';
import { trueStateAt } from './scene-folder.ts';
import { iou } from '../../src/vision/geometry.ts';

const LEAST_IOU = 0.5;

export interface TrackLine {
  readonly scene: string;
  /** Seconds of the scene. */
  readonly t: number;
  readonly objects: readonly { readonly trackId: number; readonly bbox: Box }[];
}

/** Boxes: true ones, those of the output, and those that agree in one identity. */
export interface TrackCounts {
  readonly truths: number;
  readonly outputs: number;
  readonly agreeing: number;
}

export const NO_COUNTS: TrackCounts = { truths: 0, outputs: 0, agreeing: 0 };

export const added = (a: TrackCounts, b: TrackCounts): TrackCounts => ({
  truths: a.truths + b.truths,
  outputs: a.outputs + b.outputs,
  agreeing: a.agreeing + b.agreeing,
});

/** NaN of nothing. */
export const idf1 = ({ truths, outputs, agreeing }: TrackCounts): number => (2 * agreeing) / (truths + outputs);

const trueBoxesAt = (truth: Truth, t: number): readonly { readonly id: string; readonly bbox: Box }[] =>
  truth.tracks.flatMap((track) => {
    const bbox = trueStateAt(track, t)?.[4] ?? null;
    return bbox === null ? [] : [{ id: track.id, bbox }];
  });

export function trackCounts(truth: Truth, lines: readonly TrackLine[]): TrackCounts {
  const together = new Map<string, Map<number, number>>();
  const trackIds = new Set<number>();
  let truths = 0;
  let outputs = 0;
  for (const { t, objects } of lines) {
    const boxes = trueBoxesAt(truth, t);
    truths += boxes.length;
    outputs += objects.length;
    for (const { trackId } of objects) trackIds.add(trackId);
    for (const { id, bbox } of boxes) {
      for (const object of objects) {
        if (iou(bbox, object.bbox) < LEAST_IOU) continue;
        const counts = together.get(id) ?? new Map<number, number>();
        together.set(id, counts.set(object.trackId, (counts.get(object.trackId) ?? 0) + 1));
      }
    }
  }
  return { truths, outputs, agreeing: mostTogether([...together.values()], [...trackIds]) };
}

/** The most frames that an assignment of tracks to true identities explains. */
function mostTogether(rows: readonly ReadonlyMap<number, number>[], trackIds: readonly number[]): number {
  if (rows.length === 0) return 0;
  // A column of its own for each row that gets none.
  const columns = trackIds.length + rows.length;
  const cost = new Float64Array(rows.length * columns);
  const columnOf = new Map(trackIds.map((trackId, index) => [trackId, index]));
  for (const [row, counts] of rows.entries()) {
    for (const [trackId, count] of counts) cost[row * columns + (columnOf.get(trackId) ?? 0)] = -count;
  }
  return [...assign(cost, rows.length, columns)].reduce(
    (sum, column, row) => sum - (cost[row * columns + column] ?? 0),
    0,
  );
}

/** Of an oracle on the boxes of the lines. */
export function bestCounts(
  truth: Truth,
  lines: readonly { readonly t: number; readonly boxes: readonly Box[] }[],
): TrackCounts {
  let truths = 0;
  let outputs = 0;
  let agreeing = 0;
  for (const { t, boxes } of lines) {
    outputs += boxes.length;
    const trueBoxes = trueBoxesAt(truth, t);
    truths += trueBoxes.length;
    const rows = trueBoxes
      .map(({ bbox }) => new Map(boxes.flatMap((box, index) => (iou(bbox, box) >= LEAST_IOU ? [[index, 1]] : []))))
      .filter((row) => row.size > 0);
    agreeing += mostTogether(rows, [...boxes.keys()]);
  }
  return { truths, outputs, agreeing };
}
