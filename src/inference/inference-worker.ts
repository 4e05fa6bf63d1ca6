/** Runs in a thread of the pool: loads a detector once, and looks at one picture at a time. */
import { isMainThread } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { createDetector, type NativeGuard } from '../vision/detector.ts';
import { DetectorError } from '../vision/vision-error.ts';
import type { InferenceJob, InferenceResult, InferenceSettings } from './inference-job.ts';
import { LoadedDetectors } from './loaded-detectors.ts';

if (isMainThread) throw new Error('inference-worker.ts runs in a thread of the inference pool');

// The pool ends no thread that has a job.
const unguarded: NativeGuard = (work) => work();

const { model: ownModel, confidence, iou } = Piscina.workerData as InferenceSettings;
const detectors = new LoadedDetectors((model) => createDetector(model, { confidence, iou }));

export default async function infer(job: InferenceJob): Promise<InferenceResult> {
  try {
    const detector = await detectors.of(job.model ?? ownModel, performance.now());
    const { modelType, inputSize } = detector;
    const detections = job.type === 'describe' ? [] : await detector.detect(job.frame, unguarded);
    return { ok: true, facts: { modelType, inputSize }, detections };
  } catch (error) {
    if (!(error instanceof DetectorError)) throw error;
    return { ok: false, code: error.code, message: error.message };
  }
}
