import type { Evidence, IncidentSeverity } from '../messages/incident.ts';
import type { EventThresholds } from '../messages/event-thresholds.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { PictureSize } from '../scene/pinhole.ts';
import type { Scene } from '../scene/scene.types.ts';
import type { RoadTrack } from '../tracking/tracking.types.ts';

/** All that an event is found from. */
export interface TrafficView {
  /** Epoch ms of the newest frame. */
  readonly at: number;
  readonly tracks: readonly RoadTrack[];
  readonly scene: Scene;
  /** Of the picture as shown: boxes at its edges are cut. */
  readonly picture: PictureSize;
  readonly thresholds: EventThresholds;
  /**
   * Hysteresis: whether an incident of this kind with one of these road users is open, so that its weaker condition to
   * go on applies.
   */
  isOpen(kind: EventKind, trackIds: readonly number[]): boolean;
}

/**
 * An event as found at one moment. Found again at the next, it is the same incident when kind and a road user match.
 */
export interface Finding {
  readonly kind: EventKind;
  /** Those who take part; the one that makes the incident first. */
  readonly trackIds: readonly number[];
  /** When its condition began to hold, epoch ms; may lie before the newest frames. */
  readonly onset: number;
  /** When it was over, for an event found looking back; null: it goes on. */
  readonly endedAt: number | null;
  readonly zone: string | null;
  readonly evidence: Partial<Omit<Evidence, 'durationS'>>;
  readonly severity: IncidentSeverity;
}

/** Finds the events of one kind. Pure. */
export type EventFinder = (view: TrafficView) => readonly Finding[];
