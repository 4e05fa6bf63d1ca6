import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LinkRecord, SessionRecord, SharedSecret, TokenRecord, UserRecord } from './account-records.ts';
import { ApiTokens } from './api-tokens.ts';
import type { LoginLimit } from './login-limit.ts';
import { OneTimeLinks } from './one-time-links.ts';
import { PasswordHasher } from './password-hasher.ts';
import { newSecret } from './secrets.ts';
import { Sessions } from './sessions.ts';
import type { SharedRecords } from './shared-records.ts';
import { SignIn } from './sign-in.ts';
import { UserDirectory } from './user-directory.ts';

/** The records behind {@link Accounts}. */
export interface AccountStores {
  readonly users: SharedRecords<UserRecord>;
  readonly sessions: SharedRecords<SessionRecord>;
  readonly tokens: SharedRecords<TokenRecord>;
  readonly links: SharedRecords<LinkRecord>;
  readonly secrets: SharedRecords<SharedSecret>;
}

/** Preferences of people, as JSON text. Every method rejects `BUS_DOWN`. */
export interface PreferenceStore {
  /** Null when there are none. */
  read(owner: string): Promise<string | null>;
  write(owner: string, json: string): Promise<void>;
  remove(owner: string): Promise<void>;
}

export interface AccountDeps {
  readonly stores: AccountStores;
  readonly preferences: PreferenceStore;
  readonly limit: LoginLimit;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: ActorLog;
}

const TICKET_SECRET = 'tickets';

/** Users with everything that lets them in. */
export class Accounts {
  readonly users: UserDirectory;
  readonly sessions: Sessions;
  readonly tokens: ApiTokens;
  readonly links: OneTimeLinks;
  readonly signIn: SignIn;
  readonly hasher = new PasswordHasher();
  readonly preferences: PreferenceStore;
  readonly limit: LoginLimit;
  readonly #stores: AccountStores;

  constructor({ stores, preferences, limit, clock, log }: AccountDeps) {
    this.#stores = stores;
    this.preferences = preferences;
    this.limit = limit;
    this.users = new UserDirectory(stores.users, clock);
    this.sessions = new Sessions(stores.sessions, this.users, clock, log);
    this.tokens = new ApiTokens(stores.tokens, clock, log);
    this.links = new OneTimeLinks(stores.links, clock);
    const { users, sessions, links, hasher } = this;
    this.signIn = new SignIn({ users, sessions, links, hasher, limit, clock, log });
  }

  /** The secret that signs tickets on every node; made at the first call ever. Rejects `BUS_DOWN`. */
  async ticketSecret(): Promise<string> {
    const secret = await this.#stores.secrets.change(TICKET_SECRET, (known) => known ?? { value: newSecret() });
    return secret?.value ?? newSecret();
  }

  /** Calls `listener` after every change of users, sessions or tokens, by any node. Returns the function to stop. */
  onChange(listener: () => void): () => void {
    const { users, sessions, tokens } = this.#stores;
    const stops = [users, sessions, tokens].map((records) => records.onChange(listener));
    return () => stops.forEach((stop) => stop());
  }
}
