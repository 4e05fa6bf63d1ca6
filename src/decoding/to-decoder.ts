import type { VideoCodec } from '../video/access-unit.ts';
import type { Cut, Size } from './decoding.types.ts';

/** The decoder state that a part of a job uses. */
export interface ContextUse {
  /** Null for the state that all jobs of one keyframe share, which remembers nothing. */
  readonly name: string | null;
  /** Begins anew; otherwise the state must exist, or the answer is `NEEDS_KEYFRAME`. */
  readonly begin: boolean;
  /** Kept after the last part, for a job that continues this one. */
  readonly keep: boolean;
}

/** Sent to a decoder process. The bytes of the units follow a `decode`, one block each. */
export type ToDecoder =
  | {
      readonly type: 'decode';
      readonly job: number;
      readonly cameraId: string;
      readonly codec: VideoCodec;
      readonly context: ContextUse;
      /** Index of the first unit of this part in its job. */
      readonly first: number;
      /** Indices of the pictures to send back, of this part. */
      readonly wanted: readonly number[];
      /** Null to keep the picture only. */
      readonly fit: Size | null;
      /** The last unit's picture is kept under this time for cuts; null for none. */
      readonly keepAs: number | null;
      /** The last part: pictures that the codec holds back come out. */
      readonly last: boolean;
    }
  /** Answered with one picture for each cut, or `MISSING` when the picture is not kept. */
  | {
      readonly type: 'cut';
      readonly job: number;
      readonly cameraId: string;
      readonly at: number;
      readonly cuts: readonly Cut[];
    }
  /** Frees the memory of a camera. Has no answer. */
  | { readonly type: 'forget'; readonly cameraId: string };
