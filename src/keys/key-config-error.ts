/** Every code a {@link KeyError} can carry. */
export const KEY_ERRORS = {
  KEY_CONFIG_UNREADABLE: 'the file of the API keys exists but cannot be read',
  KEY_CONFIG_INVALID: 'the file of the API keys holds a value that is missing or out of range',
} as const;
export type KeyErrorCode = keyof typeof KEY_ERRORS;

/** An error about API keys. Neither `message` nor `fields` ever holds a key. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code: KeyErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: KeyErrorCode, message: string, fields: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}
