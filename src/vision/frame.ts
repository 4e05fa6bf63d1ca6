/** In px. */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/** One decoded picture. Readers neither keep nor change its bytes. */
export interface Frame {
  /** rgb24: three bytes a pixel, rows from top to bottom without gaps, `width * height * 3` bytes. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /**
   * Size of the picture as shown, in px, where this one was scaled down from it: boxes are in px of it. Default: the
   * size of this one.
   */
  readonly display?: FrameSize;
}

/** The size in whose px the boxes of this frame are. */
export const displayOf = ({ display, width, height }: Frame): FrameSize => display ?? { width, height };
