import type { Redis } from 'ioredis';
import { asError } from '../runtime/errors.ts';
import { connectRedis } from '../servers/redis-url.ts';

/** The record of changes in Redis; `unusable`: something that no Gantry wrote stands in its place. */
export type SharedRecord =
  | { readonly kind: 'none' }
  | { readonly kind: 'body'; readonly body: string }
  | { readonly kind: 'unusable'; readonly why: string };

/** The content that a write may replace: the body that was read (null: none), or any. */
export type Previous = { readonly body: string | null } | 'anything';

/** The record of changes as all nodes see it. Every method rejects while it cannot be reached. */
export interface KeyShare {
  read(): Promise<SharedRecord>;
  /** Writes only when the content is still as read, and tells the other nodes. False when another node was faster. */
  replace(previous: Previous, body: string): Promise<boolean>;
  /**
   * Calls `listener` when another node says that it wrote, when the record can be reached, and after every reconnect,
   * since a message may have been missed. At most four times a second.
   */
  onChanged(listener: () => void): void;
  close(): void;
}

export const KEY_SHARE = { record: 'gantry:keys:changes', channel: 'gantry:keys:changed' } as const;

/** Room for the largest sealed record. A larger body is not read. */
const MAX_BYTES = 2_200_000;
const QUIET_MS = 250;

// The version is for people and messages only; the comparison is that of the body.
const REPLACE = `
local kind = redis.call('TYPE', KEYS[1])
if type(kind) == 'table' then kind = kind['ok'] end
if ARGV[1] == 'anything' then
  if kind ~= 'none' and kind ~= 'hash' then redis.call('DEL', KEYS[1]) end
else
  if kind ~= 'none' and kind ~= 'hash' then return 0 end
  local current = redis.call('HGET', KEYS[1], 'body') or ''
  if current ~= ARGV[2] then return 0 end
end
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if not version or not (version >= 0 and version < 1000000000000) then version = 0 end
version = math.floor(version) + 1
redis.call('HSET', KEYS[1], 'version', version, 'body', ARGV[3])
redis.call('PUBLISH', ARGV[4], version)
return 1`;

/** {@link KeyShare} in Redis. The channel carries a version number and nothing else. */
export class RedisKeyShare implements KeyShare {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  #listener: () => void = () => undefined;
  #soon: NodeJS.Timeout | null = null;

  /** `onError` is told of every failed connection. */
  constructor(url: string, onError: (error: Error) => void) {
    const common = { connectTimeout: 2_000, retryStrategy: (attempt: number) => Math.min(100 * attempt, 1_000) };
    this.#commands = connectRedis(url, {
      ...common,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: 1_000,
    });
    this.#subscriber = connectRedis(url, { ...common, maxRetriesPerRequest: null });
    for (const client of [this.#commands, this.#subscriber]) client.on('error', (thrown) => onError(asError(thrown)));
    this.#subscriber.on('message', () => this.#told());
    for (const client of [this.#commands, this.#subscriber]) client.on('ready', () => this.#told());
    // Queued by the client until it is connected, and repeated by it after every reconnect.
    this.#subscriber.subscribe(KEY_SHARE.channel).catch((thrown: unknown) => onError(asError(thrown)));
  }

  async read(): Promise<SharedRecord> {
    const kind = await this.#commands.type(KEY_SHARE.record);
    if (kind === 'none') return { kind: 'none' };
    if (kind !== 'hash') return { kind: 'unusable', why: `${KEY_SHARE.record} in Redis is a ${kind.slice(0, 20)}` };
    const size = await this.#commands.hstrlen(KEY_SHARE.record, 'body');
    if (size > MAX_BYTES)
      return {
        kind: 'unusable',
        why: `${KEY_SHARE.record} in Redis has ${size} bytes, more than the ${MAX_BYTES} it may have`,
      };
    const body = await this.#commands.hget(KEY_SHARE.record, 'body');
    return body === null || body === '' ? { kind: 'none' } : { kind: 'body', body };
  }

  async replace(previous: Previous, body: string): Promise<boolean> {
    const [mode, expected] = previous === 'anything' ? ['anything', ''] : ['same', previous.body ?? ''];
    return (await this.#commands.eval(REPLACE, 1, KEY_SHARE.record, mode, expected, body, KEY_SHARE.channel)) === 1;
  }

  onChanged(listener: () => void): void {
    this.#listener = listener;
    if (this.#commands.status === 'ready') listener();
  }

  close(): void {
    this.#listener = () => undefined;
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }

  #told(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#listener();
    }, QUIET_MS).unref();
  }
}
