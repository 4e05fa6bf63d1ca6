import { type KV, type KvEntry, NatsError } from 'nats';
import { type BodyBounds, MESSAGE } from '../../messages/bounds.ts';
import { readBody } from '../../messages/read-body.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { Parser } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import { LineLimit } from '../line-limit.ts';
import { Bucket } from './bucket.ts';
import type { BucketPlan } from './buckets.ts';
import type { NatsLink } from './connection.ts';

const ANSWER_MS = 3_000;
const AGAIN_MS = 250;
const LOG_EVERY_MS = 10_000;
const MOST_TRIES = 10;
/** Removed records whose revision is remembered. */
const MOST_GONE = 1_000;
/** JetStream's code for a write over another revision. */
const WRONG_REVISION = 10_071;

export interface WatchedBucketOptions<T> {
  readonly link: NatsLink;
  readonly plan: BucketPlan;
  /** First part of the keys of these records, without the dot. Several kinds can share a bucket. */
  readonly prefix: string;
  readonly parser: Parser<T>;
  readonly bounds?: BodyBounds;
  /** Records held in memory; further ones are left out, and logged. */
  readonly most: number;
  readonly log: ActorLog;
}

/**
 * Records of a key-value bucket, held in memory and kept up to date by every node's writes. They can be read while NATS
 * is away. After every reconnect they are read anew. Records that cannot be read are logged and left out.
 */
export class WatchedBucket<T> {
  readonly #options: WatchedBucketOptions<T>;
  readonly #bucket: Bucket;
  readonly #entries = new Map<string, T>();
  /** Newest known revision of each key, so that a late notice does not undo a newer write of this node. */
  readonly #revisions = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  readonly #ended = new AbortController();
  readonly #loaded = Promise.withResolvers<void>();
  #stopWatch: () => void = () => undefined;
  #leaveLink: () => void = () => undefined;

  private constructor(options: WatchedBucketOptions<T>) {
    this.#options = options;
    this.#bucket = new Bucket({ link: options.link, ...options.plan, answerMs: ANSWER_MS });
  }

