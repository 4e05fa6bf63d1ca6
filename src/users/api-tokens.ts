import type { Principal, UserRole } from '../messages/principal.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { AccountError } from './account-error.ts';
import { MOST_ACCOUNTS, type Scope, type TokenRecord } from './account-records.ts';
import { fingerprint, isSecret, newId, newSecret } from './secrets.ts';
import type { SharedRecords } from './shared-records.ts';

/** Every API token begins so. */
const PREFIX = 'gty_';
/** The time of the last use is written this often at most. */
const NOTE_USE_MS = 10 * 60_000;

export interface NewToken {
  readonly name: string;
  readonly role: UserRole;
  readonly groups: Scope;
  readonly expiresAt: string;
}

export interface FoundToken {
  /** Names the token; is no secret. */
  readonly key: string;
  readonly principal: Principal;
}

/** API tokens, at most 1,000. Each has a role, a scope and an end of its own. */
export class ApiTokens {
  readonly #records: SharedRecords<TokenRecord>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #log: ActorLog;
  readonly #noted = new Map<string, number>();

  constructor(records: SharedRecords<TokenRecord>, clock: Pick<Clock, 'now'>, log: ActorLog) {
    this.#records = records;
    this.#clock = clock;
    this.#log = log;
  }

  /** `token` is shown once and kept nowhere. Rejects `TOO_MANY_TOKENS`, `BUS_DOWN`. */
  async add(token: NewToken, createdBy: string): Promise<{ readonly token: string; readonly record: TokenRecord }> {
    await this.#removeEnded();
    if (this.#records.entries.size >= MOST_ACCOUNTS.tokens)
      throw new AccountError('TOO_MANY_TOKENS', `there can be at most ${MOST_ACCOUNTS.tokens} API tokens`);
    const secret = `${PREFIX}${newSecret()}`;
    const createdAt = new Date(this.#clock.now()).toISOString();
    const record = { ...token, id: newId(), createdBy, createdAt, lastUsedAt: null };
    await this.#records.change(fingerprint(secret), () => record);
    return { token: secret, record };
  }

  /** Newest first; those that have ended too, until another one is added. */
  list(): readonly TokenRecord[] {
    return [...this.#records.entries.values()].toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  /** Resolves to the removed one. Rejects `UNKNOWN_TOKEN`, `BUS_DOWN`. */
  async remove(id: string): Promise<TokenRecord> {
    for (const [key, record] of this.#records.entries) {
      if (record.id !== id) continue;
      await this.#records.change(key, () => null);
      this.#noted.delete(key);
      return record;
    }
    throw new AccountError('UNKNOWN_TOKEN', `id: there is no API token ${id}`, { field: 'id' });
  }

  /** Null for anything but a valid token. */
  find(token: string): FoundToken | null {
    if (!token.startsWith(PREFIX) || !isSecret(token.slice(PREFIX.length))) return null;
    return this.named(fingerprint(token));
  }

  /** The token with this key; null when it has ended. */
  named(key: string): FoundToken | null {
    const record = this.#records.entries.get(key);
    if (record === undefined || this.#hasEnded(record)) return null;
    const { name, role, groups } = record;
    return { key, principal: { name, role, groups, via: 'api-token' } };
  }

  /** Notes that the token is in use; written every ten minutes at most, in the background. */
  touch(key: string): void {
    const now = this.#clock.now();
    if (now - (this.#noted.get(key) ?? 0) < NOTE_USE_MS) return;
    this.#noted.set(key, now);
    const lastUsedAt = new Date(now).toISOString();
    this.#records
      .change(key, (known) => (known === null ? null : { ...known, lastUsedAt }))
      .catch((thrown: unknown) =>
        this.#log.debug({ err: asError(thrown).message }, 'the use of an API token could not be noted'),
      );
  }

  onChange(listener: () => void): () => void {
    return this.#records.onChange(listener);
  }

  #hasEnded({ expiresAt }: TokenRecord): boolean {
    return Date.parse(expiresAt) <= this.#clock.now();
  }

  async #removeEnded(): Promise<void> {
    const ended = [...this.#records.entries].filter(([, record]) => this.#hasEnded(record));
    await Promise.all(ended.map(([key]) => this.#records.change(key, () => null)));
    for (const [key] of ended) this.#noted.delete(key);
  }
}
