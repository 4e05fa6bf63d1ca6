import type { Clock } from '../runtime/clock.ts';
import { AccountError } from './account-error.ts';
import { type LinkRecord, MOST_ACCOUNTS } from './account-records.ts';
import { fingerprint, isSecret, newSecret } from './secrets.ts';
import type { SharedRecords } from './shared-records.ts';

/** How long a link can be used. */
export const LINK_LIFE_MS = 24 * 3_600_000;

/** Links that set a password once, or make the first administrator. */
export class OneTimeLinks {
  readonly #records: SharedRecords<LinkRecord>;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(records: SharedRecords<LinkRecord>, clock: Pick<Clock, 'now'>) {
    this.#records = records;
    this.#clock = clock;
  }

  /**
   * The secret of a new link, which withdraws earlier ones for the same user. The first administrator may have several:
   * each node prints its own. Rejects `BUS_DOWN`.
   *
   * @param user null: for the first administrator
   */
  async make(user: string | null): Promise<string> {
    const now = this.#clock.now();
    const going = [...this.#records.entries].filter(
      ([, link]) => link.expiresAt <= now || (user !== null && link.user === user),
    );
    if (this.#records.entries.size - going.length >= MOST_ACCOUNTS.links) {
      const [first] = [...this.#records.entries].toSorted(([, a], [, b]) => a.expiresAt - b.expiresAt);
      if (first !== undefined) going.push(first);
    }
    await Promise.all(going.map(([key]) => this.#records.change(key, () => null)));
    const secret = newSecret();
    await this.#records.change(fingerprint(secret), () => ({ user, expiresAt: now + LINK_LIFE_MS }));
    return secret;
  }

  /** The link, not used yet. Rejects `LINK_INVALID`, `BUS_DOWN`. */
  async look(secret: string): Promise<LinkRecord> {
    const link = isSecret(secret) ? await this.#records.fetch(fingerprint(secret)) : null;
    if (link === null || link.expiresAt <= this.#clock.now()) throw invalid();
    return link;
  }

  /** Uses the link up, once over all nodes. Rejects `LINK_INVALID`, `BUS_DOWN`. */
  async redeem(secret: string): Promise<void> {
    await this.#records.change(fingerprint(secret), (known) => {
      if (known === null || known.expiresAt <= this.#clock.now()) throw invalid();
      return null;
    });
  }

  /** Withdraws all links of this user; null: those for the first administrator. Rejects `BUS_DOWN`. */
  async withdraw(user: string | null): Promise<void> {
    const going = [...this.#records.entries].filter(([, link]) => link.user === user);
    await Promise.all(going.map(([key]) => this.#records.change(key, () => null)));
  }
}

const invalid = (): AccountError =>
  new AccountError('LINK_INVALID', 'link: was used, has expired or never existed; ask for a new one', {
    field: 'link',
  });
