import type { LocatedModel } from '../messages/model.ts';
import type { Frame, FrameSize } from '../vision/frame.ts';
import type { DetectorErrorCode } from '../vision/vision-error.ts';
import type { RawDetection } from '../vision/vision.types.ts';

/** For each thread of the pool: the detector that it loads with its first job, unless the job names another model. */
export interface InferenceSettings {
  readonly model: LocatedModel;
  readonly confidence: number;
  readonly iou: number;
}

/** `describe` loads the detector without a picture. */
export type InferenceJob = ({ readonly type: 'describe' } | { readonly type: 'detect'; readonly frame: Frame }) & {
  /** Null: that of the settings. */
  readonly model: LocatedModel | null;
};

/** Names of a detector, as `Detector` has them. */
export interface DetectorFacts {
  readonly modelType: string;
  readonly inputSize: FrameSize;
}

/** Failures of the detector come as data: an error's code would not cross the threads. */
export type InferenceResult =
  | { readonly ok: true; readonly facts: DetectorFacts; readonly detections: RawDetection[] }
  | { readonly ok: false; readonly code: DetectorErrorCode; readonly message: string };
