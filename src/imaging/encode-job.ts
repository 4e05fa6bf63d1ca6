import type { Mark } from './draw-marks.ts';

/** A rectangle of whole pixels inside a picture. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A region as the model gets it: with the boxes and numbers of its road users, boxes in px of the whole picture. */
export interface MarkedRegion extends Region {
  readonly marks: readonly Mark[];
}

/** A job of the pool: one picture, to be encoded with its marks. `data` is rgb24 and is transferred. */
export interface EncodeJob {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** In px of this picture. */
  readonly marks: readonly Mark[];
  /** JPEG quality, 1..100. */
  readonly quality: number;
}
