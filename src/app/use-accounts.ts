import { BUCKETS } from '../infra/nats/buckets.ts';
import type { NatsLink } from '../infra/nats/connection.ts';
import { JetStreamPreferences } from '../infra/nats/preference-bucket.ts';
import { WatchedBucket } from '../infra/nats/watched-bucket.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock } from '../runtime/clock.ts';
import {
  LinkRecord,
  MOST_ACCOUNTS,
  SessionRecord,
  SharedSecret,
  TokenRecord,
  UserRecord,
} from '../users/account-records.ts';
import { Accounts } from '../users/accounts.ts';
import type { LoginLimit } from '../users/login-limit.ts';

export interface UsedAccounts {
  readonly accounts: Accounts;
  readonly close: () => void;
}

export interface AccountParts {
  readonly link: NatsLink;
  readonly limit: LoginLimit;
  readonly log: ActorLog;
  /** Longest wait for the records, in ms. Default 30 s. */
  readonly startMs?: number;
}

/** A few logins at the same moment may each find room for one more. */
const SPARE = 100;

/** Users, sessions and tokens in NATS, all of them in memory. Rejects `BUS_DOWN`. */
export async function openAccounts({ link, limit, log, startMs }: AccountParts): Promise<UsedAccounts> {
  const opened: Pick<WatchedBucket<unknown>, 'close'>[] = [];
  const close = (): void => opened.forEach((bucket) => bucket.close());
  const records = async <T>(
    plan: (typeof BUCKETS)['accounts' | 'sessions'],
    prefix: string,
    parser: Parameters<typeof WatchedBucket.open<T>>[0]['parser'],
    most: number,
  ): Promise<WatchedBucket<T>> => {
    const bucket = await WatchedBucket.open<T>({ link, plan, prefix, parser, most: most + SPARE, log }, startMs);
    opened.push(bucket);
    return bucket;
  };
  const { users: mostUsers, sessions: mostSessions, tokens: mostTokens, links: mostLinks } = MOST_ACCOUNTS;
  const opening = [
    records<UserRecord>(BUCKETS.accounts, 'user', UserRecord, mostUsers),
    records<SessionRecord>(BUCKETS.sessions, 'session', SessionRecord, mostSessions),
    records<TokenRecord>(BUCKETS.accounts, 'token', TokenRecord, mostTokens),
    records<LinkRecord>(BUCKETS.accounts, 'link', LinkRecord, mostLinks),
    records<SharedSecret>(BUCKETS.accounts, 'secret', SharedSecret, 10),
  ] as const;
  try {
    const [users, sessions, tokens, links, secrets] = await Promise.all(opening);
    const stores = { users, sessions, tokens, links, secrets };
    const preferences = new JetStreamPreferences(link);
    return { accounts: new Accounts({ stores, preferences, limit, clock: systemClock, log }), close };
  } catch (thrown) {
    await Promise.allSettled(opening);
    close();
    throw thrown;
  }
}
