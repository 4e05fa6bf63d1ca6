import type { KV } from 'nats';
import { OnDemandStatus } from '../../messages/on-demand.ts';
import type { NatsBus } from './bus.ts';
import { asInfraError } from './errors.ts';

const BUCKET = 'ON_DEMAND';
const LIFE_MS = 3_600_000;
const MAX_BYTES = 64 * 1024 * 1024;
const MOST_TRIES = 10;

/** Statuses of on-demand assessments, the same for every node; gone after one hour. Every method rejects `BUS_DOWN`. */
export interface OnDemandStore {
  create(status: OnDemandStatus): Promise<void>;
  get(id: string): Promise<OnDemandStatus | null>;
  /** Applies `change` to the newest version, again when another node was faster. Null when it is gone. */
  change(id: string, change: (status: OnDemandStatus) => OnDemandStatus): Promise<OnDemandStatus | null>;
}

/** {@link OnDemandStore} as a JetStream key-value bucket. */
export class JetStreamOnDemand implements OnDemandStore {
  readonly #bus: NatsBus;
  #opening: Promise<KV> | null = null;

  constructor(bus: NatsBus) {
    this.#bus = bus;
  }

  async create(status: OnDemandStatus): Promise<void> {
    await this.#try('storing an assessment', async (kv) => kv.put(status.id, JSON.stringify(status)));
  }

  get(id: string): Promise<OnDemandStatus | null> {
    return this.#try('reading an assessment', async (kv) => {
      const entry = await kv.get(id);
      return entry === null || entry.operation !== 'PUT' ? null : OnDemandStatus.parse(entry.json());
    });
  }

  change(id: string, change: (status: OnDemandStatus) => OnDemandStatus): Promise<OnDemandStatus | null> {
    return this.#try('changing an assessment', async (kv) => {
      for (let attempt = 1; ; attempt++) {
        const entry = await kv.get(id);
        if (entry === null || entry.operation !== 'PUT') return null;
        const next = change(OnDemandStatus.parse(entry.json()));
        try {
          await kv.update(id, JSON.stringify(next), entry.revision);
          return next;
        } catch (thrown) {
          // Somebody wrote in between.
          if (attempt >= MOST_TRIES || !/wrong last sequence/u.test(String(thrown))) throw thrown;
        }
      }
    });
  }

  async #try<T>(doing: string, work: (kv: KV) => Promise<T>): Promise<T> {
    this.#bus.link.require();
    try {
      this.#opening ??= this.#bus.link.nc.jetstream({ timeout: 3_000 }).views.kv(BUCKET, { ttl: LIFE_MS, history: 1, max_bytes: MAX_BYTES });
      return await work(await this.#opening);
    } catch (thrown) {
      this.#opening = null;
      throw asInfraError(thrown, doing);
    }
  }
}
