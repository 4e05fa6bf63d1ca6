import { z } from 'zod';
import { ImageId, IsoTime } from './ids.ts';
import { OBJECT_CLASSES } from './scene-constants.ts';

export const ObjectClass = z.enum(OBJECT_CLASSES);
export type ObjectClass = z.infer<typeof ObjectClass>;

/** `[x1, y1, x2, y2]` in pixels of the analysed frame, x1 < x2, y1 < y2, clipped to the frame. */
export const Box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
export type Box = z.infer<typeof Box>;

export const DetectedObject = z.object({
  /** Position in `detectedObjects`, from 0; what `memberIndices` and `triggerObjectIds` refer to. */
  objectId: z.int().min(0),
  /** Stable over the frames of one camera while the object is tracked. */
  trackId: z.int().min(1),
  class: ObjectClass,
  confidence: z.number().min(0).max(1),
  bbox: Box,
  /** Velocity of the box centre in px/s `[vx, vy]`; null until the track has two observations. */
  velocity: z.tuple([z.number(), z.number()]).nullable(),
});
export type DetectedObject = z.infer<typeof DetectedObject>;

/** The crop of the same group or incident in an earlier frame. */
export const EarlierMoment = z.object({
  cropId: ImageId,
  /** The earlier frame's timestamp. */
  timestamp: IsoTime,
});
export type EarlierMoment = z.infer<typeof EarlierMoment>;
