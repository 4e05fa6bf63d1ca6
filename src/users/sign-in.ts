import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { AccountError } from './account-error.ts';
import { UserName, type UserRecord } from './account-records.ts';
import type { LoginLimit } from './login-limit.ts';
import type { OneTimeLinks } from './one-time-links.ts';
import type { PasswordHasher } from './password-hasher.ts';
import { userKey } from './secrets.ts';
import type { ExternalLogin, IssuedSession, SessionIssuer } from './session-issuer.ts';
import type { Sessions } from './sessions.ts';
import type { UserDirectory } from './user-directory.ts';

/** How a login ended. */
export const LOGIN_OUTCOMES = ['success', 'failed', 'limited', 'busy', 'link', 'external'] as const;
export type LoginOutcome = (typeof LOGIN_OUTCOMES)[number];

export interface PasswordChange {
  readonly current: string;
  readonly password: string;
}

export interface SignInDeps {
  readonly users: UserDirectory;
  readonly sessions: Sessions;
  readonly links: OneTimeLinks;
  readonly hasher: PasswordHasher;
  readonly limit: LoginLimit;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: ActorLog;
}

/** The ways to begin a session: a password, a one-time link, or another party that vouches for the user. */
export class SignIn implements SessionIssuer {
  readonly #deps: SignInDeps;
  readonly #counts = new Map<LoginOutcome, number>();

  constructor(deps: SignInDeps) {
    this.#deps = deps;
  }

  /** Logins since the start, by outcome. */
  counts(): ReadonlyMap<LoginOutcome, number> {
    return this.#counts;
  }

  /**
   * A success forgets the tries before it. Rejects `LOGIN_FAILED`, with the same words and after
   * the same time whether or not there is such a user; `TOO_MANY`; `BUS_DOWN`.
   *
   * @param address of the client
   */
  async withPassword(name: string, password: string, address: string): Promise<IssuedSession> {
    const { users, hasher, limit, sessions } = this.#deps;
    try {
      const user = await this.#checked(address, name, async () => {
        const found = users.get(name);
        return (await hasher.verify(found?.passwordHash ?? null, password)) ? found : null;
      });
      if (user === null) throw refused();
      await limit.forget(userKey(name), address);
      const issued = await sessions.begin(user);
      this.#seen(user);
      this.#count('success');
      return issued;
    } catch (thrown) {
      if (thrown instanceof AccountError && thrown.code === 'LOGIN_FAILED') this.#count('failed');
      throw thrown;
    }
  }

  /** Redeems a link: sets the password, ends earlier sessions, begins one. Rejects as below, and `TOO_MANY`. */
  async withLink(link: string, name: string | null, password: string): Promise<IssuedSession> {
    const { users, links, hasher, sessions } = this.#deps;
    const { user } = await links.look(link);
    const passwordHash = await hasher.hash(password);
    const signedIn =
      user === null
        ? await this.#makeFirstAdmin(link, name, passwordHash)
        : await links.redeem(link).then(() => users.change(user, { passwordHash, endSessions: true }));
    const issued = await sessions.begin(signedIn);
    this.#seen(signedIn);
    this.#count('link');
    return issued;
  }

  async issue(login: ExternalLogin): Promise<IssuedSession> {
    const user = await this.#externalUser(login);
    const issued = await this.#deps.sessions.begin(user);
    this.#seen(user);
    this.#count('external');
    return issued;
  }

  /**
   * Ends all sessions of the user but the one with the key `keep`. Rejects `LOGIN_FAILED` when `current` is not the
   * user's password, `TOO_MANY`, `BUS_DOWN`.
   */
  async changePassword(name: string, passwords: PasswordChange, address: string, keep: string): Promise<void> {
    const { users, hasher, sessions } = this.#deps;
    const matches = await this.#checked(address, name, () =>
      hasher.verify(users.get(name)?.passwordHash ?? null, passwords.current),
    );
    if (!matches) throw new AccountError('LOGIN_FAILED', 'current: is not your password', { field: 'current' });
    const passwordHash = await hasher.hash(passwords.password);
    await sessions.carryOver(keep, await users.change(name, { passwordHash, endSessions: true }));
  }

  /** Runs a check of a password in its turn, within the limit of tries. */
  async #checked<T>(address: string, name: string, check: () => Promise<T>): Promise<T> {
    const { hasher, limit } = this.#deps;
    let waitMs = 0;
    try {
      // In turn first: names made up in masses must not fill the memory of the limit.
      return await hasher.run(async () => {
        waitMs = await limit.take(userKey(name), address);
        if (waitMs === 0) return check();
        throw new AccountError('TOO_MANY', 'too many tries for this user: wait a minute', {
          retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)),
        });
      });
    } catch (thrown) {
      if (thrown instanceof AccountError && thrown.code === 'TOO_MANY') this.#count(waitMs > 0 ? 'limited' : 'busy');
      throw thrown;
    }
  }

  async #makeFirstAdmin(link: string, name: string | null, passwordHash: string): Promise<UserRecord> {
    const { users, links } = this.#deps;
    if (!users.empty)
      throw new AccountError('LINK_INVALID', 'link: the first administrator is there already', { field: 'link' });
    await links.redeem(link);
    const admin = { name: name ?? 'admin', role: 'admin', groups: null, passwordHash, identity: null } as const;
    const added = await users.add(admin);
    await links.withdraw(null);
    return added;
  }

  async #externalUser({ name, identity, rights }: ExternalLogin): Promise<UserRecord> {
    const { users } = this.#deps;
    const known = users.withIdentity(identity);
    if (known !== null) return rights === null ? known : users.change(known.name, rights);
    const named = users.get(name);
    if (named !== null) {
      // Otherwise anybody who gets that name at the provider would take over the user.
      if (named.identity !== null || named.passwordHash !== null) throw refused();
      return users.change(name, { identity, ...rights });
    }
    if (rights === null || !UserName.safeParse(name).success) throw refused();
    return users.add({ name, ...rights, passwordHash: null, identity });
  }

  /** Notes the login in the background: signing in must not fail for it. */
  #seen(user: UserRecord): void {
    const { users, clock, log } = this.#deps;
    users
      .change(user.name, { lastLoginAt: new Date(clock.now()).toISOString() })
      .catch((thrown: unknown) => log.debug({ err: asError(thrown).message }, 'a login could not be noted'));
  }

  #count(outcome: LoginOutcome): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }
}

const refused = (): AccountError => new AccountError('LOGIN_FAILED', 'the user or the password is wrong');
