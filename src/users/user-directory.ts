import { randomInt } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { UserRole } from '../messages/principal.ts';
import { AccountError } from './account-error.ts';
import { type Identity, MOST_ACCOUNTS, type Scope, type UserRecord } from './account-records.ts';
import { userKey } from './secrets.ts';
import type { SharedRecords } from './shared-records.ts';

/** Names that principals without a user have. */
const RESERVED: ReadonlySet<string> = new Set([userKey('anyone'), userKey('access-token')]);

export interface NewUser {
  readonly name: string;
  readonly role: UserRole;
  readonly groups: Scope;
  readonly passwordHash: string | null;
  readonly identity: Identity | null;
}

export interface UserChange {
  readonly role?: UserRole | undefined;
  readonly groups?: Scope | undefined;
  readonly passwordHash?: string;
  readonly identity?: Identity;
  readonly lastLoginAt?: string;
  /** Ends all sessions of the user, on every node. */
  readonly endSessions?: boolean;
}

/** The users, at most 1,000. */
export class UserDirectory {
  readonly #records: SharedRecords<UserRecord>;
  readonly #clock: Pick<Clock, 'now'>;
  #everAny = false;

  constructor(records: SharedRecords<UserRecord>, clock: Pick<Clock, 'now'>) {
    this.#records = records;
    this.#clock = clock;
  }

  /**
   * Whether there are users, or have been since this process started: a list that was lost must not open the server.
   */
  get any(): boolean {
    this.#everAny ||= this.#records.entries.size > 0;
    return this.#everAny;
  }

  /** Whether there are none now. */
  get empty(): boolean {
    return this.#records.entries.size === 0;
  }

  get(name: string): UserRecord | null {
    return this.#records.entries.get(userKey(name)) ?? null;
  }

  /** As {@link get}, also when another node has just added the user. Rejects `BUS_DOWN`. */
  fetch(name: string): Promise<UserRecord | null> {
    return this.#records.fetch(userKey(name));
  }

  withIdentity({ issuer, subject }: Identity): UserRecord | null {
    for (const user of this.#records.entries.values())
      if (user.identity?.issuer === issuer && user.identity.subject === subject) return user;
    return null;
  }

  /** By name. */
  list(): readonly UserRecord[] {
    return [...this.#records.entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Rejects `DUPLICATE_USER`, `TOO_MANY_USERS`, `BUS_DOWN`. */
  async add(user: NewUser): Promise<UserRecord> {
    const key = userKey(user.name);
    if (this.#records.entries.size >= MOST_ACCOUNTS.users)
      throw new AccountError('TOO_MANY_USERS', `there can be at most ${MOST_ACCOUNTS.users} users`);
    if (this.empty && !managesUsers(user))
      throw new AccountError('LAST_ADMIN', 'role: the first user must be an admin for all cameras', { field: 'role' });
    const added: UserRecord = {
      ...user,
      createdAt: new Date(this.#clock.now()).toISOString(),
      lastLoginAt: null,
      // Not that of an earlier user of this name, whose sessions must not come back.
      generation: randomInt(2 ** 40),
    };
    await this.#records.change(key, (known) => {
      if (known !== null || RESERVED.has(key))
        throw new AccountError('DUPLICATE_USER', `name: there is a user ${user.name}, or the name is reserved`, {
          field: 'name',
        });
      return added;
    });
    return added;
  }

  /** Rejects `UNKNOWN_USER`, `LAST_ADMIN`, `BUS_DOWN`. */
  async change(name: string, change: UserChange): Promise<UserRecord> {
    const changed = await this.#records.change(userKey(name), (known) => {
      if (known === null) throw unknownUser(name);
      const next = applied(known, change);
      if (!managesUsers(next)) this.#keepAnAdmin(known);
      return next;
    });
    if (changed === null) throw unknownUser(name);
    return changed;
  }

  /** Rejects `UNKNOWN_USER`, `LAST_ADMIN`, `BUS_DOWN`. */
  async remove(name: string): Promise<void> {
    await this.#records.change(userKey(name), (known) => {
      if (known === null) throw unknownUser(name);
      this.#keepAnAdmin(known);
      return null;
    });
  }

  onChange(listener: () => void): () => void {
    return this.#records.onChange(listener);
  }

  /** Throws `LAST_ADMIN` when `user` is the only one who manages users. */
  #keepAnAdmin(user: UserRecord): void {
    if (!managesUsers(user)) return;
    const key = userKey(user.name);
    for (const [other, record] of this.#records.entries) if (other !== key && managesUsers(record)) return;
    throw new AccountError(
      'LAST_ADMIN',
      `name: ${user.name} is the last admin for all cameras: add another one first`,
      {
        field: 'name',
      },
    );
  }
}

/** Whether the rights suffice to manage users and API tokens. */
export const managesUsers = ({ role, groups }: Pick<UserRecord, 'role' | 'groups'>): boolean =>
  role === 'admin' && groups === null;

function applied(known: UserRecord, change: UserChange): UserRecord {
  const { role = known.role, groups = known.groups, passwordHash = known.passwordHash } = change;
  const { identity = known.identity, lastLoginAt = known.lastLoginAt, endSessions = false } = change;
  const generation = known.generation + (endSessions ? 1 : 0);
  return { ...known, role, groups, passwordHash, identity, lastLoginAt, generation };
}

const unknownUser = (name: string): AccountError =>
  new AccountError('UNKNOWN_USER', `name: there is no user ${name}`, { field: 'name' });
