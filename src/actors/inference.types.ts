import type { DetectorFacts } from '../inference/inference-job.ts';
import type { LocatedModel } from '../messages/model.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import type { Transferred } from '../runtime/transfer.ts';
import type { FrameSize } from '../vision/frame.ts';
import type { RawDetection } from '../vision/vision.types.ts';

/** A camera asks for one picture at a time, so that cameras are served in turn. */
export type InferenceMessage =
  | ({ type: 'describe'; model: LocatedModel | null } & Asking<DetectorFacts>)
  /** As `Detector.detect`; errors have the codes of `DetectorError`. */
  | ({
      type: 'detect';
      /** Of a release; null: the model of the pool. */
      model: LocatedModel | null;
      /** rgb24 */
      data: Transferred<Uint8Array<ArrayBuffer>>;
      width: number;
      height: number;
      display: FrameSize;
    } & Asking<RawDetection[]>);

export const INFERENCE = address<InferenceMessage>('/inference');
