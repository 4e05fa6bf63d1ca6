/** Every code a {@link DetectorError} can carry, with what it means. */
export const DETECTOR_ERRORS = {
  MODEL_UNREADABLE: 'the model file is missing, damaged, or uses what this onnxruntime does not know',
  MODEL_MISMATCH: 'inputs or outputs of the model do not fit its declared family',
  BAD_FRAME: 'the frame has not the bytes its size calls for',
  INFERENCE_FAILED: 'onnxruntime reported a failure while it ran the model',
  BUSY: 'detect was called while an earlier call was still running',
  RELEASED: 'the detector was released',
} as const;
export type DetectorErrorCode = keyof typeof DETECTOR_ERRORS;

/** A failure of the detector: stable `code`, the model's name among the `fields`, `cause` where there is one. */
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
