import { NatsError } from 'nats';
import type { LockStore } from '../leadership.ts';
import { Bucket } from './bucket.ts';
import { BUCKETS } from './buckets.ts';
import type { NatsBus } from './nats-bus.ts';

/** JetStream's code for a write over another revision. */
const WRONG_REVISION = 10_071;

/** {@link LockStore} as a JetStream key-value bucket whose entries expire. */
export class JetStreamLocks implements LockStore {
  readonly #bucket: Bucket;

  constructor({ link }: NatsBus) {
    this.#bucket = new Bucket({ link, ...BUCKETS.locks, answerMs: 2_000 });
  }

  read(name: string): Promise<{ readonly holder: string; readonly revision: number } | null> {
    return this.#bucket.use('reading a lock', async (kv) => {
      const entry = await kv.get(name);
      return entry === null || entry.operation !== 'PUT' ? null : { holder: entry.string(), revision: entry.revision };
    });
  }

  write(name: string, holder: string, over: number | null): Promise<number | null> {
    return this.#bucket.use('writing a lock', async (kv) => {
      try {
        return await (over === null ? kv.create(name, holder) : kv.update(name, holder, over));
      } catch (thrown) {
        if (thrown instanceof NatsError && thrown.api_error?.err_code === WRONG_REVISION) return null;
        throw thrown;
      }
    });
  }

  async clear(name: string, revision: number): Promise<void> {
    await this.#bucket.use('giving back a lock', (kv) => kv.delete(name, { previousSeq: revision }));
  }
}
