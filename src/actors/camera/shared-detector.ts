import type { LocatedModel } from '../../messages/model.ts';
import type { ActorContext } from '../../runtime/actor.ts';
import { transfer } from '../../runtime/transfer.ts';
import { displayOf } from '../../vision/frame.ts';
import type { Detector } from '../../vision/vision.types.ts';
import { INFERENCE } from '../inference.types.ts';

/** Longest wait for the detector to be loaded, and for a picture while every camera waits for the processor, in ms. */
const LOAD_WITHIN_MS = 25_000;
const DETECT_WITHIN_MS = 30_000;

/**
 * The detectors that the cameras of this process share, as one of this camera's own; of the process's own model unless
 * another one is given. Rejects with the codes of
 * `DetectorError`, or with a `RuntimeError` when they do not answer.
 */
export async function sharedDetector(
  ctx: Pick<ActorContext<never>, 'ref'>,
  model: LocatedModel | null = null,
): Promise<Detector> {
  const inference = ctx.ref(INFERENCE);
  const { modelType, inputSize } = await inference.ask({ type: 'describe', model }, { timeoutMs: LOAD_WITHIN_MS });
  return {
    modelType,
    inputSize,
    detect: (frame) => {
      const { width, height } = frame;
      // A copy, as the analysis reads the picture afterwards: .05 ms at 448x252.
      const data = transfer(new Uint8Array(frame.data));
      return inference.ask(
        { type: 'detect', model, data, width, height, display: displayOf(frame) },
        { timeoutMs: DETECT_WITHIN_MS },
      );
    },
    release: () => Promise.resolve(),
  };
}
