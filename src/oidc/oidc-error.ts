/** Every code an {@link OidcError} can carry. */
export const OIDC_ERRORS = {
  OIDC_UNREACHABLE: 'the identity provider could not be reached, or did not answer in time',
  OIDC_FAILED: 'the identity provider answered, but not as it should',
  OIDC_DENIED: 'the provider refused the sign-in, or the person cancelled it there',
  OIDC_NO_ROLE: 'the provider vouches for the person, but no rule gives them a role here',
  OIDC_NOT_A_USER: 'the person is no user here, and cannot become one: the name is not allowed, or taken',
  OIDC_STALE: 'the sign-in took too long, was done already, or began in another browser',
} as const;
export type OidcErrorCode = keyof typeof OIDC_ERRORS;

/** Thrown when a sign-in by OpenID Connect fails. The message holds no secret. */
export class OidcError extends Error {
  override readonly name = 'OidcError';
  readonly code: OidcErrorCode;

  constructor(code: OidcErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
