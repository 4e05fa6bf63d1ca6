/** Every code a {@link VideoError} can carry, with what it means. */
export const VIDEO_ERRORS = {
  NO_KEYFRAME: 'no access unit of the clip can be decoded by itself',
  NO_PARAMETERS: 'the first keyframe has no readable sequence parameter set',
  NOT_IN_MP4: 'pictures of this codec are not written to MP4: a player would not show them',
  OTHER_CODEC: 'an access unit has another codec than those before it',
  MUX_FAILED: 'the library refused the pictures',
} as const;
export type VideoErrorCode = keyof typeof VIDEO_ERRORS;

export class VideoError extends Error {
  override readonly name = 'VideoError';
  readonly code: VideoErrorCode;

  constructor(code: VideoErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
