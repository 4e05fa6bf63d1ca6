import type { Redis } from 'ioredis';
import { asError } from '../runtime/errors.ts';
import { connectRedis } from '../servers/redis.ts';

/** The record of changes as all nodes see it. Every method rejects while it cannot be reached. */
export interface KeyShare {
  /** Null when there is none yet. */
  read(): Promise<{ readonly version: number; readonly body: string } | null>;
  /** Cheap: 0 when there is no record. */
  version(): Promise<number>;
  /** Writes only when `version` is still the newest, and tells the other nodes. False when somebody was faster. */
  replace(version: number, body: string): Promise<boolean>;
  /** Called when another node says that it wrote, when the record can be reached, and after every reconnect, since a word may have been missed. */
  onChanged(listener: () => void): void;
  close(): void;
}

export const KEY_SHARE = { record: 'gantry:keys:changes', channel: 'gantry:keys:changed' } as const;

const REPLACE = `
local current = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if current ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', current + 1, 'body', ARGV[2])
redis.call('PUBLISH', ARGV[3], current + 1)
return 1`;

/** {@link KeyShare} in Redis. The channel carries a version number and nothing else. */
export class RedisKeyShare implements KeyShare {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  #listener: () => void = () => undefined;

  /** `onError` is told of every failed connection. */
  constructor(url: string, onError: (error: Error) => void) {
    const common = { connectTimeout: 2_000, retryStrategy: (attempt: number) => Math.min(100 * attempt, 1_000) };
    this.#commands = connectRedis(url, { ...common, enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 1_000 });
    this.#subscriber = connectRedis(url, { ...common, maxRetriesPerRequest: null });
    for (const client of [this.#commands, this.#subscriber]) client.on('error', (thrown) => onError(asError(thrown)));
    this.#subscriber.on('message', () => this.#listener());
    for (const client of [this.#commands, this.#subscriber]) client.on('ready', () => this.#listener());
    // Queued by the client until it is connected, and repeated by it after every reconnect.
    this.#subscriber.subscribe(KEY_SHARE.channel).catch((thrown: unknown) => onError(asError(thrown)));
  }

  async read(): Promise<{ readonly version: number; readonly body: string } | null> {
    const [version, body] = await this.#commands.hmget(KEY_SHARE.record, 'version', 'body');
    return typeof version !== 'string' || typeof body !== 'string' ? null : { version: Number(version), body };
  }

  async version(): Promise<number> {
    return Number((await this.#commands.hget(KEY_SHARE.record, 'version')) ?? 0);
  }

  async replace(version: number, body: string): Promise<boolean> {
    return (await this.#commands.eval(REPLACE, 1, KEY_SHARE.record, version, body, KEY_SHARE.channel)) === 1;
  }

  onChanged(listener: () => void): void {
    this.#listener = listener;
    if (this.#commands.status === 'ready') listener();
  }

  close(): void {
    this.#listener = () => undefined;
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }
}
