import type { KV } from 'nats';
import type { BucketPlan } from './buckets.ts';
import type { NatsLink } from './connection.ts';
import { asInfraError } from './errors.ts';

export interface BucketOptions extends BucketPlan {
  readonly link: NatsLink;
  readonly answerMs: number;
}

/** A JetStream key-value bucket, opened when it is first needed, and again after whatever failed. */
export class Bucket {
  readonly #options: BucketOptions;
  #opening: Promise<KV> | null = null;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Rejects `BUS_DOWN`, also as soon as the connection is lost, or `BUS_REFUSED`. */
  async use<T>(doing: string, work: (kv: KV) => Promise<T>): Promise<T> {
    const { link, name, lifeMs, maxBytes, answerMs } = this.#options;
    link.require();
    try {
      this.#opening ??= link.nc.jetstream({ timeout: answerMs }).views.kv(name, { ttl: lifeMs, history: 1, max_bytes: maxBytes });
      return await link.whileConnected(this.#opening.then(work));
    } catch (thrown) {
      this.#opening = null;
      throw asInfraError(thrown, doing);
    }
  }
}
