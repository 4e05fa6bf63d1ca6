/** Every code a {@link DetectorError} can carry, with what it means. */
export const DETECTOR_ERRORS = {
  MODEL_UNREADABLE: 'the model file is missing, damaged, or needs operations that this onnxruntime does not have',
  MODEL_MISMATCH: 'inputs or outputs of the model do not fit its declared family',
  BAD_FRAME: 'the number of bytes of the frame does not match its size',
  INFERENCE_FAILED: 'onnxruntime failed to run the model',
  BUSY: 'detect was called while an earlier call was still running',
  RELEASED: 'the detector was released',
} as const;
export type DetectorErrorCode = keyof typeof DETECTOR_ERRORS;

/** A failure of the detector. `fields` has the model's name. */
export class DetectorError extends Error {
  override readonly name = 'DetectorError';
  readonly code: DetectorErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: DetectorErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}
