import type { EventThresholds } from '../../messages/event-thresholds.ts';
import type { LocatedModel } from '../../messages/model.ts';
import type { ReleaseMark } from '../../messages/release-mark.ts';

/** How a camera judges its pictures, by the releases in force. Plain data, made for each camera. */
export interface CameraWay {
  /** Null: the model with which the process began. */
  readonly detector: LocatedModel | null;
  /** Stamped into detections. Null while no release shares detectors or thresholds among the cameras. */
  readonly mark: ReleaseMark | null;
  /** A release that this camera tries out of sight; null for none. */
  readonly shadow: ShadowPlan | null;
}

export interface ShadowPlan {
  readonly releaseId: string;
  /** All of the candidate's, with the camera's own below them. */
  readonly thresholds: EventThresholds;
  /** Null: it judges by the detections of the present way. */
  readonly detector: ShadowDetector | null;
}

export interface ShadowDetector {
  /** Null: that with which the process began. */
  readonly model: LocatedModel | null;
  /** This camera's part of the release's budget. */
  readonly picturesPerMinute: number;
  /** See `PictureSpellsOptions`. */
  readonly phase: number;
}

/** Nothing is released. */
export const PLAIN_WAY: CameraWay = { detector: null, mark: null, shadow: null };
