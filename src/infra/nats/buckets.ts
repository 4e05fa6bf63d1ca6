import { LOCK_LIFE_MS } from '../leadership.ts';

const KB = 1024;
const MB = 1024 * KB;

export interface BucketPlan {
  readonly name: string;
  /** An entry expires this long after it was last written; 0: never. */
  readonly lifeMs: number;
  readonly maxBytes: number;
  /** Bytes of one entry with its headers. The server refuses larger ones from every client. */
  readonly mostEntryBytes: number;
}

/** Key-value buckets. JetStream keeps each as a stream, see {@link bucketStream}. */
export const BUCKETS = {
  // The largest status, with an address of 2,048 characters twice, has 10 kB.
  onDemand: { name: 'ON_DEMAND', lifeMs: 3_600_000, maxBytes: 64 * MB, mostEntryBytes: 16 * KB },
  locks: { name: 'LOCKS', lifeMs: LOCK_LIFE_MS, maxBytes: MB, mostEntryBytes: 4 * KB },
  // Users, API tokens and one-time links: 1,000 of each. A record with 64 groups has 12 kB, a usual one 400 bytes.
  accounts: { name: 'ACCOUNTS', lifeMs: 0, maxBytes: 8 * MB, mostEntryBytes: 16 * KB },
  // 10,000 sessions of 400 bytes.
  sessions: { name: 'SESSIONS', lifeMs: 7 * 24 * 3_600_000, maxBytes: 8 * MB, mostEntryBytes: 4 * KB },
  // 50 releases, of which only the one that runs names its cameras: 10,000 at most.
  releases: { name: 'RELEASES', lifeMs: 0, maxBytes: 8 * MB, mostEntryBytes: 768 * KB },
  // 200 silences, which hold for a week at most, and 1,000 announced alerts, written again each day.
  monitoring: { name: 'MONITORING', lifeMs: 8 * 24 * 3_600_000, maxBytes: 2 * MB, mostEntryBytes: 4 * KB },
  preferences: { name: 'PREFERENCES', lifeMs: 0, maxBytes: 8 * MB, mostEntryBytes: 40 * KB },
} as const satisfies Record<string, BucketPlan>;

export const bucketStream = ({ name }: Pick<BucketPlan, 'name'>): string => `KV_${name}`;
