import type { KV } from 'nats';
import type { BucketPlan } from './buckets.ts';
import type { NatsLink } from './connection.ts';

export interface BucketOptions extends BucketPlan {
  readonly link: NatsLink;
  readonly answerMs: number;
}

/** A JetStream key-value bucket. It is opened at its first use, and again after a failure. */
export class Bucket {
  readonly #options: BucketOptions;
  #opening: Promise<KV> | null = null;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Rejects `BUS_DOWN`, also as soon as the connection is lost, or `BUS_REFUSED`. */
  async use<T>(doing: string, work: (kv: KV) => Promise<T>): Promise<T> {
    try {
      return await this.#options.link.call(doing, () => (this.#opening ??= this.#open()).then(work));
    } catch (thrown) {
      this.#opening = null;
      throw thrown;
    }
  }

  async #open(): Promise<KV> {
    const { link, name, lifeMs, maxBytes, mostEntryBytes, answerMs } = this.#options;
    const kv = await link.nc
      .jetstream({ timeout: answerMs })
      .views.kv(name, { ttl: lifeMs, history: 1, max_bytes: maxBytes, maxValueSize: mostEntryBytes });
    const { streamInfo } = await kv.status();
    // An earlier version created it without this bound.
    if (streamInfo.config.max_msg_size !== mostEntryBytes) {
      const jsm = await link.nc.jetstreamManager({ checkAPI: false, timeout: answerMs });
      await jsm.streams.update(streamInfo.config.name, { max_msg_size: mostEntryBytes });
    }
    return kv;
  }
}
