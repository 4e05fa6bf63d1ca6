/** A sequence parameter set tells how the pictures after it are coded. */
export interface SequenceInfo {
  /** As shown, after cropping, in px of the coded picture (not yet made square). */
  readonly width: number;
  readonly height: number;
  readonly coded: { readonly width: number; readonly height: number };
  /** Shape of a px, width to height; 1:1 when it is not said. */
  readonly sampleAspect: { readonly width: number; readonly height: number };
  /** Pictures a second, null when it is not said. Cameras often say it wrongly. */
  readonly fps: number | null;
  /** RFC 6381, e.g. `avc1.64001f` or `hvc1.1.6.L93.B0`. */
  readonly codec: string;
  /** Pictures that may be shown after one that follows them in the stream; null when it is not said. */
  readonly reorder: number | null;
}
