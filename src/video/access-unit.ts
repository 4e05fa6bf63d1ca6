export const VIDEO_CODECS = ['h264', 'h265', 'mjpeg'] as const;
export type VideoCodec = (typeof VIDEO_CODECS)[number];

/** Ticks a second of the times in RTP and MPEG-TS. */
export const TICKS_PER_SECOND = 90_000;

/** One coded picture, as a camera sent it. Readers neither keep a view of its bytes for long nor change them. */
export interface AccessUnit {
  readonly codec: VideoCodec;
  /** H.264 and H.265: Annex B, with all parameter sets in front of a keyframe. MJPEG: one whole JPEG. */
  readonly data: Uint8Array;
  /** Decoding may begin here. */
  readonly isKey: boolean;
  /** When its last byte arrived, epoch ms of our clock. Never falls within a session. */
  readonly at: number;
  /** Presentation time in ticks of 90 kHz on the camera's clock, without the wrap at 2^32. May jump either way. */
  readonly pts: number;
}
