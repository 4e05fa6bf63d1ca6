/** Label names and their values, e.g. `{ queue: 'cache' }`. */
export type MetricLabels = Readonly<Record<string, string>>;

/**
 * Takes what actors count and measure, by the name of the metric. Given to `startSystem`; actors reach it as
 * `ctx.metrics`, in whatever thread or process they run. Recording never throws and never waits.
 */
export interface MetricSink {
  /** Adds to a counter; `by` is 0 or more. */
  inc(name: string, by: number, labels?: MetricLabels): void;
  /** Sets a gauge. */
  set(name: string, value: number, labels?: MetricLabels): void;
  /** Adds one measurement to a histogram. `traceId`: of the work that was measured. */
  observe(name: string, value: number, traceId?: string): void;
}

/** Drops everything: the sink of a system that was started without one. */
export const NO_METRICS: MetricSink = { inc: () => undefined, set: () => undefined, observe: () => undefined };
