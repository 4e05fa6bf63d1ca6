import { type KV, NatsError } from 'nats';
import { LOCK_LIFE_MS, type LockStore } from '../leadership.ts';
import type { NatsBus } from './bus.ts';
import { asInfraError } from './errors.ts';

const BUCKET = 'LOCKS';
const MAX_BYTES = 1024 * 1024;
/** JetStream's code for a write over another revision. */
const WRONG_REVISION = 10_071;

/** {@link LockStore} as a JetStream key-value bucket whose entries run out. */
export class JetStreamLocks implements LockStore {
  readonly #bus: NatsBus;
  #opening: Promise<KV> | null = null;

  constructor(bus: NatsBus) {
    this.#bus = bus;
  }

  read(name: string): Promise<{ readonly holder: string; readonly revision: number } | null> {
    return this.#try('reading a lock', async (kv) => {
      const entry = await kv.get(name);
      return entry === null || entry.operation !== 'PUT' ? null : { holder: entry.string(), revision: entry.revision };
    });
  }

  write(name: string, holder: string, over: number | null): Promise<number | null> {
    return this.#try('writing a lock', async (kv) => {
      try {
        return await (over === null ? kv.create(name, holder) : kv.update(name, holder, over));
      } catch (thrown) {
        if (thrown instanceof NatsError && thrown.api_error?.err_code === WRONG_REVISION) return null;
        throw thrown;
      }
    });
  }

  async clear(name: string, revision: number): Promise<void> {
    await this.#try('giving back a lock', (kv) => kv.delete(name, { previousSeq: revision }));
  }

  async #try<T>(doing: string, work: (kv: KV) => Promise<T>): Promise<T> {
    const { link } = this.#bus;
    link.require();
    try {
      this.#opening ??= link.nc.jetstream({ timeout: 2_000 }).views.kv(BUCKET, { ttl: LOCK_LIFE_MS, history: 1, max_bytes: MAX_BYTES });
      return await link.whileConnected(this.#opening.then(work));
    } catch (thrown) {
      this.#opening = null;
      throw asInfraError(thrown, doing);
    }
  }
}
