import { Bucket } from './bucket.ts';
import { BUCKETS } from './buckets.ts';
import type { NatsLink } from './connection.ts';

/** Preferences of people, as JSON text by owner, in a JetStream key-value bucket. Every method rejects `BUS_DOWN`. */
export class JetStreamPreferences {
  readonly #bucket: Bucket;

  constructor(link: NatsLink) {
    this.#bucket = new Bucket({ link, ...BUCKETS.preferences, answerMs: 3_000 });
  }

  /** Null when there are none. */
  read(owner: string): Promise<string | null> {
    return this.#bucket.use('reading preferences', async (kv) => {
      const entry = await kv.get(keyOf(owner));
      return entry === null || entry.operation !== 'PUT' ? null : entry.string();
    });
  }

  async write(owner: string, json: string): Promise<void> {
    await this.#bucket.use('storing preferences', (kv) => kv.put(keyOf(owner), json));
  }

  async remove(owner: string): Promise<void> {
    await this.#bucket.use('removing preferences', (kv) => kv.delete(keyOf(owner)));
  }
}

const keyOf = (owner: string): string => Buffer.from(owner, 'utf8').toString('base64url');
