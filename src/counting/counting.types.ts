import type { CountedBin } from '../messages/counted-bin.ts';
import type { Metres, Scene } from '../scene/scene.types.ts';
import type { RoadTrack } from '../tracking/tracking.types.ts';

/**
 * Counts road users of one camera from their tracks, in bins of a minute of the clock (UTC). Pure: no clock, no I/O.
 *
 * Look-backs change the newest `LOOK_BACK_SECONDS` of a track, so a moment is counted `SETTLED_SECONDS` later, from the
 * track's history. A bin is finished `BIN_DELAY_SECONDS` after its end. No bin has a minute without pictures.
 */
export interface TrafficCounter {
  /** The bins that are finished with this frame, oldest first; most often none. */
  observe(frame: CountedFrame): readonly CountedBin[];
  /** Counts the rest at the end of a camera's run: unfinished bins too, each as far as it goes. */
  finish(): readonly CountedBin[];
}

/** The newest frame, also after a look-back. */
export interface CountedFrame {
  readonly tracks: readonly RoadTrack[];
  /** Epoch ms. */
  readonly at: number;
  /** In which the tracks' places are. Another one than before: counts so far are kept under their names. */
  readonly scene: Scene;
}

/** A road user over the line of a gate. */
export interface Passing {
  /** Epoch ms. */
  readonly at: number;
  readonly place: Metres;
  /** m/s */
  readonly speed: number;
  /** To the side on which the offset from the gate is positive. */
  readonly forward: boolean;
  /** Its track began or ended beside the gate: it went over it unseen. */
  readonly isUnseen: boolean;
}
