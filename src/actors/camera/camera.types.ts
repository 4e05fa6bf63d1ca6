import type { CameraId } from '../../messages/ids.ts';
import type { LocatedModel } from '../../messages/model.ts';
import type { StreamPicture, StreamSettings } from '../ingest.types.ts';

/** A camera is sent its pictures by the ingest. */
export type CameraMessage = StreamPicture;

/** Crosses into the camera's thread: plain data only. */
export interface CameraInit {
  readonly cameraId: CameraId;
  /** For the ingest, which reads the stream. */
  readonly settings: StreamSettings;
  readonly intervalMs: number;
  readonly model: LocatedModel;
  readonly confidence: number;
  readonly iou: number;
  /** A detector of its own, or those that the cameras of its process share. Kept until the camera is restarted. */
  readonly inference: 'own' | 'shared';
  /** As `AnalyserOptions.stillSeconds`. */
  readonly stillSeconds: number;
  /** Frames of this camera published before this incarnation: numbering goes on after them. */
  readonly framesBefore: number;
  /** The camera's own, stamped into its detections; undefined when it has none. */
  readonly freshnessSeconds?: number | undefined;
  readonly prompt?: string | undefined;
}
