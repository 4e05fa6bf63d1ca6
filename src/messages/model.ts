import { z } from 'zod';

/**
 * How a detector's raw outputs are read.
 * - `ssd`: two outputs, box codes `[1,N,4]` and class logits `[1,N,1+classes]` (column 0 is background).
 * - `yolox`: one output `[1,N,5+classes]`, undecoded, strides 8/16/32.
 * - `detr`: outputs labels `[1,N]`, boxes `[1,N,4]` (xyxy in px), scores `[1,N]`, and a second input with the size.
 * - `dfine`: outputs class logits `[1,N,classes]` and boxes `[1,N,4]` (centre, width, height; 0..1 of the picture).
 * - `yolov8`: one output `[1,4+classes,N]` of YOLOv8/YOLO11, xywh in px of the model's input.
 */
export const ModelFamily = z.enum(['ssd', 'yolox', 'detr', 'dfine', 'yolov8']);
export type ModelFamily = z.infer<typeof ModelFamily>;

const PerChannel = z.tuple([z.number(), z.number(), z.number()]);

/** The picture that a model expects. Fields left out take the family's usual value. */
export const ModelInput = z.strictObject({
  /** Name of the picture's input; default: the model's only input of rank 4. */
  name: z.string().min(1).optional(),
  /** Size in px; default: what the model file fixes. Needed when the file leaves it open. */
  width: z.int().min(32).max(4096).optional(),
  height: z.int().min(32).max(4096).optional(),
  layout: z.enum(['nchw', 'nhwc']).optional(),
  channelOrder: z.enum(['rgb', 'bgr']).optional(),
  /** Value fed = (pixel - mean) / std, pixel 0..255, given as `[R, G, B]` whatever the channel order. */
  mean: PerChannel.optional(),
  std: PerChannel.refine((std) => std.every((value) => value > 0), 'must be above 0').optional(),
  /** `stretch` ignores the aspect ratio; the letterboxes keep it and pad right and below, or on both sides. */
  fit: z.enum(['stretch', 'letterbox-top-left', 'letterbox-centre']).optional(),
  /** Pixel value of the padding, 0..255. */
  padValue: z.number().min(0).max(255).optional(),
});
export type ModelInput = z.infer<typeof ModelInput>;

/** Names of the outputs where the model's own differ from the family's usual ones (or stand in another order). */
export const ModelOutputs = z.strictObject({
  boxes: z.string().min(1).optional(),
  scores: z.string().min(1).optional(),
  labels: z.string().min(1).optional(),
  /** The one output of the families `yolox` and `yolov8`. */
  predictions: z.string().min(1).optional(),
});
export type ModelOutputs = z.infer<typeof ModelOutputs>;

/**
 * Meaning of the class indices: `coco80` (80 names without gaps, YOLO), `coco90` (COCO category id - 1, with gaps), or
 * the names themselves in the model's order. Names that are no `ObjectClass` are dropped.
 */
export const ModelClasses = z.union([z.enum(['coco80', 'coco90']), z.array(z.string().min(1)).min(1).max(2000)]);
export type ModelClasses = z.infer<typeof ModelClasses>;

/** How to feed and read one detector. Written by the model store or an operator, read by the camera's thread. */
export const ModelSpec = z.strictObject({
  /** Shown as `modelType` of a detection. */
  name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -'),
  family: ModelFamily,
  input: ModelInput.default({}),
  outputs: ModelOutputs.default({}),
  classes: ModelClasses.default('coco80'),
  /** Added to a label before it is looked up: -1 for a DETR model that answers with COCO category ids and `coco90`. */
  labelOffset: z.int().min(-10).max(10).default(0),
});
export type ModelSpec = z.infer<typeof ModelSpec>;

/** A spec together with its `.onnx` on this machine. */
export const LocatedModel = ModelSpec.extend({ path: z.string().min(1) });
export type LocatedModel = z.infer<typeof LocatedModel>;
