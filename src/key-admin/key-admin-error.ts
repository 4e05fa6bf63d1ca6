/** Every code a {@link KeyAdminError} can carry. */
export const KEY_ADMIN_ERRORS = {
  SEAL_KEY_MISSING: 'an encrypted record is there, and nothing to open it with',
  SEAL_BROKEN: 'an encrypted record was made with another secret, or was changed',
  SEAL_FORMAT: 'a record is not in a format this version knows',
  NOT_SEALED: 'a record that must be encrypted is not',
  CHANGES_BROKEN: 'the record of key changes does not hold what it should',
  UNKNOWN_KEY: 'there is no API key of that name',
  DUPLICATE_KEY: 'an API key of that name exists',
  KEY_REFUSED: 'a field of an API key has a value it cannot have here',
  TOO_MANY_CHANGES: 'the record of key changes is full',
} as const;
export type KeyAdminErrorCode = keyof typeof KEY_ADMIN_ERRORS;

/** An error in changing API keys. Neither `message` nor `fields` ever holds a key. */
export class KeyAdminError extends Error {
  override readonly name = 'KeyAdminError';
  readonly code: KeyAdminErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: KeyAdminErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}
