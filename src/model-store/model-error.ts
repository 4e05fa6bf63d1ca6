/** Every code a {@link ModelStoreError} can carry, with what it means. */
export const MODEL_STORE_ERRORS = {
  UNKNOWN_MODEL: 'neither a name in models/manifest.json nor a readable spec file',
  BAD_SPEC: 'a spec or the manifest does not have the fields it needs',
  MODEL_FILE_MISSING: 'the model must be supplied by the operator and is not there',
  DOWNLOAD_FAILED: 'the package could not be fetched',
  INTEGRITY: 'what was fetched or produced is not what the manifest promises',
  NOT_KEPT: 'the model could not be written into the models folder',
  CONVERSION: 'the source model holds something the converter does not know',
} as const;
export type ModelStoreErrorCode = keyof typeof MODEL_STORE_ERRORS;

/** A failure while a model is looked up, fetched or converted: stable `code`, `fields`, `cause` where there is one. */
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
