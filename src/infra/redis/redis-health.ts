/** `degraded`: Redis answers, but does not do what is asked; the notice says why. `off`: the connection was closed. */
export type RedisState = 'connected' | 'degraded' | 'reconnecting' | 'off';

export interface RedisHealth {
  readonly state: RedisState;
  /** False for the embedded stand-in: it keeps nothing over a restart. */
  readonly durable: boolean;
  /** What is wrong and what the operator can do; null when all is well. */
  readonly notice: string | null;
  /** Failed writes since the start. */
  readonly failedWrites: number;
}
