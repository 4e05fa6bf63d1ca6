import type { Box, ObjectClass } from '../messages/detection.ts';
import type { Frame, FrameSize } from './frame.ts';

/**
 * The runtime's guard around native code. Every call of onnxruntime goes through it, so that a stop can wait for the
 * call: terminating a thread inside native code aborts the whole process.
 */
export type NativeGuard = <T>(work: () => Promise<T>) => Promise<T>;

/** One object as the detector saw it, before tracking. */
export interface RawDetection {
  readonly class: ObjectClass;
  /** 0..1 */
  readonly confidence: number;
  /** In px of the frame's display size, clipped to it, never empty. */
  readonly bbox: Box;
}

export interface DetectorOptions {
  /** Least confidence that counts, 0..1. Default 0.35. */
  readonly confidence?: number;
  /** Two boxes of a class that overlap by more than this IoU are one object, 0..1. Default 0.5. */
  readonly iou?: number;
  /** Most objects a frame, highest confidence first. Default 200. */
  readonly maxDetections?: number;
  /** Threads inside one inference. Default 1: cameras share the cores, each on its own thread. */
  readonly intraOpThreads?: number;
  /** Guard for loading the model, and for freeing one that is refused. Default: none. */
  readonly native?: NativeGuard;
}

/** A loaded model. One call at a time; not shared between threads. */
export interface Detector {
  /** The model's name, for `modelType`. */
  readonly modelType: string;
  /** Pictures should be scaled down to fit this, keeping their shape; larger ones only cost more. */
  readonly inputSize: FrameSize;
  /** Objects of the frame, highest confidence first. Rejects with `DetectorError` (see `DETECTOR_ERRORS`). */
  detect(frame: Frame, native: NativeGuard): Promise<RawDetection[]>;
  /**
   * Frees the native session once a running `detect` has ended. Later calls of `detect` reject with `RELEASED`; later
   * calls of `release` do nothing.
   */
  release(native?: NativeGuard): Promise<void>;
}
