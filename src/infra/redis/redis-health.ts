/** `degraded`: Redis answers, but refuses commands; the notice says why. `off`: the connection was closed. */
export type RedisState = 'connected' | 'degraded' | 'reconnecting' | 'off';

export interface RedisHealth {
  readonly state: RedisState;
  /** False for the embedded stand-in: it keeps nothing over a restart. */
  readonly durable: boolean;
  /** The problem and its remedy, for the operator; null when all is well. */
  readonly notice: string | null;
  /** Failed writes since the start. */
  readonly failedWrites: number;
}
