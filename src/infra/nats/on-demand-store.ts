import { OnDemandStatus } from '../../messages/on-demand.ts';
import { readBody } from '../../messages/read-body.ts';
import { Bucket } from './bucket.ts';
import { BUCKETS } from './buckets.ts';
import type { NatsBus } from './nats-bus.ts';

const MOST_TRIES = 10;
/**
 * Statuses of on-demand assessments, shared by all nodes and kept for one hour. A status that cannot be read counts as
 * gone. Every method rejects `BUS_DOWN`.
 */
export interface OnDemandStore {
  create(status: OnDemandStatus): Promise<void>;
  get(id: string): Promise<OnDemandStatus | null>;
  /** Applies `change` to the newest version, and again when another node wrote in between. Null when it is gone. */
  change(id: string, change: (status: OnDemandStatus) => OnDemandStatus): Promise<OnDemandStatus | null>;
}

/** {@link OnDemandStore} as a JetStream key-value bucket. */
export class JetStreamOnDemand implements OnDemandStore {
  readonly #bus: Pick<NatsBus, 'badBody'>;
  readonly #bucket: Bucket;

  constructor(bus: NatsBus) {
    this.#bus = bus;
    this.#bucket = new Bucket({ link: bus.link, ...BUCKETS.onDemand, answerMs: 3_000 });
  }

  async create(status: OnDemandStatus): Promise<void> {
    await this.#bucket.use('storing an assessment', async (kv) => kv.put(status.id, JSON.stringify(status)));
  }

  get(id: string): Promise<OnDemandStatus | null> {
    return this.#bucket.use('reading an assessment', async (kv) => {
      const entry = await kv.get(id);
      return entry === null || entry.operation !== 'PUT' ? null : this.#read(entry.value);
    });
  }

  change(id: string, change: (status: OnDemandStatus) => OnDemandStatus): Promise<OnDemandStatus | null> {
    return this.#bucket.use('changing an assessment', async (kv) => {
      for (let attempt = 1; ; attempt++) {
        const entry = await kv.get(id);
        if (entry === null || entry.operation !== 'PUT') return null;
        const known = this.#read(entry.value);
        if (known === null) return null;
        const next = change(known);
        try {
          await kv.update(id, JSON.stringify(next), entry.revision);
          return next;
        } catch (thrown) {
          // Another node wrote in between.
          if (attempt >= MOST_TRIES || !/wrong last sequence/u.test(String(thrown))) throw thrown;
        }
      }
    });
  }

  #read(value: Uint8Array): OnDemandStatus | null {
    try {
      return readBody(value, OnDemandStatus);
    } catch (thrown) {
      this.#bus.badBody(`the bucket ${BUCKETS.onDemand.name}`, thrown);
      return null;
    }
  }
}
