import type { Box, ObjectClass } from '../messages/detection.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { SceneConfig } from '../messages/scene.ts';

/** One analysed frame of a camera, as far as events are found in it. */
export interface PlayedFrame {
  /** When it was taken, epoch ms. */
  readonly at: number;
  readonly requestId: string;
  readonly imageId: string | null;
  /** Of the picture as shown, px. */
  readonly width: number;
  readonly height: number;
  readonly objects: readonly { readonly class: ObjectClass; readonly confidence: number; readonly bbox: Box }[];
}

/** Crosses into a thread: plain data only. */
export interface DryRunJob {
  /** Oldest first. */
  readonly frames: readonly PlayedFrame[];
  /** Each is played over all frames; null: no scene. */
  readonly scenes: readonly (SceneConfig | null)[];
  /** Least of the detector, 0..1. */
  readonly confidence: number;
  /** About the longest time that it may take, ms; the oldest frames are left out for it. */
  readonly playMs: number;
}

/** An incident that would have come. `bbox`, `requestId` and `imageId` are those of the frame in which it was found. */
export interface FoundIncident extends Pick<
  MeasuredIncident,
  'kind' | 'onset' | 'zone' | 'severity' | 'evidence' | 'bbox'
> {
  /** Null: it goes on in the last frame. */
  readonly endedAt: string | null;
  readonly requestId: string;
  readonly imageId: string | null;
}

export interface DryRunOutcome {
  /** The newest onset first, at most `MOST_FOUND`. */
  readonly incidents: readonly FoundIncident[];
  /** All of them, by kind. */
  readonly counts: Readonly<Partial<Record<EventKind, number>>>;
  /** Why the scene could not be used as it is; null when it could. */
  readonly problem: string | null;
}

/** The outcome of each scene over the frames from `first` on. */
export interface DryRunPlay {
  readonly first: number;
  readonly count: number;
  readonly outcomes: readonly DryRunOutcome[];
}
