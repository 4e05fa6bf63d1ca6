import { hash, verify } from '@node-rs/argon2';
import { AccountError } from './account-error.ts';

/** OWASP's parameters for argon2id, the library's own choice: 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Hashes at once: each takes a core for some 50 ms. */
const AT_ONCE = 2;
const MOST_WAITING = 64;

/** Hashes of passwords, a few at a time. At the limit it refuses with `TOO_MANY`. */
export class PasswordHasher {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Verified in place of the hash of an unknown user, so that it takes the same time. */
  #decoy: Promise<string> | null = null;

  /** The password in PHC form. */
  hash(password: string): Promise<string> {
    return this.run(() => hash(password, ARGON2ID));
  }

  /** Takes the same time for a user without password, where `expected` is null. */
  async verify(expected: string | null, password: string): Promise<boolean> {
    this.#decoy ??= hash('nobody has this password', ARGON2ID);
    const matches = await verify(expected ?? (await this.#decoy), password);
    return matches && expected !== null;
  }

  /** Runs `work`, which may hash, once it has its turn. Rejects `TOO_MANY` when too many wait. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < AT_ONCE) this.#running += 1;
    else if (this.#waiting.length >= MOST_WAITING)
      throw new AccountError('TOO_MANY', 'too many passwords are being checked now: try again', { retryAfter: 2 });
    // The turn is handed over, so the count stays.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
