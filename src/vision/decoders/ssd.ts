import { bestClass, floats, hasShape, wantedClasses } from './decoder.ts';
import type { Candidate, DecodeContext, FamilyDecoder, RawOutputs } from './decoder.ts';

/**
 * SSD with MobileNet-v2 as TensorFlow's Object Detection API trains it (Liu et al., ECCV 2016; anchors of its
 * `ssd_anchor_generator` with `reduce_boxes_in_lowest_layer`): box codes `[1,N,4]` as `[ty,tx,th,tw]` and class
 * logits `[1,N,1+classes]`, column 0 being background.
 */
const STRIDES = [16, 32, 64, 128, 256, 512];
const [MIN_SCALE, MAX_SCALE] = [0.2, 0.95];
/** The size in px at which the network was trained: anchors keep these px at every size of the picture. */
const TRAINED_SIZE = 300;
const [CENTRE_FACTOR, SIZE_FACTOR] = [10, 5];

/** Anchor scale of a layer, as a share of the trained size; one past the last layer it is 1. */
const scaleOf = (layer: number): number =>
  layer < STRIDES.length ? MIN_SCALE + ((MAX_SCALE - MIN_SCALE) * layer) / (STRIDES.length - 1) : 1;

/** Anchors as `[centreX, centreY, width, height]` in px of the model's picture, four numbers each, in output order. */
export function ssdAnchors(inputWidth: number, inputHeight: number): Float32Array {
  const anchors: number[] = [];
  for (const [layer, stride] of STRIDES.entries()) {
    const scale = scaleOf(layer);
    const shapes: readonly (readonly [scale: number, aspect: number])[] =
      layer === 0
        ? [
            [0.1, 1],
            [scale, 2],
            [scale, 0.5],
          ]
        : [
            [scale, 1],
            [scale, 2],
            [scale, 0.5],
            [scale, 3],
            [scale, 0.3333],
            [Math.sqrt(scale * scaleOf(layer + 1)), 1],
          ];
    const columns = Math.ceil(inputWidth / stride);
    const rows = Math.ceil(inputHeight / stride);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (const [size, aspect] of shapes) {
          const root = Math.sqrt(aspect);
          anchors.push(
            ((column + 0.5) / columns) * inputWidth,
            ((row + 0.5) / rows) * inputHeight,
            size * root * TRAINED_SIZE,
            (size / root) * TRAINED_SIZE,
          );
        }
      }
    }
  }
  return Float32Array.from(anchors);
}

const anchorsBySize = new Map<string, Float32Array>();

/** Anchors of the last sizes are kept, at most 4; a thread runs one model, so there is one in practice. */
function anchorsFor(width: number, height: number): Float32Array {
  const key = `${width}x${height}`;
  const known = anchorsBySize.get(key);
  if (known !== undefined) return known;
  if (anchorsBySize.size >= 4) anchorsBySize.clear();
  const made = ssdAnchors(width, height);
  anchorsBySize.set(key, made);
  return made;
}

const logit = (probability: number): number => Math.log(probability / (1 - probability));
const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

export const ssd: FamilyDecoder = {
  family: 'ssd',
  outputs: [
    ['boxes', 'box_codes'],
    ['scores', 'class_logits'],
  ],

  expected(context) {
    const count = anchorsFor(context.inputWidth, context.inputHeight).length / 4;
    return `float32 box codes [1,${count},4] and class logits [1,${count},${context.classes.length + 1}]`;
  },

  fits(outputs, context) {
    const count = anchorsFor(context.inputWidth, context.inputHeight).length / 4;
    return hasShape(outputs.boxes, [1, count, 4]) && hasShape(outputs.scores, [1, count, context.classes.length + 1]);
  },

  decode(outputs: RawOutputs, context: DecodeContext): Candidate[] {
    const anchors = anchorsFor(context.inputWidth, context.inputHeight);
    const codes = floats(outputs.boxes);
    const logits = floats(outputs.scores);
    const classCount = context.classes.length;
    const wanted = wantedClasses(context.classes);
    const least = logit(context.confidence);
    const found: Candidate[] = [];
    for (let i = 0; i * 4 < anchors.length; i++) {
      const best = bestClass(logits, i * (classCount + 1) + 1, 1, wanted, classCount, least);
      if (best === null) continue;
      const [ty = 0, tx = 0, th = 0, tw = 0] = codes.subarray(i * 4, i * 4 + 4);
      const [ax = 0, ay = 0, aw = 0, ah = 0] = anchors.subarray(i * 4, i * 4 + 4);
      const x = ax + (tx / CENTRE_FACTOR) * aw;
      const y = ay + (ty / CENTRE_FACTOR) * ah;
      const halfWidth = (Math.exp(tw / SIZE_FACTOR) * aw) / 2;
      const halfHeight = (Math.exp(th / SIZE_FACTOR) * ah) / 2;
      found.push({
        class: best.class,
        confidence: sigmoid(best.value),
        bbox: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight],
      });
    }
    return found;
  },
};
