import { bestClass, floats, hasShape, wantedClasses } from './decoder.ts';
import type { Candidate, DecodeContext, FamilyDecoder, RawOutputs } from './decoder.ts';

/**
 * D-FINE (Peng et al., arXiv 2410.13842) and RT-DETR as exported without post-processing: class logits `[1,N,classes]`,
 * each a sigmoid of its own, and boxes `[1,N,4]` as centre x, centre y, width, height, all 0..1 of the picture.
 */
export const dfine: FamilyDecoder = {
  family: 'dfine',
  outputs: [
    ['scores', 'logits'],
    ['boxes', 'pred_boxes'],
  ],

  expected: (context) => `float32 logits [1,N,${context.classes.length}] and float32 boxes [1,N,4]`,
  fits: (outputs, context) =>
    hasShape(outputs.scores, [1, -1, context.classes.length]) &&
    hasShape(outputs.boxes, [1, outputs.scores?.dims[1] ?? -1, 4]),

  decode(outputs: RawOutputs, context: DecodeContext): Candidate[] {
    const logits = floats(outputs.scores);
    const boxes = floats(outputs.boxes);
    const classCount = context.classes.length;
    const wanted = wantedClasses(context.classes);
    const least = Math.log(context.confidence / (1 - context.confidence));
    const found: Candidate[] = [];
    for (let i = 0; i * 4 < boxes.length; i++) {
      const best = bestClass(logits, i * classCount, 1, wanted, classCount, least);
      if (best === null) continue;
      const [x = 0, y = 0, width = 0, height = 0] = boxes.subarray(i * 4, i * 4 + 4);
      found.push({
        class: best.class,
        confidence: 1 / (1 + Math.exp(-best.value)),
        bbox: [
          (x - width / 2) * context.inputWidth,
          (y - height / 2) * context.inputHeight,
          (x + width / 2) * context.inputWidth,
          (y + height / 2) * context.inputHeight,
        ],
      });
    }
    return found;
  },
};
