import { z } from 'zod';
import { MOST } from './bounds.ts';
import { EventThresholdChanges } from './event-thresholds.ts';
import { IsoTime } from './ids.ts';
import { ZONE_KINDS } from './scene-constants.ts';

/** `[x, y]` in px of the scene's picture, see `SceneConfig.width`. */
export const ImagePoint = z.tuple([z.number(), z.number()]);
export type ImagePoint = z.infer<typeof ImagePoint>;
/** `[x, y]` in metres on the road, in any right-handed frame that the operator chose. */
export const RoadPoint = z.tuple([z.number(), z.number()]);
export type RoadPoint = z.infer<typeof RoadPoint>;

/** Name of a zone or a line, unique in its scene. */
export const SceneId = z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 _ . : -');

/** The same place in the picture and on the road. */
export const CalibrationPair = z.strictObject({ image: ImagePoint, road: RoadPoint });
export type CalibrationPair = z.infer<typeof CalibrationPair>;

const SpeedLimitKmh = z.number().min(5).max(300);

export const Zone = z.strictObject({
  id: SceneId,
  kind: z.enum(ZONE_KINDS),
  polygon: z.array(ImagePoint).min(3).max(MOST.polygon),
  /** From the first point to the second is how traffic runs; for lanes and shoulders. */
  direction: z.tuple([ImagePoint, ImagePoint]).optional(),
  speedLimitKmh: SpeedLimitKmh.optional(),
});
export type Zone = z.infer<typeof Zone>;

/** Road users who cross it are counted, by class and by side: looking from the first point to the second. */
export const CountingLine = z.strictObject({ id: SceneId, points: z.tuple([ImagePoint, ImagePoint]) });
export type CountingLine = z.infer<typeof CountingLine>;

/** An operator's description of the place that a camera sees. `src/scene/check-scene.ts` has the rules beyond types. */
export const SceneConfig = z.strictObject({
  /** Size in px of the picture in which the points were drawn; the camera's own may have another. */
  width: z.int().min(16).max(MOST.side),
  height: z.int().min(16).max(MOST.side),
  /** At least four; absent: a scale is estimated from the sizes of road users. */
  calibration: z.array(CalibrationPair).min(4).max(MOST.calibration).optional(),
  zones: z.array(Zone).max(MOST.zones).default([]),
  lines: z.array(CountingLine).max(MOST.lines).default([]),
  /** For zones without a limit of their own. */
  speedLimitKmh: SpeedLimitKmh.optional(),
  thresholds: EventThresholdChanges.optional(),
});
export type SceneConfig = z.infer<typeof SceneConfig>;

/** The last change of a camera's scene. */
export const SceneChange = z.object({ by: z.string().min(1).max(MOST.name), at: IsoTime });
export type SceneChange = z.infer<typeof SceneChange>;
