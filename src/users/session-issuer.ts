import type { Principal, UserRole } from '../messages/principal.ts';
import type { Identity, Scope } from './account-records.ts';

/** A session that has just begun. Both secrets go to the client and are kept nowhere. */
export interface IssuedSession {
  /** The value of the cookie. */
  readonly secret: string;
  /** The value of the header `x-csrf-token`. */
  readonly csrf: string;
  readonly principal: Principal;
}

/** Somebody for whom an identity provider vouches. */
export interface ExternalLogin {
  /** The name of the user here; 1 to 64 characters as `UserName` allows. */
  readonly name: string;
  readonly identity: Identity;
  /** Makes an unknown user with these rights, and renews those of a user made so; null: only known users get in. */
  readonly rights: { readonly role: UserRole; readonly groups: Scope } | null;
}

/** Begins sessions for logins that another party has checked. */
export interface SessionIssuer {
  /**
   * Signs the user in. A known identity decides; else the name, where that user has neither a password nor another
   * identity. Rejects with an `AccountError`: `LOGIN_FAILED` for everybody else,
   * `TOO_MANY_USERS` when the list is full.
   */
  issue(login: ExternalLogin): Promise<IssuedSession>;
}
