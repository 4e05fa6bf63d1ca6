import type { Mark } from './draw-marks.ts';

/** A rectangle of whole pixels inside the frame. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A region as the model gets it: with the boxes and numbers of its road users, boxes in px of the frame. */
export interface MarkedRegion extends Region {
  readonly marks: readonly Mark[];
}

/** A job of the pool: one frame, to be encoded whole and by regions. `data` is rgb24 and is transferred. */
export interface EncodeJob {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly regions: readonly MarkedRegion[];
  /** JPEG quality, 1..100. */
  readonly quality: number;
  /** In px. A region wider or higher is scaled down: pictures for the model stay small. */
  readonly maxRegionSide: number;
}

/** JPEGs of the whole frame, unmarked, and of each region with its marks, in the order of the job. */
export interface EncodedFrame {
  readonly frame: Uint8Array;
  readonly regions: readonly Uint8Array[];
}
