import type { AccessUnit } from '../video/access-unit.ts';

/** In px. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What comes out of a decoder: rgb24 without gaps between rows. */
export interface DecodedPicture {
  /** Fills its buffer, so that it can be transferred. */
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** Of the whole picture as shown, with square pixels; boxes of road users are in px of it. */
  readonly display: Size;
}

/** A rectangle of whole px of the picture as shown. */
export interface Cut {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** A cut that is wider or higher comes scaled down to this, in px. */
  readonly maxSide: number;
}

/** Names a decoded picture of a camera: `at` of its access unit, epoch ms. */
export interface PictureName {
  readonly cameraId: string;
  readonly at: number;
}

/**
 * Jobs with a lower number go first; a job of the same urgency in the order of arrival, cameras in turn.
 * `due`: a picture for the detector. `wanted`: parts of a picture that somebody waits for. `burst`: a look-back.
 */
export const URGENCY = { wanted: 0, due: 1, burst: 2 } as const;
export type Urgency = keyof typeof URGENCY;

interface Job {
  readonly cameraId: string;
  /**
   * In decoding order, at most 4,000. The first is a keyframe, unless `continues`: then they follow the units of this
   * camera's last job of the same kind (pictures and bursts have state of their own) with the same `stream`. A job that
   * was rejected can be continued after `REPLACED` and `UNDECODABLE` only. Cuts continue nothing.
   */
  readonly units: readonly AccessUnit[];
  /** Another number after each break in the stream: what was decoded before is not continued. */
  readonly stream: number;
  readonly continues: boolean;
}

export interface PictureJob extends Job {
  /** The last unit's picture, scaled down to fit, keeping the shape that it is shown in. */
  readonly fit: Size;
}

export interface BurstJob extends Job {
  readonly fit: Size;
  /** Indices of `units` whose pictures are wanted, ascending. */
  readonly wanted: readonly number[];
  /** Called with each wanted picture, in order; one that could not be decoded is left out. */
  readonly onPicture: (index: number, picture: DecodedPicture) => void;
}

export interface CutJob extends Job {
  /** The last unit's picture. The units are used, and may be left out, where the decoder still has it. */
  readonly picture: PictureName;
  /** At most 64; the part of each inside the picture counts. */
  readonly cuts: readonly Cut[];
}

export interface DecoderStats {
  readonly decoders: number;
  readonly waiting: Readonly<Record<Urgency, number>>;
  /** Pictures decoded, and those that failed, since the start. */
  readonly decoded: number;
  readonly failed: number;
  /** Times that a decoder ended unasked. */
  readonly died: number;
  /** Cameras whose pictures ended a decoder twice: they have one of their own. */
  readonly isolated: readonly string[];
  /** Part of the decoders' time that was used in the last 10 s, 0 to 1, and that of bursts. */
  readonly busy: number;
  readonly burstBusy: number;
}

/** The decoders of this machine, shared by all cameras. All calls reject with `DecodeError`. */
export interface Decoders {
  /** The newest due picture of a camera counts: one that still waits is rejected `REPLACED`. */
  picture(job: PictureJob): Promise<DecodedPicture>;
  /** Bursts share a bounded part of the decoders' time, in turn. `signal` ends it between pictures: `STOPPED`. */
  burst(job: BurstJob, signal: AbortSignal): Promise<void>;
  /** The cuts of a picture in their order. */
  cut(job: CutJob): Promise<readonly DecodedPicture[]>;
  /** Forgets a camera: its waiting jobs are rejected `STOPPED`, its memory in the decoders is freed. */
  forget(cameraId: string): void;
  stats(): DecoderStats;
  stop(): Promise<void>;
}

/** Every code a {@link DecodeError} can carry, with what it means. */
export const DECODE_ERRORS = {
  UNDECODABLE: 'the coded picture is damaged, or of a kind that the decoder does not know',
  NEEDS_KEYFRAME: 'the decoder does not hold the state that the job continues; send the units from the last keyframe',
  DECODER_DIED: 'the decoder ended while it had this picture',
  TIMED_OUT: 'the picture took the decoder too long; the decoder was replaced',
  REPLACED: 'a newer picture of the camera is due',
  TOO_MANY: 'too many jobs wait',
  STOPPED: 'the camera or the decoders are stopping',
} as const;
export type DecodeErrorCode = keyof typeof DECODE_ERRORS;

export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  readonly code: DecodeErrorCode;

  constructor(code: DecodeErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
