import { bestClass, floats, hasShape, wantedClasses } from './decoder.ts';
import type { Candidate, DecodeContext, FamilyDecoder, RawOutputs } from './decoder.ts';

/**
 * YOLOX (Ge et al., arXiv 2107.08430), exported without decoding: `[1,N,5+classes]`, rows `x y w h objectness
 * class...` cell by cell of three grids. Centre = (raw + cell) * stride, size = exp(raw) * stride, confidence =
 * objectness * class.
 */
const STRIDES = [8, 16, 32];

const rowCount = (context: DecodeContext): number =>
  STRIDES.reduce(
    (sum, stride) => sum + Math.floor(context.inputWidth / stride) * Math.floor(context.inputHeight / stride),
    0,
  );

export const yolox: FamilyDecoder = {
  family: 'yolox',
  outputs: [['predictions', 'output']],

  expected: (context) => `one float32 output [1,${rowCount(context)},${5 + context.classes.length}]`,
  fits: (outputs, context) => hasShape(outputs.predictions, [1, rowCount(context), 5 + context.classes.length]),

  decode(outputs: RawOutputs, context: DecodeContext): Candidate[] {
    const rows = floats(outputs.predictions);
    const width = 5 + context.classes.length;
    const wanted = wantedClasses(context.classes);
    const found: Candidate[] = [];
    let at = 0;
    for (const stride of STRIDES) {
      const columns = Math.floor(context.inputWidth / stride);
      const cells = columns * Math.floor(context.inputHeight / stride);
      for (let cell = 0; cell < cells; cell++, at += width) {
        const objectness = rows[at + 4] ?? 0;
        if (objectness < context.confidence) continue;
        const best = bestClass(rows, at + 5, 1, wanted, context.classes.length, context.confidence / objectness);
        if (best === null) continue;
        const x = ((rows[at] ?? 0) + (cell % columns)) * stride;
        const y = ((rows[at + 1] ?? 0) + Math.floor(cell / columns)) * stride;
        const halfWidth = (Math.exp(rows[at + 2] ?? 0) * stride) / 2;
        const halfHeight = (Math.exp(rows[at + 3] ?? 0) * stride) / 2;
        found.push({
          class: best.class,
          confidence: objectness * best.value,
          bbox: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight],
        });
      }
    }
    return found;
  },
};
