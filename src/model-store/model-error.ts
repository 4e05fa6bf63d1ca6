/** Every code a {@link ModelStoreError} can carry, with what it means. */
export const MODEL_STORE_ERRORS = {
  UNKNOWN_MODEL: 'neither a name in models/manifest.json nor a readable spec file',
  BAD_SPEC: 'a spec or the manifest does not have the fields it needs',
  MODEL_FILE_MISSING: 'the model must be supplied by the operator and is not there',
  DOWNLOAD_FAILED: 'the package or the model could not be fetched',
  INTEGRITY: 'the fetched or converted file does not have the checksum of the manifest',
  NOT_KEPT: 'the model could not be written into the models folder',
  CONVERSION: 'the source model has a part that the converter does not know',
} as const;
export type ModelStoreErrorCode = keyof typeof MODEL_STORE_ERRORS;

/** A failure while a model is looked up, fetched or converted. */
export class ModelStoreError extends Error {
  override readonly name = 'ModelStoreError';
  readonly code: ModelStoreErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: ModelStoreErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}
