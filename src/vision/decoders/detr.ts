import { floats, hasShape } from './decoder.ts';
import type { Candidate, DecodeContext, FamilyDecoder, RawOutputs, RawTensor } from './decoder.ts';

const areLabels = (labels: RawTensor | undefined, count: number | undefined): boolean =>
  labels !== undefined && labels.dims.length === 2 && labels.dims[0] === 1 && labels.dims[1] === count;

/**
 * Detection transformers exported with their post-processor (RT-DETR, D-FINE, DEIM): labels `[1,N]`, boxes `[1,N,4]`
 * as x1 y1 x2 y2, scores `[1,N]`. The boxes are in px of the size given as second input; the detector gives the size
 * of the model's picture.
 */
export const detr: FamilyDecoder = {
  family: 'detr',
  outputs: [
    ['labels', 'labels'],
    ['boxes', 'boxes'],
    ['scores', 'scores'],
  ],

  expected: () => 'labels [1,N] (integers), float32 boxes [1,N,4] and float32 scores [1,N]',
  fits(outputs) {
    const count = outputs.scores?.dims[1];
    return (
      hasShape(outputs.scores, [1, -1]) &&
      hasShape(outputs.boxes, [1, count ?? -1, 4]) &&
      areLabels(outputs.labels, count)
    );
  },

  decode(outputs: RawOutputs, context: DecodeContext): Candidate[] {
    const scores = floats(outputs.scores);
    const boxes = floats(outputs.boxes);
    const found: Candidate[] = [];
    for (const [i, confidence] of scores.entries()) {
      if (!(confidence >= context.confidence)) continue;
      const name = context.classes[Number(outputs.labels?.data[i] ?? -1) + context.labelOffset] ?? null;
      if (name === null) continue;
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(i * 4, i * 4 + 4);
      found.push({ class: name, confidence, bbox: [x1, y1, x2, y2] });
    }
    return found;
  },
};
