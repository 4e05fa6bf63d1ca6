/** What could be done to Redis, as the system uses it. Implemented over ioredis. */
export type RedisState = 'connected' | 'reconnecting' | 'off';

export interface RedisHealth {
  readonly state: RedisState;
  /** False for the embedded stand-in: nothing survives its end. */
  readonly durable: boolean;
  readonly notice: string | null;
  /** Writes that could not be made since the start. */
  readonly failedWrites: number;
}
