/** Every code an {@link AccountError} can carry. */
export const ACCOUNT_ERRORS = {
  LOGIN_FAILED: 'the user or the password is wrong',
  TOO_MANY: 'too many tries, or too many at once',
  LINK_INVALID: 'the link was used, has expired or never existed',
  DUPLICATE_USER: 'a user of that name exists',
  UNKNOWN_USER: 'there is no user of that name',
  LAST_ADMIN: 'without this user nobody could manage users',
  TOO_MANY_USERS: 'the list of users is full',
  TOO_MANY_TOKENS: 'the list of API tokens is full',
  UNKNOWN_TOKEN: 'there is no API token of that id',
} as const;
export type AccountErrorCode = keyof typeof ACCOUNT_ERRORS;

/** Thrown when users, sessions, tokens or links refuse a request. The message holds no secret. */
export class AccountError extends Error {
  override readonly name = 'AccountError';
  readonly code: AccountErrorCode;
  /** The field of the request that is refused; null: none in particular. */
  readonly field: string | null;
  /** Seconds until another try makes sense; null: any time, or never. */
  readonly retryAfter: number | null;

  constructor(
    code: AccountErrorCode,
    message: string,
    about: { readonly field?: string; readonly retryAfter?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.field = about.field ?? null;
    this.retryAfter = about.retryAfter ?? null;
  }
}
