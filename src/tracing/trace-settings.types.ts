/** Bounds of the spans that wait for their export, as `BatchSpanProcessor` takes them. */
export interface BatchLimits {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
}

/** How traces are exported. Plain data. */
export interface TraceSettings {
  /** Share of the traces, 0 to 1. */
  readonly share: number;
  readonly batch: BatchLimits;
}
