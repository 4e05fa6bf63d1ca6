import { LOCK_LIFE_MS } from '../leadership.ts';

const KB = 1024;
const MB = 1024 * KB;

export interface BucketPlan {
  readonly name: string;
  /** An entry expires this long after it was last written. */
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
} as const satisfies Record<string, BucketPlan>;

export const bucketStream = ({ name }: Pick<BucketPlan, 'name'>): string => `KV_${name}`;
