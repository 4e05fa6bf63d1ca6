import type { Size } from './decoding.types.ts';

/** A picture that follows as one block of rgb24. `index`: of its unit in the job, or of its cut. */
export interface PictureHeader {
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly display: Size;
}

/** Sent by a decoder process. `ms`: the time that the part took it. */
export type FromDecoder =
  | { readonly type: 'ready' }
  | {
      readonly type: 'decoded';
      readonly job: number;
      readonly ms: number;
      readonly pictures: readonly PictureHeader[];
      /** Pictures that could not be decoded, wanted or not, with the last reason. */
      readonly failed: number;
      readonly reason: string | null;
    }
  | {
      readonly type: 'refused';
      readonly job: number;
      readonly ms: number;
      readonly code: RefusalCode;
      readonly reason: string;
    };

/** `MISSING`: the picture is not kept any more. */
export type RefusalCode = 'NEEDS_KEYFRAME' | 'MISSING' | 'UNDECODABLE' | 'TOO_MANY';

/** Exit codes of a decoder, by reason. */
export const DECODER_EXITS = { memory: 75, badInput: 76 } as const;
