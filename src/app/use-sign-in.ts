import type { Log } from '../infra/log.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { SharedTries } from '../infra/redis/shared-tries.ts';
import type { Accounts } from '../users/accounts.ts';
import type { GantryConfig } from './config.ts';
import type { CheckedListener } from './listener.ts';
import type { StartStack } from './start-stack.ts';
import { openAccounts } from './use-accounts.ts';

export interface SignInParts {
  readonly config: Pick<GantryConfig, 'oidc'>;
  readonly listener: CheckedListener;
  /** Counts tries to sign in for all processes; null: each counts its own. */
  readonly redisUrl: string | null;
  readonly bus: NatsBus;
  readonly log: Log;
}

export interface UsedSignIn {
  readonly accounts: Accounts;
  /** For the operator, about who may reach the listener. */
  readonly accessNotices: readonly string[];
}

/**
 * The users who may sign in. Every process needs them, since each answers the API.
 *
 * @throws InfraError `CONFIG_INVALID` when other machines reach the listener, and neither users nor a token guard it
 */
export async function useSignIn(
  stack: StartStack,
  { config, listener, redisUrl, bus, log }: SignInParts,
): Promise<UsedSignIn> {
  const limit = await stack.step(
    'tries to sign in',
    () => new SharedTries({ url: redisUrl, log }),
    (tries) => tries.close(),
  );
  const { accounts } = await stack.step(
    'users',
    () => openAccounts({ link: bus.link, limit, log }),
    ({ close }) => close(),
  );
  const accessNotices = await stack.step(
    'users who guard the listener',
    () => {
      if (listener.withoutUsers !== null && !accounts.users.any && config.oidc === null) throw listener.withoutUsers;
      return listener.notices;
    },
    () => undefined,
  );
  return { accounts, accessNotices };
}
