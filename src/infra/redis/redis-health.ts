/**
 * What could be done to Redis, as the system uses it. `degraded`: it is there, and does not do what is asked; the
 * notice says why.
 */
export type RedisState = 'connected' | 'degraded' | 'reconnecting' | 'off';

export interface RedisHealth {
  readonly state: RedisState;
  /** False for the embedded stand-in: nothing survives its end. */
  readonly durable: boolean;
  /** What an operator must know, and do. */
  readonly notice: string | null;
  /** Writes that could not be made since the start. */
  readonly failedWrites: number;
}
