import type { SourceAllow } from '../../infra/source-policy.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { LocatedModel } from '../../messages/model.ts';

/** A camera is sent nothing: supervision starts and stops it. */
export type CameraMessage = never;

/** Crosses into the camera's thread: plain data only. */
export interface CameraInit {
  readonly cameraId: CameraId;
  /** With its password: never logged, never sent on. */
  readonly url: string;
  readonly intervalMs: number;
  readonly ffmpeg: string;
  readonly model: LocatedModel;
  readonly confidence: number;
  readonly iou: number;
  /** Hosts that the camera may redirect to; null for all but the forbidden addresses. */
  readonly allow: SourceAllow | null;
  /** Socket file where the live preview reads the stream; null for none. */
  readonly previewSocket: string | null;
  /** Frames of this camera published before this incarnation: numbering goes on after them. */
  readonly framesBefore: number;
  /** The camera's own, stamped into its detections; undefined when it has none. */
  readonly freshnessSeconds?: number | undefined;
  readonly prompt?: string | undefined;
}
