/** The messages between the page and the worker that paints tiles. */
import type { BoxMark, Surface } from './paint.ts';

/** To the worker. Each slot has at most one order under way. */
export type PainterOrder =
  | {
      readonly type: 'paint';
      readonly slot: number;
      /** Address of the picture; null: the frame has none. */
      readonly url: string | null;
      readonly headers: Readonly<Record<string, string>>;
      /** Size of the picture, px. */
      readonly width: number;
      readonly height: number;
      readonly surface: Surface;
      readonly marks: readonly BoxMark[];
    }
  /** The slot is not used any more. */
  | { readonly type: 'free'; readonly slot: number };

/** From the worker, once for each `paint`. */
export interface Painted {
  readonly slot: number;
  readonly bitmap: ImageBitmap;
  /** False: the picture is not kept any more; the boxes alone are drawn. */
  readonly pictured: boolean;
}
