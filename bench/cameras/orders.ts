/** Orders and reports of the benchmark's processes, as JSON over their channels. */

export interface ServerStarted {
  readonly port: number;
  /** Start of all cameras' films, on the kernel's monotonic clock, ms. */
  readonly beganAt: number;
}

export interface ServerFigures {
  /** Clients that play now, and PLAY requests so far: more than cameras when they were opened again. */
  readonly playing: number;
  readonly played: number;
  /** Pictures sent, and those left out because a client did not read. */
  readonly sent: number;
  readonly skipped: number;
  /** How much later than planned a picture was sent at worst since the last report, ms. */
  readonly latestMs: number;
  readonly cpuSeconds: number;
}

export interface ProviderOrder {
  readonly keys: number;
  readonly qps: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

export interface ProviderFigures {
  /** Of the newest 100,000. */
  readonly calls: number;
  /** Answered with 429. */
  readonly limited: number;
  readonly failed: number;
}

export interface ViewerOrder {
  readonly url: string;
  /** See `bench/pipeline/clock.ts`. */
  readonly offset: number;
}

/** One aggregate at the viewer. Times in epoch ms. */
export interface SeenFrame {
  readonly camera: number;
  readonly requestId: string;
  /** Arrival of the picture at Gantry. */
  readonly timestamp: number;
  readonly at: number;
  readonly revision: number;
  readonly groups: number;
  /** Groups with the model's verdict about this very frame. */
  readonly judged: readonly number[];
  readonly unknown: number;
  /** Objects by class; of revision 0 only. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface ViewerBatch {
  readonly frames: SeenFrame[];
  alerts: number;
  /** Frames that were replaced by newer ones before they were sent to the viewer. */
  skipped: number;
}

/** To a Gantry with a door, see `gantry.ts`. */
export interface BurstOrder {
  readonly cameraIds: readonly string[];
  readonly seconds: number;
  readonly fps: number;
}

export interface BurstReport {
  /** Pictures wanted, sent, and missed by reason, all cameras together. */
  readonly sent: number;
  readonly missed: Readonly<Record<string, number>>;
  /** Bursts that were refused. */
  readonly refused: readonly string[];
}
