import { bestClass, floats, hasShape, wantedClasses } from './decoder.ts';
import type { Candidate, DecodeContext, FamilyDecoder, RawOutputs } from './decoder.ts';

/**
 * YOLOv8 and YOLO11 as exported to ONNX without NMS: `[1,4+classes,N]`, rows centre x, centre y, width, height (px of
 * the model's picture) and one score 0..1 for each class; N positions of strides 8, 16 and 32.
 */
export const yolov8: FamilyDecoder = {
  family: 'yolov8',
  outputs: [['predictions', 'output0']],

  expected: (context) => `one float32 output [1,${4 + context.classes.length},N]`,
  fits: (outputs, context) => hasShape(outputs.predictions, [1, 4 + context.classes.length, -1]),

  decode(outputs: RawOutputs, context: DecodeContext): Candidate[] {
    const values = floats(outputs.predictions);
    const count = outputs.predictions?.dims[2] ?? 0;
    const wanted = wantedClasses(context.classes);
    const found: Candidate[] = [];
    for (let i = 0; i < count; i++) {
      const best = bestClass(values, 4 * count + i, count, wanted, context.classes.length, context.confidence);
      if (best === null) continue;
      const x = values[i] ?? 0;
      const y = values[count + i] ?? 0;
      const halfWidth = (values[2 * count + i] ?? 0) / 2;
      const halfHeight = (values[3 * count + i] ?? 0) / 2;
      found.push({
        class: best.class,
        confidence: best.value,
        bbox: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight],
      });
    }
    return found;
  },
};
