import { corkBriefly } from '../../runtime/cork.ts';
import { connectRedis } from '../../servers/redis-url.ts';

/** The part of ioredis that the gates use. */
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

type Evaluate = LimitsRedis['eval'];

/**
 * ioredis, which sends the text of a script once for each connection and its digest after that. Commands given at the
 * same time go out in one write.
 */
function connectLimits(url: string): LimitsRedis {
  const redis = connectRedis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * attempt, 1_000),
  });
  const known = new Map<string, Evaluate>();
  /** The method that ioredis adds for a script; its types do not know it. */
  const commandOf = (script: string): Evaluate => {
    const name = `limits${known.size}`;
    redis.defineCommand(name, { lua: script });
    const made: unknown = Reflect.get(redis, name);
    if (typeof made !== 'function') throw new Error(`ioredis made no command of a script`);
    return (_, ...rest) => made.apply(redis, rest) as Promise<unknown>;
  };
  return {
    get status() {
      return redis.status;
    },
    on: (event, listener) => redis.on(event, listener),
    eval: (script, ...rest) => {
      const command = known.get(script) ?? commandOf(script);
      known.set(script, command);
      corkBriefly(redis.stream);
      return command(script, ...rest);
    },
    zrem: (key, member) => redis.zrem(key, member),
    disconnect: () => redis.disconnect(),
  };
}

/**
 * A connection for one gate, by `connect` when given. Calls `lost` with every failure, and `ready` each time commands
 * can be sent.
 */
export function openLimits(
  url: string,
  connect: ((url: string) => LimitsRedis) | undefined,
  lost: (error: unknown) => void,
  ready: () => void,
): LimitsRedis {
  const redis = (connect ?? connectLimits)(url);
  redis.on('error', lost);
  redis.on('close', () => lost(new Error('the connection ended')));
  redis.on('ready', ready);
  return redis;
}
