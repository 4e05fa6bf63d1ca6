/** The messages between the benchmark and its server. */

/** To the server, before it publishes. */
export interface PageServerOrder {
  readonly cameras: number;
  /** Alerts per second, besides one frame per camera and second. */
  readonly alertsPerSecond: number;
}

/** From the server, once it listens. */
export interface PageServerReady {
  readonly url: string;
}

/** From the server, for each alert. */
export interface AlertSent {
  readonly requestId: string;
  /** Ms since the epoch. */
  readonly at: number;
}
