/** A rectangle of whole pixels inside the frame. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What a pool thread is asked: one frame, its JPEG and those of some regions. `data` is rgb24 and is transferred. */
export interface EncodeJob {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly regions: readonly Region[];
  /** JPEG quality, 1..100. */
  readonly quality: number;
  /** A region wider or higher than this is scaled down: what the model is sent stays small. */
  readonly maxRegionSide: number;
}

/** JPEGs of the whole frame and of each region, in the order asked. */
export interface EncodedFrame {
  readonly frame: Uint8Array;
  readonly regions: readonly Uint8Array[];
}
