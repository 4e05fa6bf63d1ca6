/** A rectangle of whole pixels inside the frame. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A job of the pool: one frame, to be encoded whole and by regions. `data` is rgb24 and is transferred. */
export interface EncodeJob {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly regions: readonly Region[];
  /** JPEG quality, 1..100. */
  readonly quality: number;
  /** In px. A region wider or higher is scaled down: pictures for the model stay small. */
  readonly maxRegionSide: number;
}

/** JPEGs of the whole frame and of each region, in the order of the job. */
export interface EncodedFrame {
  readonly frame: Uint8Array;
  readonly regions: readonly Uint8Array[];
}
