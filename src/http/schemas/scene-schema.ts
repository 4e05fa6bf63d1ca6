import { z } from 'zod';
import { SceneChange, SceneConfig } from '../../messages/scene.ts';

/** How well the calibration's pairs fit together; the figures are null without a calibration. */
export const CalibrationReport = z.object({
  /** False: metres are estimated from the sizes of road users. */
  calibrated: z.boolean(),
  /** Reprojection error over all pairs in px of the scene's picture, root mean square and largest. */
  rmsPx: z.number().nullable(),
  maxPx: z.number().nullable(),
  /** The same on the road, in metres. */
  rmsM: z.number().nullable(),
  maxM: z.number().nullable(),
  /** Of each pair, in their order. */
  pairs: z.array(z.object({ px: z.number(), m: z.number() })),
  /** The camera that the pairs give; null where none without distortion explains them. */
  camera: z.object({ focalPx: z.number(), heightM: z.number(), pitchDegrees: z.number() }).nullable(),
});
export type CalibrationReport = z.infer<typeof CalibrationReport>;

export const SceneView = SceneConfig.extend({
  calibrationReport: CalibrationReport,
  changed: SceneChange.nullable().meta({ description: 'Its last change; null: none since the start' }),
});
export type SceneView = z.infer<typeof SceneView>;

/** A scene as `GET` gives it may be put back: its report and its last change are read-only, and ignored. */
export const SceneBody = SceneConfig.extend({
  calibrationReport: z.unknown().optional(),
  changed: z.unknown().optional(),
});
export type SceneBody = z.infer<typeof SceneBody>;
