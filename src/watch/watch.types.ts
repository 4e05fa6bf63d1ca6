import type { EventThresholds } from '../messages/event-thresholds.ts';
import type { CountedBin } from '../messages/counted-bin.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import type { PictureSize } from '../scene/pinhole.ts';
import type { Scene } from '../scene/scene.types.ts';
import type { Assignment, RoadTrack, TrackedDetection } from '../tracking/tracking.types.ts';

/** Pictures wanted beside the regular ones, from past or coming moments (epoch ms). */
export interface BurstWish {
  readonly from: number;
  readonly to: number;
  /** At most 10. */
  readonly fps: number;
}

/** An incident as known from the frames so far. The caller adds `objects` and `subjectIndex`. */
export type WatchedIncident = Omit<MeasuredIncident, 'objects' | 'subjectIndex' | 'cropId'>;

export interface WatchOutcome {
  /** One entry for each detection, in their order. */
  readonly assignments: readonly (Assignment | null)[];
  /** Open ones, and those that closed since the last outcome. */
  readonly incidents: readonly WatchedIncident[];
  /** An incident was opened, closed, merged or became more severe: the newest frame is worth publishing at once. */
  readonly changed: boolean;
  /** Always of the newest frame after a regular one; amid a look-back perhaps as they were before it. */
  readonly tracks: readonly RoadTrack[];
  readonly burst: BurstWish | null;
  /** Minutes of counts that are finished, oldest first; most often none. */
  readonly counts: readonly CountedBin[];
}

/** A frame's detections. `burst`: of a look-back; it may lie before the newest frame. */
export interface WatchedFrame {
  readonly at: number;
  readonly detections: readonly TrackedDetection[];
  readonly burst: boolean;
}

export interface WatchOptions {
  readonly scene: Scene;
  /** Size of the picture as shown, px. Pictures of another size need another watch. */
  readonly picture: PictureSize;
  readonly thresholds: EventThresholds;
  /** Begins every incident's id, so that those of other cameras and runs are others. */
  readonly idPrefix: string;
  /** Pictures a second of look-backs that the camera may ask for, on average. */
  readonly burstFps: number;
}

/** Tracks, events, incidents and the wish for look-backs of one camera, from its detections. Pure: no clock, no I/O. */
export interface TrafficWatch {
  /** Incidents that were not opened, because `MOST.incidents` more severe ones were open. */
  readonly refusedIncidents: number;
  observe(frame: WatchedFrame): WatchOutcome;
  setScene(scene: Scene, thresholds: EventThresholds): void;
  /** At the end of the camera's run: the counts of minutes that are not finished, each as far as it goes. */
  finish(): readonly CountedBin[];
}
