import type { CameraId } from '../../messages/ids.ts';
import type { LocatedModel } from '../../messages/model.ts';
import type { SceneSettings } from '../../watch/watch-pictures.ts';
import type { StreamPicture, StreamSettings } from '../ingest.types.ts';
import type { CameraWay } from './camera-way.types.ts';

export type { SceneSettings } from '../../watch/watch-pictures.ts';

/** The scene of a camera, and its way to judge by the releases in force. */
export interface CameraSettings extends SceneSettings {
  readonly way: CameraWay;
}

/** A camera is sent its pictures by the ingest, and a changed scene or way by the registry. */
export type CameraMessage = StreamPicture | ({ readonly type: 'scene' } & CameraSettings);

/** Crosses into the camera's thread: plain data only. */
export interface CameraInit extends CameraSettings {
  readonly cameraId: CameraId;
  /** For the ingest, which reads the stream. */
  readonly settings: StreamSettings;
  readonly intervalMs: number;
  /** Used unless a release brings another detector. */
  readonly model: LocatedModel;
  readonly confidence: number;
  readonly iou: number;
  /** A detector of its own, or those that the cameras of its process share. Kept until the camera is restarted. */
  readonly inference: 'own' | 'shared';
  /** As `PictureAnalyserOptions`. */
  readonly stillSeconds: number;
  readonly burstFps: number;
  /** Frames of this camera published before this incarnation: numbering goes on after them. */
  readonly framesBefore: number;
  /** The camera's own, stamped into its detections; undefined when it has none. */
  readonly freshnessSeconds?: number | undefined;
  readonly prompt?: string | undefined;
}