  /** Resolves once all records are in memory. Rejects `BUS_DOWN` when that takes longer than `startMs`. */
  static async open<T>(options: WatchedBucketOptions<T>, startMs = 30_000): Promise<WatchedBucket<T>> {
    const bucket = new WatchedBucket(options);
    bucket.#leaveLink = options.link.onChange((state) => {
      if (state === 'connected') bucket.#stopWatch();
    });
    void bucket.#follow();
    const late = setTimeout(
      () => bucket.#loaded.reject(new InfraError('BUS_DOWN', `the bucket ${options.plan.name} could not be read`)),
      startMs,
    );
    try {
      await bucket.#loaded.promise;
      return bucket;
    } catch (thrown) {
      bucket.close();
      throw thrown;
    } finally {
      clearTimeout(late);
    }
  }

  get entries(): ReadonlyMap<string, T> {
    return this.#entries;
  }

  /** The record as stored now. Rejects `BUS_DOWN`. */
  fetch(key: string): Promise<T | null> {
    return this.#bucket.use('reading a record', async (kv) => {
      const entry = await kv.get(this.#full(key));
      return entry === null || entry.operation !== 'PUT' ? null : this.#read(entry);
    });
  }

  /** Applies `change` to the newest record, see `SharedRecords`. Rejects `BUS_DOWN`, or with the error of `change`. */
  async change(key: string, change: (known: T | null) => T | null): Promise<T | null> {
    const outcome = await this.#bucket.use('changing a record', (kv) => this.#changeIn(kv, key, change));
    if ('refusal' in outcome) throw outcome.refusal;
    return outcome.record;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#ended.abort();
    this.#leaveLink();
    this.#stopWatch();
    this.#loaded.promise.catch(() => undefined);
    this.#loaded.reject(new InfraError('BUS_DOWN', 'the connection to NATS was closed'));
  }

  async #changeIn(
    kv: KV,
    key: string,
    change: (known: T | null) => T | null,
  ): Promise<{ readonly record: T | null } | { readonly refusal: unknown }> {
    const full = this.#full(key);
    for (let attempt = 1; ; attempt += 1) {
      const entry = await kv.get(full);
      const stored = entry !== null && entry.operation === 'PUT';
      const known = stored ? this.#read(entry) : null;
      let next: T | null;
      try {
        next = change(known);
      } catch (refusal) {
        return { refusal };
      }
      if (next === known && (next !== null || !stored)) return { record: next };
      try {
        this.#apply(key, next, await write(kv, full, next, stored ? entry.revision : null));
        return { record: next };
      } catch (thrown) {
        // Another node wrote in between.
        if (attempt >= MOST_TRIES || !isOutdated(thrown)) throw thrown;
      }
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await this.#watchOnce();
      } catch (thrown) {
        const { message } = asError(thrown);
        if (!signal.aborted && this.#lines.mayLog())
          this.#options.log.warn(
            { bucket: this.#options.plan.name, err: message },
            `records of ${this.#options.plan.name} are as last known, as they cannot be read: ${message}`,
          );
      }
      await pause(systemClock, AGAIN_MS, signal);
    }
  }

  /** Reads all records and follows their changes, until the connection was lost and is back. */
  async #watchOnce(): Promise<void> {
    const { prefix } = this.#options;
    const seen = new Set<string>();
    // The bucket may be another one now, whose revisions began anew.
    this.#revisions.clear();
    const watch = await this.#bucket.use('following records', (kv) =>
      kv.watch({ key: `${prefix}.>`, initializedFn: () => this.#onAllSeen(seen) }),
    );
    this.#stopWatch = () => watch.stop();
    if (this.#ended.signal.aborted) watch.stop();
    for await (const entry of watch) {
      const key = entry.key.slice(prefix.length + 1);
      seen.add(key);
      if (entry.revision < (this.#revisions.get(key) ?? 0)) continue;
      const value = entry.operation === 'PUT' ? this.#read(entry) : null;
      this.#apply(key, value, entry.revision);
    }
  }

  /** Forgets records that went while nobody looked. */
  #onAllSeen(seen: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) {
      if (seen.has(key)) continue;
      this.#entries.delete(key);
      this.#revisions.delete(key);
    }
    this.#tell();
    this.#loaded.resolve();
  }

  #apply(key: string, value: T | null, revision: number): void {
    if (revision < (this.#revisions.get(key) ?? 0)) return;
    if (value !== null && !this.#entries.has(key) && this.#entries.size >= this.#options.most) {
      if (this.#lines.mayLog())
        this.#options.log.error({ most: this.#options.most }, `too many records in ${this.#options.plan.name}`);
      return;
    }
    this.#revisions.set(key, revision);
    if (this.#revisions.size > this.#entries.size + MOST_GONE) this.#forgetGone();
    if (value === null) this.#entries.delete(key);
    else this.#entries.set(key, value);
    this.#tell();
  }

  #forgetGone(): void {
    for (const key of this.#revisions.keys()) if (!this.#entries.has(key)) this.#revisions.delete(key);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #read(entry: KvEntry): T | null {
    try {
      return readBody(entry.value, this.#options.parser, this.#options.bounds ?? MESSAGE);
    } catch (thrown) {
      if (this.#lines.mayLog()) {
        const { message } = asError(thrown);
        this.#options.log.error({ bucket: this.#options.plan.name }, `a record could not be used: ${message}`);
      }
      return null;
    }
  }

  #full(key: string): string {
    return `${this.#options.prefix}.${key}`;
  }
}

/** Writes a record over this revision, null: as a new one. A record of null is removed. Resolves to its revision. */
async function write(kv: KV, key: string, record: unknown, over: number | null): Promise<number> {
  if (record === null) {
    await kv.delete(key, { previousSeq: over ?? 0 });
    return over ?? 0;
  }
  const json = JSON.stringify(record);
  return over === null ? kv.create(key, json) : kv.update(key, json, over);
}

const isOutdated = (thrown: unknown): boolean =>
  thrown instanceof NatsError && thrown.api_error?.err_code === WRONG_REVISION;
