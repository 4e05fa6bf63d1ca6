import { LOCK_LIFE_MS } from '../leadership.ts';

const MB = 1024 * 1024;

export interface BucketPlan {
  readonly name: string;
  /** An entry is gone so long after it was last written. */
  readonly lifeMs: number;
  readonly maxBytes: number;
}

/** Key-value buckets. JetStream keeps each as a stream, see {@link bucketStream}. */
export const BUCKETS = {
  onDemand: { name: 'ON_DEMAND', lifeMs: 3_600_000, maxBytes: 64 * MB },
  locks: { name: 'LOCKS', lifeMs: LOCK_LIFE_MS, maxBytes: MB },
} as const satisfies Record<string, BucketPlan>;

export const bucketStream = ({ name }: Pick<BucketPlan, 'name'>): string => `KV_${name}`;
