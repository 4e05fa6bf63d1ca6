import type { Principal } from '../messages/principal.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { MOST_ACCOUNTS, type SessionRecord, type UserRecord } from './account-records.ts';
import { csrfOf, fingerprint, isSecret, newSecret } from './secrets.ts';
import type { IssuedSession } from './session-issuer.ts';
import type { SharedRecords } from './shared-records.ts';
import type { UserDirectory } from './user-directory.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A session ends this long after its last use. */
export const IDLE_MS = 12 * HOUR;
/** A session ends this long after its login, used or not. */
export const LONGEST_MS = 7 * 24 * HOUR;
/** The time of the last use is written this often at most. */
export const RENEW_MS = MINUTE;
/** Questions to the store at once about secrets that this node doesn't know. */
const MOST_FETCHES = 16;

/** A valid session. */
export interface FoundSession {
  /** Names the session; is no secret. */
  readonly key: string;
  readonly principal: Principal;
}

/** The sessions of all users, at most 10,000: the one that was used longest ago makes room. */
export class Sessions {
  readonly #records: SharedRecords<SessionRecord>;
  readonly #users: Pick<UserDirectory, 'get' | 'fetch' | 'change'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #log: ActorLog;
  /** When this node last tried to renew a session, by key. */
  readonly #renewed = new Map<string, number>();
  #fetches = 0;

  constructor(
    records: SharedRecords<SessionRecord>,
    users: Pick<UserDirectory, 'get' | 'fetch' | 'change'>,
    clock: Pick<Clock, 'now'>,
    log: ActorLog,
  ) {
    this.#records = records;
    this.#users = users;
    this.#clock = clock;
    this.#log = log;
  }

  /** Begins a session. Rejects `BUS_DOWN`. */
  async begin(user: UserRecord): Promise<IssuedSession> {
    await this.#makeRoom();
    const secret = newSecret();
    const now = this.#clock.now();
    const record = { user: user.name, generation: user.generation, createdAt: now, usedAt: now };
    await this.#records.change(fingerprint(secret), () => record);
    return { secret, csrf: csrfOf(secret), principal: principalOf(user) };
  }

  /** The session of a cookie; null when there is none, or it has ended. Answers from memory wherever it can. */
  async find(secret: string): Promise<FoundSession | null> {
    if (!isSecret(secret)) return null;
    const key = fingerprint(secret);
    const known = this.named(key);
    if (known !== null || this.#records.entries.has(key)) return known;
    // Another node may have begun it a moment ago.
    if (this.#fetches >= MOST_FETCHES) return null;
    this.#fetches += 1;
    try {
      const record = await this.#records.fetch(key);
      return record === null ? null : this.#valid(key, record, await this.#users.fetch(record.user));
    } catch (thrown) {
      this.#log.debug({ err: asError(thrown).message }, 'a session could not be looked up: NATS is away');
      return null;
    } finally {
      this.#fetches -= 1;
    }
  }

  /** The session with this key; null when it has ended. */
  named(key: string): FoundSession | null {
    const record = this.#records.entries.get(key);
    return record === undefined ? null : this.#valid(key, record, this.#users.get(record.user));
  }

  /** Notes that the session is in use; written at most once a minute, in the background. */
  touch(key: string): void {
    const now = this.#clock.now();
    const record = this.#records.entries.get(key);
    const last = Math.max(record?.usedAt ?? now, this.#renewed.get(key) ?? 0);
    if (now - last < RENEW_MS) return;
    this.#renewed.set(key, now);
    this.#records
      .change(key, (known) => (known === null || known.usedAt >= now ? known : { ...known, usedAt: now }))
      .catch((thrown: unknown) =>
        this.#log.debug({ err: asError(thrown).message }, 'the use of a session could not be noted'),
      );
  }

  /** Ends one session. Rejects `BUS_DOWN`. */
  async end(key: string): Promise<void> {
    await this.#records.change(key, () => null);
    this.#renewed.delete(key);
  }

  /** Ends all sessions of a user, on every node. Rejects `UNKNOWN_USER`, `BUS_DOWN`. */
  async endAll(user: string): Promise<void> {
    await this.#users.change(user, { endSessions: true });
  }

  /** Lets a session live on though all of the user's end. Rejects `BUS_DOWN`. */
  async carryOver(key: string, { generation }: UserRecord): Promise<void> {
    await this.#records.change(key, (known) => (known === null ? null : { ...known, generation }));
  }

  /** Valid sessions, by name of the user. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [key, record] of this.#records.entries) {
      const user = this.#valid(key, record, this.#users.get(record.user))?.principal.name;
      if (user !== undefined) counts.set(user, (counts.get(user) ?? 0) + 1);
    }
    return counts;
  }

  #valid(key: string, record: SessionRecord, user: UserRecord | null): FoundSession | null {
    if (user === null || user.generation !== record.generation || !isLive(record, this.#clock.now())) return null;
    return { key, principal: principalOf(user) };
  }

  /** Removes ended sessions, and the one used longest ago where there are still too many. */
  async #makeRoom(): Promise<void> {
    const ended = [...this.#records.entries.keys()].filter((key) => this.named(key) === null);
    for (const key of this.#renewed.keys()) if (!this.#records.entries.has(key)) this.#renewed.delete(key);
    let oldest: string | null = null;
    if (this.#records.entries.size - ended.length >= MOST_ACCOUNTS.sessions) {
      let usedAt = Number.POSITIVE_INFINITY;
      for (const [key, record] of this.#records.entries) {
        if (record.usedAt < usedAt) [oldest, usedAt] = [key, record.usedAt];
      }
    }
    // A few at a time: a login must not wait for thousands of writes.
    const going = [...(oldest === null ? [] : [oldest]), ...ended].slice(0, MOST_REMOVED);
    await Promise.all(going.map((key) => this.end(key)));
  }
}

/** Ended sessions that one login removes. */
const MOST_REMOVED = 20;

const isLive = ({ createdAt, usedAt }: SessionRecord, now: number): boolean =>
  now - usedAt < IDLE_MS && now - createdAt < LONGEST_MS;

const principalOf = ({ name, role, groups }: UserRecord): Principal => ({ name, role, groups, via: 'session' });
