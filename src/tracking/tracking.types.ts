import type { Box, ObjectClass } from '../messages/detection.ts';
import type { Metres, Scene, Size3 } from '../scene/scene.types.ts';

/** One object of one frame, before it has a track. */
export interface TrackedDetection {
  readonly class: ObjectClass;
  /** 0..1; those under the tracker's upper threshold only continue tracks (ByteTrack, Zhang et al. 2022). */
  readonly confidence: number;
  /** In px of the picture as shown. */
  readonly bbox: Box;
  /** Colour histogram, sums to 1; absent: association goes by motion alone. */
  readonly appearance?: Float32Array;
}

/** Classes that detectors confuse from frame to frame share one. */
export type UserKind = 'person' | 'two-wheeler' | 'vehicle';

/** A road user at one moment, on the road: smoothed over the moments before and after it that are known. */
export interface TrackPoint {
  /** Epoch ms. */
  readonly at: number;
  /** Middle of the footprint, m. */
  readonly place: Metres;
  /** m/s */
  readonly velocity: Metres;
  /** Along the heading, m/s²; negative: it brakes. */
  readonly acceleration: number;
  /** Standard deviations: of the place in m, along the heading; of the speed in m/s; of the acceleration in m/s². */
  readonly sd: { readonly place: number; readonly speed: number; readonly acceleration: number };
  /** As detected, px; null: not seen at this moment, the place is predicted. */
  readonly box: Box | null;
  /** A person on a two-wheeler. Null: not seen at this moment, or another hid its feet, and with them any wheels. */
  readonly isRiding: boolean | null;
}

/** A road user followed over frames. Fixtures (lights, signs) have no such track. */
export interface RoadTrack {
  /** From 1; a tracker never uses one twice. */
  readonly trackId: number;
  readonly kind: UserKind;
  /** By vote over its detections, weighted by confidence. */
  readonly class: ObjectClass;
  readonly size: Size3;
  /**
   * Radians on the road, counter-clockwise from the x axis: of the newest moment in which it moved. Null: never yet.
   */
  readonly heading: number | null;
  /** Moments of the last `HISTORY_SECONDS`, oldest first, never empty; the last is that of the frame. */
  readonly history: readonly TrackPoint[];
  /** When it was detected first and last, epoch ms. */
  readonly bornAt: number;
  readonly seenAt: number;
  /** Detections so far. */
  readonly hits: number;
  /** Seen often enough to be believed: false boxes seldom are. */
  readonly confirmed: boolean;
  /** Mean confidence of its detections, 0..1. */
  readonly confidence: number;
  /** A person on a two-wheeler, which has a track of its own: no pedestrian. */
  readonly isRider: boolean;
}

/** The track of each detection of a frame; null for a weak detection that continued none. */
export interface Assignment {
  readonly trackId: number;
  /** px/s of the middle of the box; null until it was seen twice. */
  readonly velocity: readonly [number, number] | null;
}

/** How long the moments of a track are kept. */
export const HISTORY_SECONDS = 40;
/** How far back a frame may lie before the newest: the ingest keeps as much of a stream. */
export const LOOK_BACK_SECONDS = 12;

/**
 * Follows road users on the plane of the road. A frame may lie before the newest one, by at most `LOOK_BACK_SECONDS`:
 * the tracker goes back, takes it in its order, and goes on to the newest again. Pure: the same frames give the same
 * tracks.
 */
export interface RoadTracker {
  /** One entry for each detection, in their order. */
  update(detections: readonly TrackedDetection[], at: number): readonly (Assignment | null)[];
  /**
   * Those of an earlier frame as they are known now, null for one that is no more remembered: a late frame may change
   * them.
   */
  assignmentsAt(at: number): readonly (Assignment | null)[] | null;
  /** At the newest frame: those seen in it, and those missed for a short time. */
  readonly tracks: readonly RoadTrack[];
  /** Epoch ms of the newest frame; null before the first. */
  readonly newestAt: number | null;
  /** Goes on with another scene: places are computed again from the boxes. */
  setScene(scene: Scene): void;
}
