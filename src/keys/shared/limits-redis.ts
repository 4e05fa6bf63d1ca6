import { Redis } from 'ioredis';

/** What the gates need of a connection to Redis; ioredis has it. */
export interface LimitsRedis {
  /** `ready` while commands can be sent. */
  readonly status: string;
  on(event: 'error' | 'close' | 'ready', listener: (error?: unknown) => void): unknown;
  /** Rejects when there is no answer within half a second; the command may be carried out all the same, and later. */
  eval(script: string, keyCount: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
  zrem(key: string, member: string): Promise<unknown>;
  disconnect(): void;
}

export const COMMAND_TIMEOUT_MS = 500;

const connectLimits = (url: string): LimitsRedis =>
  new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 2_000, commandTimeout: COMMAND_TIMEOUT_MS, retryStrategy: (attempt) => Math.min(100 * attempt, 1_000) });

/** A connection of one gate's own, by `connect` when given. `lost` is told of every failure, `ready` each time commands can be sent. */
export function openLimits(url: string, connect: ((url: string) => LimitsRedis) | undefined, lost: (error: unknown) => void, ready: () => void): LimitsRedis {
  const redis = (connect ?? connectLimits)(url);
  redis.on('error', lost);
  redis.on('close', () => lost(new Error('the connection ended')));
  redis.on('ready', ready);
  return redis;
}
