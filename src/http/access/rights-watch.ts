import type { Clock, TimerHandle } from '../../runtime/clock.ts';
import type { Principal } from '../../messages/principal.ts';
import type { Accounts } from '../../users/accounts.ts';
import type { Authenticator, SignedIn } from './authenticator.ts';
import type { OpenConnections } from './open-connections.ts';

/** Changes that come together are looked at once. */
const SOON_MS = 100;
const EVERY_MS = 60_000;

export interface RightsWatchOptions {
  readonly open: Pick<OpenConnections, 'end' | 'openedBy'>;
  readonly authenticator: Pick<Authenticator, 'principalOf' | 'touch'>;
  readonly accounts: Pick<Accounts, 'onChange'>;
  readonly clock: Clock;
}

/**
 * Ends open connections as soon as the session or token that opened them has ended, or has other rights. An open
 * connection counts as use of its session.
 */
export class RightsWatch {
  readonly #options: RightsWatchOptions;
  readonly #unsubscribe: () => void;
  #soon: TimerHandle | null = null;
  #regular: TimerHandle | null = null;

  constructor(options: RightsWatchOptions) {
    this.#options = options;
    this.#unsubscribe = options.accounts.onChange(() => {
      this.#soon ??= options.clock.setTimeout(() => {
        this.#soon = null;
        this.#check();
      }, SOON_MS);
    });
  }

  /** Looks once a minute from now on: a session also ends by itself. */
  start(): void {
    this.#regular ??= this.#again();
  }

  close(): void {
    this.#unsubscribe();
    for (const timer of [this.#soon, this.#regular]) if (timer !== null) this.#options.clock.clearTimeout(timer);
  }

  #again(): TimerHandle {
    const { open, authenticator, clock } = this.#options;
    return clock.setTimeout(() => {
      this.#check();
      for (const { credential } of open.openedBy()) authenticator.touch(credential);
      this.#regular = this.#again();
    }, EVERY_MS);
  }

  #check(): void {
    const { open, authenticator } = this.#options;
    open.end(({ credential, principal }: SignedIn) => {
      const now = authenticator.principalOf(credential);
      return now === null || !isSame(now, principal);
    });
  }
}

const isSame = (a: Principal, b: Principal): boolean =>
  a.name === b.name && a.role === b.role && JSON.stringify(a.groups) === JSON.stringify(b.groups);
